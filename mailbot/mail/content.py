"""Content to pass on, of what was not a MIME entity, or not in the line ends of mail."""

from mailbot.mail.armour import Label, armour, dearmour
from mailbot.mail.charsets import charset_of
from mailbot.mail.fields import read_fields, section_end
from mailbot.mail.limits import Limits
from mailbot.mail.mime import with_crlf

_HEAD = 65_536  # octets in which an entity says what it is


def is_entity(data: bytes, *, typed: bool) -> bool:
    """Whether these octets begin with a header section, be it empty; `typed`: with one that has a Content-Type.

    A field about MIME must be in it: a letter that begins with "Objet: …" would lose its first lines.
    """
    head = with_crlf(data[:_HEAD])
    end, body = section_end(head, 0, len(head))
    fields = read_fields(head[:end], Limits())
    if typed or end == 0:
        return fields.has("content-type") or (body > 0 and not typed)
    return any(name == "mime-version" or name.startswith("content-") for name, _ in fields.pairs)


def as_entity(text: bytes, charset: str) -> bytes:
    """A text/plain entity of exactly these octets, line ends apart, named by this charset if that can be true."""
    name, encoding = charset_of(text, charset), "7bit" if text.isascii() else "8bit"
    head = f"Content-Type: text/plain; charset={name}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return b"".join((head.encode("ascii"), with_crlf(text)))


def signed_message(data: bytes, signature: bytes) -> bytes:
    """An armoured OpenPGP message of this literal and its detached, armoured signature.

    It is the older of the two forms of a signed message, the signature first (RFC 9580 §10.3), so that no one-pass
    packet need be made up.
    """
    head = b"b\x00" + bytes(4)  # octets, no file name, no date (§5.9)
    length = len(head) + len(data)
    literal = (b"\xcb\xff", length.to_bytes(4, "big"), head, data)
    return armour(b"".join((dearmour(signature), *literal)), Label.MESSAGE)
