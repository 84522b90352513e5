"""Builds MIME entities (RFC 2045, 2046) in pieces, so that a large content is copied once, when all is joined.

What an author signed is never parsed and written again: it is one of the pieces.
"""

import hashlib
from base64 import encodebytes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from quopri import encodestring

from mailbot.mail import heading

Pieces = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Entity:
    """Its Content-Type, its other Content- fields as they are written, and its body."""

    type: str
    body: Pieces = field(repr=False)
    fields: bytes = b""

    def pieces(self, header: bytes = b"", parameters: str = "") -> list[bytes]:
        """All of it, after other header fields, with more parameters of the Content-Type."""
        return [header, heading.field("Content-Type", self.type + parameters), self.fields, b"\r\n", *self.body]


def text_entity(text: str, subtype: str = "plain", parameters: str = "") -> Entity:
    """Text with LF line ends, as UTF-8 in lines that every server lets through."""
    octets = text.encode("utf-8", "surrogateescape").replace(b"\r", b"")
    encoded = encodestring(octets)
    encoding = "7bit" if octets.isascii() and encoded == octets else "quoted-printable"
    return Entity(
        f"text/{subtype}; charset=utf-8{parameters}",
        (encoded.replace(b"\n", b"\r\n"),),
        heading.field("Content-Transfer-Encoding", encoding),
    )


def octets_entity(octets: bytes, media_type: str, name: str, disposition: str, fields: bytes = b"") -> Entity:
    """A file of our own making; base64, so that no server changes it on the way."""
    return Entity(
        media_type + heading.parameter("name", name),
        (encodebytes(octets).replace(b"\n", b"\r\n"),),
        heading.field("Content-Transfer-Encoding", "base64")
        + heading.field("Content-Disposition", disposition + heading.parameter("filename", name))
        + fields,
    )


def multipart(
    subtype: str, boundary: str, parts: Iterable[Pieces], *, parameters: str = "", fields: bytes = b""
) -> Entity:
    """The parts as they are; the line end before each delimiter belongs to the delimiter (RFC 2046 §5.1.1)."""
    body = list[bytes]()
    for part in parts:
        body += [b"--%s\r\n" % boundary.encode("ascii"), *part, b"\r\n"]
    body.append(b"--%s--\r\n" % boundary.encode("ascii"))
    return Entity(f"multipart/{subtype}{parameters}{heading.parameter('boundary', boundary)}", body, fields)


class Boundaries:
    """Boundaries that do not occur in these contents: the same for the same seed, all of one length."""

    def __init__(self, seed: bytes, contents: Iterable[bytes] = ()) -> None:
        self._seed, self._contents, self._count = seed, tuple(contents), 0

    def next(self) -> str:
        """One that was not given before. "=_" occurs in no base64 and no quoted-printable (RFC 2045 §6.7)."""
        while True:
            self._count += 1
            digest = hashlib.sha256(b"boundary %d " % self._count + self._seed).hexdigest()
            boundary = f"=_{digest[:40]}"
            if not any(boundary.encode("ascii") in content for content in self._contents):
                return boundary
