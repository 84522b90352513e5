"""The MIME tree of a mail (RFC 2045, 2046) as places in its octets, so that a signed part keeps exactly its own.

Nothing is written again and nothing is copied until it is asked for: 50 MiB cost a search for each level, no more.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import collapse_rfc2231_value, decode_params
from itertools import islice

from mailbot.mail.charsets import decode
from mailbot.mail.fields import Fields, read_fields, section_end
from mailbot.mail.limits import Limits, TooMuch

PARAMETERS_LOOKED_AT = 8_192  # octets of a Content-Type: a boundary has 70, a file name some hundred
PARAMETERS_MOST = 50  # a long file name in pieces (RFC 2231 §3) has about forty
LOOKALIKES_MOST = 10_000  # lines of a multipart that begin as its delimiter does


@dataclass(frozen=True, slots=True)
class Value:
    """A structured field such as Content-Type: its main value in lower case, and its parameters."""

    main: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """The parameter of this (lower-case) name, or an empty string."""
        return self.parameters.get(name, "")


@dataclass(frozen=True, slots=True)
class Part:
    """A MIME entity: octets `start` to `end` of `source`, its header section in front of `body`."""

    source: bytes = field(repr=False)
    start: int
    body: int
    end: int
    fields: Fields = field(repr=False)
    content: Value = field(repr=False)
    disposition: Value = field(repr=False)
    children: tuple["Part", ...] = ()

    @property
    def type(self) -> str:
        """`text/plain`, in lower case."""
        return self.content.main

    @property
    def octets(self) -> bytes:
        """The whole entity as it came: what a signature over it covers (RFC 3156 §5)."""
        return self.source[self.start : self.end]

    @property
    def is_plain(self) -> bool:
        """Whether it has no transfer encoding that changes its octets."""
        return self.fields.word("content-transfer-encoding") not in {"base64", "quoted-printable"}

    @property
    def is_attachment(self) -> bool:
        return self.disposition.main == "attachment"

    @property
    def filename(self) -> str:
        return self.disposition.get("filename") or self.content.get("name")

    def decoded(self, most: int | None = None) -> bytes:
        """The body without its transfer encoding; of no more than `most` encoded octets, cut at a line's end."""
        end = self.end
        if most is not None and self.end - self.body > most:
            line_end = self.source.rfind(b"\r\n", self.body, self.body + most)
            end = self.body + most if line_end < 0 else line_end
        return decode_transfer(self.source[self.body : end], self.fields.word("content-transfer-encoding"))

    def text(self, most: int | None = None) -> str:
        """The decoded body as text of its charset."""
        is_cut = most is not None and self.end - self.body > most
        return decode(self.decoded(most), self.content.get("charset"), is_cut=is_cut)

    def starts_with(self, mark: bytes, within: int = 4_096) -> bool:
        """Whether the decoded body begins with this, blank lines aside."""
        return self.decoded(within).lstrip().startswith(mark)

    def leaves(self) -> Iterator["Part"]:
        """All parts that have no parts, in order; an attached message is one of them."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


def with_crlf(octets: bytes) -> bytes:
    """The same lines ended by CRLF; the very same object if they are so already. A CR among CRLFs is no line end."""
    feeds, pairs = octets.count(b"\n"), octets.count(b"\r\n")
    if feeds == pairs and (pairs or b"\r" not in octets):
        return octets
    if pairs == 0 and octets.count(b"\r") > feeds:
        return (octets.replace(b"\n", b"\r") if feeds else octets).replace(b"\r", b"\r\n")
    return (octets.replace(b"\r\n", b"\n") if pairs else octets).replace(b"\n", b"\r\n")


def read_tree(octets: bytes, limits: Limits) -> Part:
    """The tree of an entity with CRLF line ends. Raises TooMuch."""
    return _Reader(octets, limits).part(0, len(octets), 0, "text/plain")


def read_head(octets: bytes, limits: Limits) -> Part:
    """The entity with its own header section alone, as if it had no parts."""
    return _leaf(octets, 0, len(octets), limits, "text/plain")


class _Reader:
    """One walk through a mail; counts its parts."""

    def __init__(self, octets: bytes, limits: Limits) -> None:
        self.octets, self.limits, self.parts = octets, limits, 0

    def part(self, start: int, end: int, level: int, default: str) -> Part:
        self.parts += 1
        if self.parts > self.limits.parts or level > self.limits.depth:
            raise TooMuch
        leaf = _leaf(self.octets, start, end, self.limits, default)
        if not leaf.type.startswith("multipart/"):
            return leaf
        inner = "message/rfc822" if leaf.type == "multipart/digest" else "text/plain"
        spans = _spans(self.octets, leaf.body, end, leaf.content.get("boundary"))
        children = tuple(self.part(first, last, level + 1, inner) for first, last in spans)
        return replace(leaf, children=children)


def _leaf(octets: bytes, start: int, end: int, limits: Limits, default: str) -> Part:
    section, body = section_end(octets, start, end)
    fields = read_fields(octets[start : min(section, start + limits.header_section + 1)], limits)
    content = read_value(fields.first("content-type"))
    if not re.fullmatch(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", content.main):
        content = Value(default, content.parameters)  # RFC 2045 §5.2: what cannot be read is text/plain
    return Part(octets, start, body, end, fields, content, read_value(fields.first("content-disposition")))


def _spans(octets: bytes, body: int, end: int, boundary: str) -> Iterator[tuple[int, int]]:
    """Where each part of a multipart lies; the line end in front of a delimiter belongs to the delimiter."""
    if not boundary:
        return
    start: int | None = None
    for line, after, closing in _delimiters(octets, body, end, b"--" + boundary.encode("utf-8", "surrogateescape")):
        if start is not None:
            yield start, max(start, line - 2)
        start = None if closing else after
        if closing:
            return
    if start is not None:  # cut off on the way: the last part runs to the end
        yield start, end


def _delimiters(octets: bytes, body: int, end: int, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Each delimiter line: where it begins, where the next line begins, whether it is the closing one."""
    line = body if octets.startswith(mark, body, end) else _next_line(octets, body, end, mark)
    for _ in range(LOOKALIKES_MOST):
        if line < 0:
            return
        after = line + len(mark)
        eol = octets.find(b"\r\n", after, end)
        eol = end if eol < 0 else eol
        rest = octets[after : min(eol, after + 80)].rstrip(b" \t")
        if rest in (b"", b"--"):
            yield line, min(eol + 2, end), rest == b"--"
        line = _next_line(octets, eol, end, mark)
    raise TooMuch


def _next_line(octets: bytes, start: int, end: int, mark: bytes) -> int:
    found = octets.find(b"\r\n" + mark, start, end)
    return found if found < 0 else found + 2


# ---------------------------------------------------------------- structured fields

_PARAMETER = re.compile(rb';\s*([^\s=;"()]{1,100})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.DOTALL)
_COMMENT = re.compile(rb"[ \t]\(.*\Z", re.DOTALL)


def read_value(raw: bytes) -> Value:
    """`text/plain; charset="utf-8"` taken apart; RFC 2231 continuations and charsets joined and decoded."""
    raw = raw[:PARAMETERS_LOOKED_AT]
    main = re.split(rb"[;\s(]", raw.strip(), maxsplit=1)[0].decode("latin-1").lower()
    found = (parameter.groups(b"") for parameter in islice(_PARAMETER.finditer(raw), PARAMETERS_MOST))
    pairs = [(name.decode("latin-1").lower(), _unquoted(quoted, bare)) for name, quoted, bare in found]
    return Value(main, _joined(pairs))


def _unquoted(quoted: bytes, bare: bytes) -> str:
    octets = re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL) if quoted else _COMMENT.sub(b"", bare).strip()
    return octets.decode("utf-8", "surrogateescape")


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    if not any("*" in name for name, _ in pairs):
        return dict(reversed(pairs))  # of two parameters of one name the first counts
    try:
        decoded = decode_params([("", ""), *pairs])[1:]
    except (ValueError, TypeError, LookupError, IndexError):
        decoded = []
    joined = {name: _collapsed(value) for name, value in reversed(decoded)}
    return dict(reversed(pairs)) | joined


def _collapsed(value: str | tuple[str | None, str | None, str]) -> str:
    try:
        text = collapse_rfc2231_value(value)
    except (ValueError, TypeError, LookupError):
        text = value if isinstance(value, str) else value[2]
    return text.removeprefix('"').removesuffix('"')  # decode_params quotes what it joins


# ---------------------------------------------------------------- transfer encodings


def decode_transfer(octets: bytes, encoding: str) -> bytes:
    """Octets without their Content-Transfer-Encoding (RFC 2045 §6); damaged ones as far as they can be read."""
    if encoding == "base64":
        return decode_base64(octets)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(octets)
    return octets


def decode_base64(octets: bytes) -> bytes:
    """Base64 with line ends, spaces and strange octets passed over; up to the first padding, cut to whole quanta."""
    try:
        return binascii.a2b_base64(octets)
    except binascii.Error:
        symbols = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
        symbols = symbols[: len(symbols) - (len(symbols) % 4 == 1)]
        return binascii.a2b_base64(symbols + b"=" * (-len(symbols) % 4))
