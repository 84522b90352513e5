"""Where the OpenPGP octets of a mail lie: the forms of RFC 3156, inline PGP, and what programs make of them.

Only the top of a mail counts. What is encrypted or signed deeper inside, or in an attached message, is passed on as it
is (trust.md 3).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from mailbot.mail.limits import MIB
from mailbot.mail.markup import html_to_text
from mailbot.mail.mime import Part
from mailbot.mail.repairs import (
    TAKEN_APART,
    WRAPPED,
    holds_message,
    holds_signature,
    mend_armour,
    name_of,
    says_it_is_a_list,
)
from mailbot.mail.text import is_text, shown_parts

CLEARSIGNED_MOST = 8 * MIB  # octets of a clearsigned text, which is read line by line
INLINE_MOST = 10  # text parts in which armour is looked for
HTML_MOST = 1 * MIB  # octets of an HTML part in which armour is looked for
_ARMOUR_HEAD = 1_000  # octets in which the armour's own headers lie
_CHARSET = re.compile(rb"^Charset:[ \t]*([\w.:+-]{1,40})[ \t\r]*$", re.MULTILINE)
PARTIAL_MOST = 3  # signatures over parts of a mail that are judged at all; they vouch for nothing


# ---------------------------------------------------------------- encrypted


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted message at the top of a mail."""

    ciphertext: bytes = field(repr=False)
    inline: bool = False  # what lies in it may be plain text, no MIME entity
    charset: str = ""  # of the text that it stood in
    beside: tuple[Part, ...] = ()  # attachments that were encrypted by themselves
    repairs: tuple[str, ...] = ()


def find_sealed(root: Part) -> Sealed | None:
    """The encrypted message that this entity is, or that was made of it on the way; None if there is none."""
    if is_signed(root):
        return None  # the signature outside is looked at first
    part, repairs = _sealed_part(root)
    if part is None:
        return _find_inline_sealed(root)
    body = part.decoded()
    block = _find_block(body, _MESSAGE)
    armoured, mended = mend_armour(block.octets) if block else (body, ())
    return Sealed(armoured, repairs=repairs + mended)


def _sealed_part(root: Part) -> tuple[Part | None, tuple[str, ...]]:
    """RFC 3156 §4, else the first repair that finds something."""
    if root.type == "multipart/encrypted" and root.children:
        beside = ("parts beside the encrypted one left out",) if len(root.children) > 2 else ()
        return next((child for child in root.children if holds_message(child)), root.children[-1]), beside
    for repair in TAKEN_APART:
        if (part := repair(root)) is not None:
            return part, (name_of(repair),)
    return None, ()


def _find_inline_sealed(root: Part) -> Sealed | None:
    found = _find_inline(root, _MESSAGE)
    if found is None:
        return None
    armoured, mended = mend_armour(found.block.octets)
    repairs = found.repairs + mended + found.left_out
    said = _CHARSET.search(armoured[:_ARMOUR_HEAD])
    charset = said[1].decode("ascii") if said else found.part.content.get("charset")
    beside = tuple(_encrypted_beside(root))
    return Sealed(armoured, inline=True, charset=charset, beside=beside, repairs=repairs)


def _encrypted_beside(root: Part) -> Iterator[Part]:
    """Attachments that programs without PGP/MIME encrypted one by one: `list.pdf.pgp` beside an armoured text."""
    return (leaf for leaf in root.leaves() if _is_file(leaf) and holds_message(leaf))


def _is_file(leaf: Part) -> bool:
    return not is_text(leaf) or leaf.is_attachment


# ---------------------------------------------------------------- signed


@dataclass(frozen=True, slots=True)
class SignedPart:
    """A part and the detached signature over its octets (RFC 3156 §5)."""

    part: Part
    signature: bytes = field(repr=False)
    micalg: str = ""
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clearsigned:
    """A clearsigned text in a text part (RFC 9580 §7)."""

    block: bytes = field(repr=False)
    charset: str = ""
    led_in: bool = False  # unsigned text stands in front, where a reader could take it for the author's
    repairs: tuple[str, ...] = ()


def is_signed(part: Part) -> bool:
    """Whether this is a multipart/signed of OpenPGP's."""
    return part.type == "multipart/signed" and any(holds_signature(child) for child in part.children[1:2])


def find_signed(root: Part, *, unwrap: bool) -> SignedPart | None:
    """The signed part that this entity is; with `unwrap` also one that a list or gateway put a wrapper round."""
    if is_signed(root):
        return _signed_part(root, ())
    for repair in WRAPPED if unwrap else ():
        if (wrapped := repair(root)) is not None and len(wrapped.children) >= 2:
            return _signed_part(wrapped, (name_of(repair),))
    return None


def find_partly_signed(root: Part) -> list[SignedPart]:
    """Signed parts somewhere in a mail: their signatures are judged, and cover only a part of it."""
    return [_signed_part(part, ()) for part in islice(_signed_within(root), PARTIAL_MOST)]


def find_clearsigned(root: Part) -> Clearsigned | None:
    """The clearsigned text in what a mail shows; None if there is none."""
    found = _find_inline(root, _CLEARSIGNED)
    if found is None or len(found.block.octets) > CLEARSIGNED_MOST:
        return None
    charset = found.part.content.get("charset")
    led_in = found.block.led_in and not says_it_is_a_list(root)
    return Clearsigned(found.block.octets, charset, led_in, found.repairs + found.left_out)


def _signed_part(part: Part, repairs: tuple[str, ...]) -> SignedPart:
    signed, signature, *others = part.children
    left_out = ("parts behind the signature left out",) if others else ()
    return SignedPart(signed, signature.decoded(), part.content.get("micalg"), repairs + left_out)


def _signed_within(part: Part) -> Iterator[Part]:
    for child in part.children:
        if is_signed(child):
            yield child
        else:
            yield from _signed_within(child)


# ---------------------------------------------------------------- inline


_DASHES = b"-----BEGIN"
_LOOKED_AT = 65_536  # octets in which a text of two octets a character shows


class _Kind(NamedTuple):
    begin: re.Pattern[bytes]
    end: re.Pattern[bytes]


class _Block(NamedTuple):
    octets: bytes
    led_in: bool
    followed: bool


@dataclass(frozen=True, slots=True)
class _Inline:
    part: Part
    block: _Block
    repairs: tuple[str, ...]
    left_out: tuple[str, ...]


def _kind(label: bytes, end: bytes) -> _Kind:
    begin, ending = (_mark(words) for words in (b"-----BEGIN %s-----" % label, b"-----END %s-----" % end))
    # In front of it: spaces of any kind, and the mark of UTF-8.
    return _Kind(re.compile(rb"^[ \t\xa0\xc2\xef\xbb\xbf]*" + begin, re.MULTILINE), re.compile(ending))


def _mark(words: bytes) -> bytes:
    """A pattern for the words: web mail programs make non-breaking spaces of those between them."""
    return words.replace(b" ", rb"(?: |\xc2?\xa0)")


_MESSAGE = _kind(b"PGP MESSAGE", b"PGP MESSAGE")
_CLEARSIGNED = _kind(b"PGP SIGNED MESSAGE", b"PGP SIGNATURE")


def _find_block(text: bytes, kind: _Kind) -> _Block | None:
    """The first block of this kind, its markers on lines of their own: a quoted one is none."""
    begin = kind.begin.search(text)
    ending = kind.end.search(text, begin.end()) if begin else None
    if begin is None or ending is None:
        return None
    end = ending.end()
    start = text.find(_DASHES, begin.start())
    return _Block(text[start:end] + b"\r\n", bool(text[: begin.start()].strip()), bool(text[end:].strip()))


def _find_inline(root: Part, kind: _Kind) -> _Inline | None:
    """The first block in what a mail shows, else in an alternative that it does not show."""
    shown = list(islice(shown_parts(root), INLINE_MOST))
    for number, part in enumerate(shown):
        if block := _find_block(_octets_of(part), kind):
            before, after = shown[:number], shown[number + 1 :]
            led_in, followed = block.led_in or bool(before), block.followed or bool(after)
            return _inline(root, part, block._replace(led_in=led_in, followed=followed))
    texts = (leaf for leaf in root.leaves() if not _is_file(leaf) and not any(leaf is part for part in shown))
    for part in islice(texts, INLINE_MOST):
        if block := _find_block(_octets_of(part), kind):
            return _inline(root, part, block)
    return None


def _inline(root: Part, part: Part, block: _Block) -> _Inline:
    repairs = ("inline PGP in HTML alone",) if part.type == "text/html" else ()
    return _Inline(part, block, repairs, tuple(_left_out(root, block)))


def _octets_of(part: Part) -> bytes:
    """The text of a part in octets that agree with ASCII; nothing if there is no armour in it."""
    if part.is_plain and part.source.find(_DASHES, part.body, part.end) < 0 and not _is_wide(part.decoded(_LOOKED_AT)):
        return b""  # without a copy of it
    octets = part.decoded()
    if part.type == "text/html":
        return html_to_text(part.text(HTML_MOST)).encode() if _DASHES in octets else b""
    if _is_wide(octets[:_LOOKED_AT]):
        octets = part.text().encode()
    return octets if _DASHES in octets else b""


def _is_wide(start: bytes) -> bool:
    """Whether a text with armour in it seems to be in UTF-16."""
    return b"\0-\0" in start and _DASHES not in start


def _left_out(root: Part, block: _Block) -> Iterator[str]:
    """What stands outside the armour: nobody signed it, so it commands nothing and is not passed on."""
    if block.led_in:
        yield "text in front of the armour left out"
    if block.followed:
        yield "text behind the armour left out"
    if any(_is_file(leaf) and not holds_message(leaf) for leaf in root.leaves()):
        yield "attachments outside the armour left out"
