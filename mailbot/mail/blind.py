"""What is passed on of a mail whose author asked to be vouched for by the hub instead of by his signature (`blind`).

Left out: the signature, the author's header fields (Subject, From, Message-ID …) and the tag at the head of the text,
for they name the other recipients. The text goes on as plain text, because a tag cannot be found surely in HTML;
everything else, pictures in the HTML included, goes on as it was, octet for octet.
"""

import re
from collections.abc import Iterable, Iterator

from mailbot.core.tags import leading_tags
from mailbot.mail.entity import text_entity
from mailbot.mail.limits import Limits
from mailbot.mail.markup import html_to_text
from mailbot.mail.mime import Part, read_tree
from mailbot.mail.text import is_text, lines_of, shown_parts, text_of, without_legacy_lines

Edit = tuple[int, int, bytes]  # from, to, and what stands there instead

_PROTECTION = re.compile(rb";\s*(?:hp|protected-headers)\s*=\s*(?:\"[^\"]*\"|[^;]*)", re.IGNORECASE)
_PAGES = frozenset({"text/x-amp-html", "text/watch-html"})  # the same words once more
_GROUP = re.compile(rb"multipart/(?:alternative|related)", re.IGNORECASE)


def without_author(entity: bytes, limits: Limits) -> list[bytes]:
    """The entity, in pieces. Raises TooMuch only beyond the limits that it was opened with."""
    tree = read_tree(entity, limits)
    # The first that says anything, as written_text reads it: some programs put an empty text in front.
    text = next((part for part in shown_parts(tree) if text_of(part, tree, limits.text).strip()), None)
    edits = _edits(tree, text, flat=False)
    return list(_edited(entity, sorted(edits)))


def _edits(part: Part, text: Part | None, *, flat: bool) -> Iterator[Edit]:
    """`flat`: within alternatives, of which the plain text alone remains; their other parts are kept beside it."""
    flat = flat or (part.type == "multipart/alternative" and any(leaf is text for leaf in part.leaves()))
    if part is text:
        yield part.start, part.end, _text(part)
    elif (
        _repeats_headers(part)
        or part.type == "application/pgp-signature"
        or (flat and (is_text(part) or part.type in _PAGES))
    ):
        yield part.start, part.end, b"".join(text_entity("").pieces())
    elif part.start == 0 or part.children:
        yield part.start, part.body, _header(part, flat=flat)
    for child in part.children:
        yield from _edits(child, text, flat=flat)


def _repeats_headers(part: Part) -> bool:
    """The draft before RFC 9788 had a part of its own for clients that could not show protected headers."""
    shown = bool(part.content.get("protected-headers")) and part.start > 0
    return not part.children and (part.type == "text/rfc822-headers" or shown)


def _header(part: Part, *, flat: bool) -> bytes:
    """Only the fields that say how the body is to be read."""
    lines = [b"%s: %s\r\n" % (n.encode("ascii"), v) for n, v in part.fields.pairs if n.startswith("content-")]
    header = b"".join(_PROTECTION.sub(b"", line) for line in lines)
    return (_GROUP.sub(b"multipart/mixed", header) if flat else header) + b"\r\n"


def _text(part: Part) -> bytes:
    """The text part written anew, without the tags at its head."""
    text, repeats = lines_of(part.text()), part.content.get("hp-legacy-display") == "1"
    if part.type == "text/html":
        text = html_to_text(text, drop_legacy_display=repeats)
    elif repeats:  # header fields repeated for clients that cannot show protected ones (RFC 9788 §5.2.1)
        text = without_legacy_lines(text)
    return b"".join(text_entity(leading_tags(text)[1], parameters=_flow(part)).pieces())


def _flow(part: Part) -> str:
    """The parameters that say which line ends are none (RFC 3676 §4)."""
    if part.type != "text/plain" or part.content.get("format").lower() != "flowed":
        return ""
    return "; format=flowed" + ("; delsp=yes" if part.content.get("delsp").lower() == "yes" else "")


def _edited(entity: bytes, edits: Iterable[Edit]) -> Iterator[bytes]:
    position = 0
    for start, end, instead in edits:
        yield entity[position:start]
        yield instead
        position = end
    yield entity[position:]
