"""What mail programs break on the way, mended: one small function for each kind of damage, named in the journal.

No repair makes unsigned content look signed: each only says where the OpenPGP octets are, or gives them back the form
they had. gpg judges what comes out.
"""

import binascii
import re
from collections.abc import Callable, Iterator

from mailbot.mail.limits import MIB
from mailbot.mail.markup import html_to_text
from mailbot.mail.mime import Part
from mailbot.mail.text import shown_parts

BEGIN_MESSAGE = b"-----BEGIN PGP MESSAGE-----"
MENDED_MOST = 32 * MIB  # octets of armour in which damage is looked for
_VERSION = b"Version: 1"  # the whole body of an application/pgp-encrypted part (RFC 3156 §4)
_LOOKED_AT = 4_096  # octets of a part, to see whether it is armour; of both ends of armour, to see damage


def name_of(repair: Callable[..., object]) -> str:
    """The name that is journalled."""
    return repair.__name__.replace("_", " ")


# ---------------------------------------------------------------- PGP/MIME taken apart: where is the sealed part?


def pgp_mime_taken_apart(root: Part) -> Part | None:
    """Exchange makes multipart/mixed of multipart/encrypted, often with an empty text in front; others do likewise.

    The two parts of RFC 3156 §4 are still somewhere in it, one behind the other, under whatever type.
    """
    leaves = root.leaves()
    if root.type == "multipart/signed" or not any(_is_version_part(leaf) for leaf in leaves):
        return None
    return next((leaf for leaf in leaves if holds_message(leaf)), None)


def footer_round_encryption(root: Part) -> Part | None:
    """Lists and gateways put a multipart/encrypted into a multipart/mixed, to add a text of theirs."""
    if root.type != "multipart/mixed":
        return None
    wrapped = _only(child for child in root.children if child.type == "multipart/encrypted")
    return _only(child for child in wrapped.children if holds_message(child)) if wrapped else None


def armoured_attachment_alone(root: Part) -> Part | None:
    """Only the armoured part is left: as the whole body, or as the one attachment to an empty text."""
    if any(_says_something(part) for part in shown_parts(root)):
        return None
    leaves = [part for part in root.leaves() if not part.type.startswith("text/") or part.is_attachment]
    return leaves[0] if len(leaves) == 1 and holds_message(leaves[0]) else None


TAKEN_APART: tuple[Callable[[Part], Part | None], ...] = (
    footer_round_encryption,
    pgp_mime_taken_apart,
    armoured_attachment_alone,
)


def holds_message(part: Part) -> bool:
    """Whether its decoded body begins as an encrypted OpenPGP message does, armoured or not."""
    if part.children:
        return False
    start = part.decoded(_LOOKED_AT).lstrip()
    binary = part.type in _BINARY or part.filename.lower().endswith((".pgp", ".gpg"))
    # A session-key packet in front: old format with one or two octets of length, or new format (RFC 9580 §4.2).
    return start.startswith(BEGIN_MESSAGE) or (binary and start[:1] in {b"\x84", b"\x85", b"\xc1"})


_BINARY = frozenset({
    "application/octet-stream", "application/pgp-encrypted", "application/pgp", "application/x-pgp-encrypted",
})  # fmt: skip


def _is_version_part(part: Part) -> bool:
    return not part.children and (
        (part.type == "application/pgp-encrypted" and not holds_message(part)) or part.starts_with(_VERSION, 80)
    )


def _says_something(part: Part) -> bool:
    text = part.decoded(_LOOKED_AT).decode("latin-1")  # whatever the charset: a letter is a letter
    return bool((html_to_text(text) if part.type == "text/html" else text).strip())


def _only(parts: Iterator[Part]) -> Part | None:
    found = list(parts)
    return found[0] if len(found) == 1 else None


# ---------------------------------------------------------------- signed mail wrapped: which part was signed?


def signed_mail_taken_apart(root: Part) -> Part | None:
    """A multipart/signed whose type a gateway changed: one part, and the signature beside it."""
    alone = len(root.children) == 2 and holds_signature(root.children[1])
    return root if alone and root.type in {"multipart/mixed", "multipart/related"} else None


def holds_signature(part: Part) -> bool:
    """Whether it is a detached OpenPGP signature: by its type, or, if a gateway changed that, by what is in it."""
    if part.type == "application/pgp-signature":
        return True
    renamed = part.type in {"application/octet-stream", "text/plain"} and part.filename.lower().endswith(
        (".asc", ".sig")
    )
    return renamed and part.starts_with(b"-----BEGIN PGP SIGNATURE-----")


def footer_round_signed_mail(root: Part) -> Part | None:
    """Lists and gateways put signed mail into a multipart/mixed and a text of theirs behind it.

    Only text, and only behind: what stands in front of the author's words could be taken for them.
    """
    first, *others = root.children or (None,)
    if root.type != "multipart/mixed" or first is None or not others:
        return None
    if any(not part.type.startswith("text/") or part.is_attachment for part in others):
        return None
    return first if first.type == "multipart/signed" else signed_mail_taken_apart(first)


def wrapper_round_signed_mail(root: Part) -> Part | None:
    """A gateway that had nothing to add put the signed mail into a multipart/mixed all the same."""
    if root.type != "multipart/mixed" or len(root.children) != 1:
        return None
    only = root.children[0]
    return only if only.type == "multipart/signed" else signed_mail_taken_apart(only)


def list_round_signed_mail(root: Part) -> Part | None:
    """A mailing list that says it is one may put its text in front as well, and other parts behind."""
    if root.type != "multipart/mixed" or not says_it_is_a_list(root):
        return None
    return _only(child for child in root.children if child.type == "multipart/signed")


def says_it_is_a_list(root: Part) -> bool:
    """Whether the mail claims to have come over a mailing list."""
    return root.fields.has("list-id", "list-post", "x-beenthere", "mailing-list")


WRAPPED: tuple[Callable[[Part], Part | None], ...] = (
    signed_mail_taken_apart,
    wrapper_round_signed_mail,
    footer_round_signed_mail,
    list_round_signed_mail,
)


# ---------------------------------------------------------------- damaged armour

# A `=` ends the last line of base64 and begins the checksum (which may read `=3Dxy`); anywhere else it is no armour's.
_QUOTED = re.compile(
    rb"(?<=[A-Za-z0-9+/])=[0-9A-Fa-f]{2}"
    rb"|\n[ \t]*=3[Dd][A-Za-z0-9+/]{4}[ \t]*\r?\n"
    rb"|=[ \t]*\r?\n(?![ \t\xa0\xc2]*[=\r\n-])"
)
_HEAD = 1_000  # octets of armour in which its own headers lie
_HEADERS_MOST = 20  # lines such as `Version:`
_HEADER_LINE = re.compile(rb"[A-Za-z][A-Za-z-]{1,30}:[^\n]{0,500}\n")
_EDGES = re.compile(rb"^[ \t]|[ \t]\r?$", re.MULTILINE)


def quoted_printable_left_in_armour(block: bytes) -> bytes:
    """The part lost its Content-Transfer-Encoding: `=3D` for `=`, and lines ended by `=`."""
    damaged = _QUOTED.search(block[:_LOOKED_AT]) or _QUOTED.search(block[-_LOOKED_AT:])
    return binascii.a2b_qp(block) if damaged else block


def no_break_spaces_in_armour(block: bytes) -> bytes:
    """Web mail programs keep spaces from being folded together."""
    return block.replace(b"\xc2\xa0", b" ").replace(b"\xa0", b" ") if b"\xa0" in block else block


def spaces_round_armour_lines(block: bytes) -> bytes:
    """format=flowed and HTML indent lines, or leave a space at their end; in base64 no space means anything."""
    end = block.rfind(b"-----END")
    start = min(block.find(b"\n", _HEAD) + 1 or end, end)  # the armour's headers are before it, and hold spaces
    head, body = block[:start], block[start:end]
    if not _EDGES.search(head) and b" " not in body and b"\t" not in body:
        return block
    lines = b"\n".join(line.strip(b" \t\r") for line in head.split(b"\n"))
    return lines + body.translate(None, b" \t") + block[end:]


def no_blank_line_in_armour(block: bytes) -> bytes:
    """The blank line after the armour's own headers is gone (RFC 9580 §6.2 wants one even if there are none)."""
    at = block.find(b"\n") + 1
    for _ in range(_HEADERS_MOST):
        header = _HEADER_LINE.match(block, at)
        at = header.end() if header else at
    return block if block[at : at + 2].lstrip(b"\r")[:1] == b"\n" else block[:at] + b"\n" + block[at:]


MENDED: tuple[Callable[[bytes], bytes], ...] = (
    no_break_spaces_in_armour,
    quoted_printable_left_in_armour,
    no_break_spaces_in_armour,  # again: they may have been quoted
    spaces_round_armour_lines,
    no_blank_line_in_armour,
)


def mend_armour(block: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The armoured block as it was before it was damaged, and the names of what was mended."""
    names: list[str] = []
    for mend in MENDED if len(block) <= MENDED_MOST else ():
        mended = mend(block)
        if mended != block:
            names.append(name_of(mend))
            block = mended
    return block, tuple(dict.fromkeys(names))
