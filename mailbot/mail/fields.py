"""Header fields as they lie in a mail: where a header section ends, and its fields, unfolded but not yet decoded."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from mailbot.mail.limits import Limits

_FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")  # RFC 5322 §3.6.8; a space before the colon is obsolete, and met


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one header section, in order: lower-case name, raw value without its line ends."""

    pairs: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    complete: bool = True  # False: the section was longer than is looked at

    def first(self, name: str) -> bytes:
        """The value of the first field of this (lower-case) name; empty if there is none."""
        return next((value for n, value in self.pairs if n == name), b"")

    def all(self, *names: str) -> tuple[bytes, ...]:
        return tuple(value for n, value in self.pairs if n in names)

    def has(self, *names: str) -> bool:
        return any(n in names for n, _ in self.pairs)

    def word(self, name: str) -> str:
        """The first such field's value up to `;` or a comment, lower case: for fields whose value is a keyword."""
        value = self.first(name)[:200].decode("latin-1").lower()
        return re.split(r"[;(,]", value, maxsplit=1)[0].strip()


def section_end(octets: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the header section that begins at `start` ends, and where the body begins after it.

    Octets that do not begin with a field are all body (a part without header, its blank line lost on the way).
    """
    if octets.startswith(b"\r\n", start, end):
        return start, start + 2
    if not _FIELD.match(octets, start, end):
        return start, start
    blank = octets.find(b"\r\n\r\n", start, end)
    return (end, end) if blank < 0 else (blank + 2, blank + 4)


def read_fields(section: bytes, limits: Limits) -> Fields:
    """The fields of a header section; lines that are none are passed over, and what is too long is cut."""
    looked_at = section[: limits.header_section]
    found = islice(_pairs(looked_at), limits.fields + 1)
    pairs = tuple((name, value[: limits.field]) for name, value in found)
    complete = len(looked_at) == len(section) and len(pairs) <= limits.fields
    return Fields(pairs[: limits.fields], complete=complete)


def _pairs(section: bytes) -> Iterator[tuple[str, bytes]]:
    name, lines = "", list[bytes]()
    for line in section.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            lines.append(line)
            continue
        if name:
            yield name, b"".join(lines).strip()
        found = _FIELD.match(line)
        name = found[0][:-1].decode("ascii").strip().lower() if found else ""
        lines = [line[found.end() :]] if found else []
    if name:
        yield name, b"".join(lines).strip()
