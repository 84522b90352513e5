"""What the person wrote, as text: for reading tags and codes, and for showing; the parts are passed on as they are."""

import re
from collections.abc import Iterator
from io import StringIO
from itertools import islice

from mailbot.mail.headers import says_protected
from mailbot.mail.limits import Limits
from mailbot.mail.markup import html_to_text
from mailbot.mail.mime import Part

PARTS_MOST = 100  # texts that are read; nobody writes so many
# The last is the form that Mutt and Pine gave inline PGP, armour and clearsigned text alike.
_TEXTS = frozenset({
    "text/plain", "text/html", "text/enriched", "text/richtext", "text/markdown", "application/pgp",
})  # fmt: skip
_LEGACY_TYPES = frozenset({"text/rfc822-headers", "text/plain"})


def written_text(payload: Part, limits: Limits) -> str:
    """The text of a mail or of what was signed in it, with LF line ends.

    Of alternatives the plain one, if there is anything in it; attachments and attached messages are left out, and so
    is what was put in front for clients that cannot show protected headers (RFC 9788 §5.2).
    """
    texts: list[str] = []
    left = limits.text
    for part in islice(shown_parts(payload), PARTS_MOST):
        texts.append(text_of(part, payload, left))
        left -= part.end - part.body
        if left <= 0:
            break
    return "\n".join(text for text in texts if text.strip())


def shown_parts(payload: Part) -> Iterator[Part]:
    """The parts that a mail client shows as text, in order."""
    if payload.type == "multipart/alternative" and payload.children:
        yield from shown_parts(_preferred(payload.children))
    elif payload.type in {"multipart/related", "multipart/signed"} and payload.children:
        yield from shown_parts(payload.children[0])
    elif payload.children:
        for child in payload.children:
            if not _is_legacy_display(child, payload):
                yield from shown_parts(child)
    elif is_text(payload) and not payload.is_attachment:
        yield payload


def is_text(part: Part) -> bool:
    """Whether a person reads this part as text."""
    return part.type in _TEXTS


def unflow(text: str, *, delete_space: bool) -> str:
    """format=flowed text with its paragraphs on one line each (RFC 3676 §4), quotations kept apart."""
    unflowed = StringIO()
    flowing = -1  # the quote depth of the paragraph that the last line left open
    for number, line in enumerate(text.split("\n")):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        is_open = content.endswith(" ") and content != "-- "
        if flowing != depth or content == "-- ":
            unflowed.write(("\n" if number else "") + ">" * depth + (" " if depth and content else ""))
        unflowed.write(content[:-1] if is_open and delete_space else content)
        flowing = depth if is_open else -1
    return unflowed.getvalue()


def lines_of(text: str) -> str:
    """The same text with LF line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _preferred(alternatives: tuple[Part, ...]) -> Part:
    """The plain alternative if it says anything, else the one that does, richest last (RFC 2046 §5.1.4)."""
    plain = [a for a in alternatives if a.type == "text/plain" and a.decoded(64_000).strip()]
    rich = [a for a in alternatives if a.children or a.type == "text/html"]
    return (plain or rich[::-1] or [alternatives[0]])[0]


def text_of(part: Part, payload: Part, most: int) -> str:
    """What a reader sees of one shown part, of no more than `most` octets, with LF line ends."""
    text = lines_of(part.text(most))
    legacy = part.content.get("hp-legacy-display") == "1" and says_protected(payload)
    if part.type == "text/html":
        return html_to_text(text, drop_legacy_display=legacy)
    if part.content.get("format").lower() == "flowed":
        text = unflow(text, delete_space=part.content.get("delsp").lower() == "yes")
    return without_legacy_lines(text) if legacy else text


def without_legacy_lines(text: str) -> str:
    """The text after its first blank line, if nothing but header fields stands before (RFC 9788 §5.2.1)."""
    head, gap, rest = text.partition("\n\n")
    is_header = re.fullmatch(r"[!-9;-~]+:[^\n]*(?:\n(?:[!-9;-~]+:|[ \t])[^\n]*)*", head)
    return rest if gap and is_header else text


def _is_legacy_display(child: Part, parent: Part) -> bool:
    """The draft before RFC 9788 repeated the protected headers in a first part of their own."""
    return (
        child is parent.children[0]
        and child.type in _LEGACY_TYPES
        and bool(child.content.get("protected-headers"))
        and says_protected(parent)
    )
