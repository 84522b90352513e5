"""ASCII armour (RFC 9580 §6): packets as lines of text, and one long armoured end shared by many mails.

A checksum is always written: GnuPG 2.2 misreads an armour without one whose base64 has no `=` padding. It is never
looked at (RFC 9580 §6.1): what protects a message is its integrity code.
"""

import functools
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO

NEWLINE = b"\r\n"  # armour is made for mail; gpg, sq and rnp read either
WIDTH = 64  # characters in a line, as GnuPG writes them
CHUNK = 480 * WIDTH // 4 * 3  # octets that fill whole lines; small enough for the processor's cache: 2.5 times faster

POLYNOMIAL = 0x1864CFB  # CRC-24, RFC 9580 §6.1.1
START = 0xB704CE
PORTION = 1024 * 1024  # characters that are read at once
_NUMBER = 1024 * 1024  # octets that are made one number
PERIOD = 2**23 - 1  # x^PERIOD = 1 modulo the polynomial


class Label(StrEnum):
    MESSAGE = "PGP MESSAGE"
    SIGNATURE = "PGP SIGNATURE"
    CERTIFICATE = "PGP PUBLIC KEY BLOCK"
    SECRET_KEY = "PGP PRIVATE KEY BLOCK"  # noqa: S105 - a label


class NotArmour(ValueError):
    """Text that is not exactly one well-formed armoured block."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An armoured message in three pieces: `head` + `tail` + `foot`, lines ended by CRLF.

    `head` and the short `foot` (it holds the checksum, which covers the head too) belong to one recipient; `tail`
    is the very same object for all copies whose base64 falls the same way: at most three in a call.
    """

    head: bytes = field(repr=False)
    tail: bytes = field(repr=False)
    foot: bytes = field(repr=False)

    @property
    def octets(self) -> bytes:
        return self.head + self.tail + self.foot


def armour(packets: bytes, label: Label) -> bytes:
    """The packets as one armoured block with checksum, CRLF."""
    return _lines(packets, _begin(label), _end(label, crc24(packets)))


def armour_shared(heads: Sequence[bytes], tail: bytes, label: Label = Label.MESSAGE) -> list[Sealed]:
    """For each head the armour of head + tail; the tail's lines and checksum are made once and shared.

    A line may be short where head and tail meet: base64 takes octets by threes, so the first one or two of the tail
    go into the head's last line.
    """
    lines: dict[int, bytes] = {}
    rest, shift = crc24(tail, 0), _power(8 * len(tail))
    sealed = []
    for head in heads:
        lent = -len(head) % 3
        if lent not in lines:
            lines[lent] = _lines(memoryview(tail)[lent:])
        checksum = _times(crc24(head), shift) ^ rest
        sealed.append(Sealed(_begin(label) + _lines(head + tail[:lent]), lines[lent], _end(label, checksum)))
    return sealed


# ---------------------------------------------------------------- reading

_MARK = b"-----BEGIN PGP "
_BEGIN = re.compile(rb"^-----BEGIN (PGP [^\r\n-]*)-----[ \t\r]*\n", re.MULTILINE)
_HEADERS = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n)*[ \t\r]*\n")  # Version, Comment, Charset: worth nothing
_CHECKSUM = re.compile(rb"\n=[A-Za-z0-9+/]{4}\s*\Z")


def is_armoured(octets: bytes) -> bool:
    """Whether there is a line that begins an armoured block."""
    return next(_beginnings(octets), None) is not None


def dearmour(text: bytes) -> bytes:
    """The packets of the one armoured block in the text; what stands around it is left alone. Raises NotArmour."""
    found = blocks(text)
    if len(found) != 1:
        raise NotArmour(f"{len(found)} armoured blocks")
    return found[0][1]


def blocks(text: bytes) -> list[tuple[Label, bytes]]:
    """Every armoured block with its label, in order. Raises NotArmour if one of them is damaged."""
    return [_block(text, begin) for begin in _beginnings(text)]


def _beginnings(text: bytes) -> Iterator[re.Match[bytes]]:
    """Of blocks. A search by the pattern alone would look at every line: 0.1 s in 36 MB."""
    at = text.find(_MARK)
    while at >= 0:
        if begin := _BEGIN.match(text, at):
            yield begin
        at = text.find(_MARK, at + 1)


def _block(text: bytes, begin: re.Match[bytes]) -> tuple[Label, bytes]:
    headers = _HEADERS.match(text, begin.end())
    end = text.find(b"\n-----END %s-----" % begin[1], begin.end() - 1)
    if headers is None or end < headers.end() - 1:
        raise NotArmour("no empty line after the headers, or no end")
    try:
        return Label(begin[1].decode()), _from_lines(memoryview(text)[headers.end() - 1 : end + 1])
    except ValueError:
        raise NotArmour("not base64, or an unknown label") from None


def _from_lines(lines: memoryview) -> bytes:
    """A portion at a time, so that no copy of all of it is made on the way."""
    ending = max(0, len(lines) - 80)
    checksum = _CHECKSUM.search(bytes(lines[ending:]))
    end = ending + checksum.start() if checksum else len(lines)
    decoded, left, ended = BytesIO(), b"", False
    for at in range(0, end, PORTION):
        coded = left + bytes(lines[at : min(end, at + PORTION)]).translate(None, b" \t\r\n")
        whole = len(coded) if at + PORTION >= end else len(coded) // 4 * 4
        if ended and coded:
            raise NotArmour("something after the padding")
        ended = b"=" in coded[:whole]
        decoded.write(a2b_base64(coded[:whole], strict_mode=True))
        left = coded[whole:]
    return decoded.getvalue()


# ---------------------------------------------------------------- lines


def _begin(label: Label) -> bytes:
    return b"-----BEGIN %s-----" % label.encode() + NEWLINE * 2


def _end(label: Label, checksum: int) -> bytes:
    coded = b2a_base64(checksum.to_bytes(3, "big"), newline=False)
    return b"=%s" % coded + NEWLINE + b"-----END %s-----" % label.encode() + NEWLINE


def _lines(octets: bytes | memoryview, before: bytes = b"", after: bytes = b"") -> bytes:
    written = BytesIO()  # a list of pieces, joined, would be twice as large for a moment
    written.write(before)
    for at in range(0, len(octets), CHUNK):
        written.write(_chunk(octets[at : at + CHUNK]) + NEWLINE)
    written.write(after)
    return written.getvalue()


def _chunk(octets: bytes | memoryview) -> bytes:
    coded = b2a_base64(octets, newline=False)
    return NEWLINE.join([coded[at : at + WIDTH] for at in range(0, len(coded), WIDTH)])


# ---------------------------------------------------------------- checksum
#
# Octets are one long number, that is, one polynomial over GF(2): its remainder is found by folding halves onto each
# other, in operations on whole numbers. 25 MiB take 0.08 s, a loop over octets would take seconds.


def crc24(octets: bytes, start: int = START) -> int:
    """The checksum of RFC 9580 §6.1."""
    checksum = start
    for at in range(0, len(octets), _NUMBER):  # a number of all the octets would take several times their size
        piece = octets[at : at + _NUMBER]
        checksum = _times(checksum, _power(8 * len(piece))) ^ _residue(piece)
    return checksum


def _residue(octets: bytes) -> int:
    """The checksum that the octets would have if it started from zero."""
    return _remainder(int.from_bytes(octets, "big") << 24)


def _remainder(number: int) -> int:
    while (size := number.bit_length()) > PERIOD:
        at = PERIOD * (-(-size // PERIOD) // 2)
        number = (number >> at) ^ _low(number, at)
    while (size := number.bit_length()) > 64:
        at = 1 << (size - 1).bit_length() - 1
        number = _spread(number >> at, _power(at)) ^ _low(number, at)
    while (size := number.bit_length()) > 24:
        number ^= POLYNOMIAL << (size - 25)
    return number


def _low(number: int, bits: int) -> int:
    return number & ((1 << bits) - 1)


def _spread(number: int, factor: int) -> int:
    """The product, not yet reduced."""
    product = 0
    while factor:
        if factor & 1:
            product ^= number
        factor >>= 1
        number <<= 1
    return product


def _times(a: int, b: int) -> int:
    return _remainder(_spread(a, b))


@functools.lru_cache(maxsize=256)
def _power(bits: int) -> int:
    """x^bits modulo the polynomial."""
    power, square = 1, 2
    while bits:
        if bits & 1:
            power = _times(power, square)
        square = _times(square, square)
        bits >>= 1
    return power
