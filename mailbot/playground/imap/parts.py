"""What FETCH shows of a mail: its parts, sections, envelope and structure, cut out of the octets and never rewritten.

The stdlib's parser is asked about single header fields only: its writer changes octets, and signatures would break.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value, encode_rfc2231, getaddresses
from functools import cached_property
from typing import Final

from mailbot.playground.imap.syntax import BadSyntax, quoted

MOST_LEVELS: Final = 60
"""Parts nested deeper than this are shown as one leaf: a hostile mail must not exhaust the stack."""

_END_OF_HEADER: Final = re.compile(rb"(?:\A|\r?\n)\r?\n")
_FIELD: Final = re.compile(rb"(?P<name>[!-9;-~]+)[ \t]*:(?P<value>[^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
_SECTION: Final = re.compile(
    r"(?P<path>\d+(?:\.\d+)*)?\.?(?P<what>HEADER\.FIELDS(?:\.NOT)?|HEADER|TEXT|MIME)?(?: ?\((?P<names>[^)]*)\))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Part:
    """A mail or one of its MIME parts: header with its blank line, body, both as they stand in the mail."""

    header: bytes
    body: bytes
    level: int = 0
    default_type: str = "text/plain"

    @cached_property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """Every header field as (name in lower case, all its octets)."""
        return [(found["name"].lower(), found[0]) for found in _FIELD.finditer(self.header)]

    def values(self, name: str) -> list[bytes]:
        """The unfolded values of the fields of that name."""
        wanted = name.lower().encode()
        return [_unfolded(field) for found, field in self.fields if found == wanted]

    def value(self, name: str) -> bytes | None:
        """The unfolded value of the first field of that name."""
        return next(iter(self.values(name)), None)

    @cached_property
    def content_type(self) -> tuple[str, str, list[tuple[str, str]]]:
        """Type, subtype, parameters; the default's where the field is missing or broken."""
        whole, parameters = _parameters(self.value("Content-Type"))
        main, slash, subtype = (whole.lower() or self.default_type).partition("/")
        return (main, subtype, parameters) if slash else ("text", "plain", parameters)

    @cached_property
    def message(self) -> "Part | None":
        """The mail that a message/rfc822 part holds."""
        if self.content_type[:2] != ("message", "rfc822") or self.level >= MOST_LEVELS:
            return None
        return part_of(self.body, self.level + 1)

    @cached_property
    def children(self) -> "list[Part]":
        """The parts of a multipart."""
        main, subtype, parameters = self.content_type
        boundary = dict(parameters).get("boundary")
        if main != "multipart" or not boundary or self.level >= MOST_LEVELS:
            return []
        default = "message/rfc822" if subtype == "digest" else "text/plain"
        octets = boundary.encode("utf-8", "surrogateescape")
        return [part_of(piece, self.level + 1, default) for piece in _pieces(self.body, octets)]


def part_of(octets: bytes, level: int = 0, default_type: str = "text/plain") -> Part:
    """Split octets into header and body."""
    found = _END_OF_HEADER.search(octets)
    end = found.end() if found else len(octets)
    return Part(octets[:end], octets[end:], level, default_type)


def section(mail: Part, name: str) -> bytes | None:
    """The octets of `BODY[name]`; None if the mail has no such part. Raises BadSyntax."""
    found = _SECTION.fullmatch(name)
    if not found or (found["names"] is None) == bool(found["what"] and "FIELDS" in found["what"].upper()):
        raise BadSyntax("this is no section")
    what = (found["what"] or "").upper()
    if not found["path"]:
        return _of_mail(mail, what, found["names"])
    part = _descend(mail, [int(number) for number in found["path"].split(".")])
    if part is None:
        return None
    if what in {"", "MIME"}:
        return part.header if what else part.body
    return _of_mail(part.message, what, found["names"]) if part.message else None


def _of_mail(mail: Part, what: str, names: str | None) -> bytes:
    match what:
        case "":
            return mail.header + mail.body
        case "TEXT":
            return mail.body
        case "HEADER":
            return mail.header
        case "HEADER.FIELDS":
            return _some_fields(mail, names, lambda name, wanted: name in wanted)
        case "HEADER.FIELDS.NOT":
            return _some_fields(mail, names, lambda name, wanted: name not in wanted)
    raise BadSyntax("MIME needs the number of a part")


def _some_fields(mail: Part, names: str | None, chosen: Callable[[bytes, list[bytes]], bool]) -> bytes:
    wanted = [name.strip('"').lower().encode() for name in (names or "").split()]
    return b"".join(field for name, field in mail.fields if chosen(name, wanted)) + b"\r\n"


def _descend(mail: Part, path: Sequence[int]) -> Part | None:
    part, inside = mail, _parts_of_mail(mail)
    for number in path:
        if not 1 <= number <= len(inside):
            return None
        part = inside[number - 1]
        inside = part.children or (_parts_of_mail(part.message) if part.message else [])
    return part


def _parts_of_mail(mail: Part) -> list[Part]:
    """A mail that is no multipart is its own part 1."""
    return mail.children or [mail]


def envelope(mail: Part) -> bytes:
    """ENVELOPE (RFC 3501 §7.4.2); Sender and Reply-To default to From."""
    sender = _addresses(mail, "From")
    return _list(
        [
            quoted(mail.value("Date")),
            quoted(mail.value("Subject")),
            sender,
            _addresses(mail, "Sender", sender),
            _addresses(mail, "Reply-To", sender),
            *(_addresses(mail, name) for name in ("To", "Cc", "Bcc")),
            quoted(mail.value("In-Reply-To")),
            quoted(mail.value("Message-ID")),
        ]
    )


def _addresses(mail: Part, name: str, default: bytes = b"NIL") -> bytes:
    values = [value.decode("utf-8", "surrogateescape") for value in mail.values(name)]
    found = [_address(name, address) for name, address in _readable_addresses(values) if address]
    return b"(" + b"".join(found) + b")" if found else default


def _readable_addresses(values: list[str]) -> list[tuple[str, str]]:
    try:
        return getaddresses(values)
    except Exception:  # noqa: BLE001 - the stdlib's parser raises anything at all on hostile headers
        return []


def _address(name: str, address: str) -> bytes:
    local, at, domain = address.rpartition("@")
    return _list([quoted(name or None), b"NIL", quoted(local if at else address), quoted(domain if at else None)])


def structure(part: Part, *, extended: bool) -> bytes:
    """BODYSTRUCTURE, or BODY without the extension fields (RFC 3501 §7.4.2)."""
    main, subtype, parameters = part.content_type
    if part.children:
        words = [b"".join(structure(child, extended=extended) for child in part.children), quoted(subtype)]
        return _list(words + ([_pairs(parameters), *_extension(part)] if extended else []))
    words = [
        quoted(main),
        quoted(subtype),
        _pairs(parameters),
        quoted(part.value("Content-ID")),
        quoted(part.value("Content-Description")),
        quoted(part.value("Content-Transfer-Encoding") or b"7bit"),
        b"%d" % len(part.body),
    ]
    if part.message:
        words += [envelope(part.message), structure(part.message, extended=extended)]
    if part.message or main == "text":
        words.append(b"%d" % part.body.count(b"\n"))
    return _list(words + ([quoted(part.value("Content-MD5")), *_extension(part)] if extended else []))


def _extension(part: Part) -> list[bytes]:
    disposition, parameters = _parameters(part.value("Content-Disposition"))
    shown = _list([quoted(disposition), _pairs(parameters)]) if disposition else b"NIL"
    return [shown, quoted(part.value("Content-Language")), quoted(part.value("Content-Location"))]


def _pairs(parameters: list[tuple[str, str]]) -> bytes:
    return _list(quoted(word) for pair in parameters for word in pair) if parameters else b"NIL"


def _list(words: Iterable[bytes]) -> bytes:
    return b"(" + b" ".join(words) + b")"


def _unfolded(field: bytes) -> bytes:
    return re.sub(rb"\r?\n(?=[ \t])", b"", field.partition(b":")[2]).strip()


def _parameters(value: bytes | None) -> tuple[str, list[tuple[str, str]]]:
    """The value before the first semicolon, and the parameters behind it."""
    if not value:
        return "", []
    field = Message()
    try:
        field["Content-Type"] = value.decode("utf-8", "surrogateescape")
        (whole, _), *found = field.get_params([("", "")])
        return whole, [_plain(name, worth) for name, worth in found]
    except Exception:  # noqa: BLE001 - the stdlib's parser raises anything at all on hostile headers
        return "", []


def _plain(name: str, worth: str | tuple[str | None, str | None, str]) -> tuple[str, str]:
    """A parameter in an extended charset is told as the mail would write it: `filename*` (RFC 2231)."""
    if isinstance(worth, tuple):
        return f"{name}*", encode_rfc2231(collapse_rfc2231_value(worth), "utf-8", worth[1] or "")
    return name, worth


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    """What lies between the delimiter lines (RFC 2046 §5.1.1); an unclosed last part runs to the end."""
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(?P<last>--)?[ \t]*(?:(?=\r?\n)|\Z)")
    found, start = [], None
    for line in delimiter.finditer(body):
        if start is not None:
            found.append(body[start : max(start, line.start())])
        if line["last"]:
            return found
        start = line.end() + (2 if body.startswith(b"\r\n", line.end()) else 1)
    if start is not None:
        found.append(body[start:])
    return found
