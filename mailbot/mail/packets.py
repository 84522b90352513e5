"""OpenPGP packets (RFC 9580 §4), no more of them than the robot must see for itself.

Three questions are answered here and not by gpg: is this exactly one layer of integrity-protected public-key
encryption (`read_envelope`), does it hold exactly one plain or signed message (`read_message`), and which session-key
packet of an encrypted message is whose (`split_sealed`). No key is touched and nothing is verified.
"""

import zlib
from bz2 import BZ2Decompressor
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Protocol

from mailbot.core.certificates import Fingerprint
from mailbot.mail.armour import NotArmour, dearmour, is_armoured
from mailbot.mail.limits import TooMuch

KeyId = str  # upper-case hexadecimal, 16 characters


class Malformed(ValueError):
    """Octets that are not the packets asked for; the text names what was wrong, never what was in them."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a message may hold (trust.md 20)."""

    recipients: int = 500  # session-key packets; some programs seal to everybody and to the sender as well
    alike: int = 50  # of those without a name, or for one key: gpg tries every one, 20 ms each with an RSA key
    octets: int = 128 * 1024 * 1024  # decrypted and decompressed, whatever the ratio; as much as a mail may have
    signatures: int = 16
    # Decompressed, so many octets and so many times the size it came with: a mail may take ten times its size of
    # memory, and what was decrypted lies there in several forms at once.
    swelling: int = 8 * 1024 * 1024
    swelling_times: float = 1.5

    def decompressed(self, size: int) -> int:
        """The octets that a compressed packet of this size may hold."""
        return min(self.octets, self.swelling + int(self.swelling_times * size))


class PacketType(IntEnum):
    """RFC 9580 §5."""

    SESSION_KEY = 1  # public-key encrypted session key (PKESK)
    SIGNATURE = 2
    ONE_PASS = 4
    SECRET_KEY = 5
    CERTIFICATE = 6  # public key
    SECRET_SUBKEY = 7
    COMPRESSED = 8
    MARKER = 10  # "PGP"; must be ignored
    LITERAL = 11
    USER_ID = 13
    SEALED = 18  # symmetrically encrypted, integrity protected (SEIPD)
    SEALED_AEAD = 20  # the authenticated form of GnuPG 2.3 and later


_LONG = frozenset({PacketType.COMPRESSED, PacketType.LITERAL, PacketType.SEALED, PacketType.SEALED_AEAD})
_SEALED = frozenset({PacketType.SEALED, PacketType.SEALED_AEAD})


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet; nothing is copied before it is asked for."""

    type: int
    raw: memoryview = field(repr=False)  # with its header
    pieces: tuple[memoryview, ...] = field(repr=False)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def bounded(self) -> bool:
        """Whether the packet says itself where it ends."""
        return self.raw[0] & 0xC3 != 0x83


# ---------------------------------------------------------------- headers


def split(octets: bytes, most: int) -> list[Packet]:
    """All packets, end to end. Raises Malformed, or TooMuch beyond `most` of them."""
    view, packets, at = memoryview(octets), list[Packet](), 0
    while at < len(view):
        if len(packets) == most:
            raise TooMuch("packets")
        packet, at = _read_packet(view, at)
        packets.append(packet)
    return packets


def _read_packet(view: memoryview, start: int) -> tuple[Packet, int]:
    tag = view[start]
    if not tag & 0x80:
        raise Malformed("no packet header")
    if tag & 0x40:
        pieces, end = _new_body(view, start + 1, tag & 0x3F)
        return Packet(tag & 0x3F, view[start:end], pieces), end
    kind = tag >> 2 & 0x0F
    begin, end = _old_body(view, start + 1, kind, tag & 0x03)
    return Packet(kind, view[start:end], (view[begin:end],)), end


def _old_body(view: memoryview, at: int, kind: int, size_code: int) -> tuple[int, int]:
    """RFC 9580 §4.2.2: a length of 1, 2 or 4 octets, or all that is left."""
    if size_code == 3:
        if kind != PacketType.COMPRESSED:  # gpg writes these so; anything else that runs to the end is a trick
            raise Malformed("a packet without length")
        return at, len(view)
    begin = at + (1 << size_code)
    return begin, _within(view, begin, int.from_bytes(_take(view, at, 1 << size_code), "big"))


def _new_body(view: memoryview, at: int, kind: int) -> tuple[tuple[memoryview, ...], int]:
    """RFC 9580 §4.2.1: one length, or several partial ones of a long packet."""
    pieces: list[memoryview] = []
    while True:
        begin, length, partial = _new_length(view, at)
        end = _within(view, begin, length)
        if partial and (kind not in _LONG or (not pieces and length < 512)):
            raise Malformed("a partial length where none may be")
        pieces.append(view[begin:end])
        if not partial:
            return tuple(pieces), end
        at = end


def _new_length(view: memoryview, at: int) -> tuple[int, int, bool]:
    """Where the body begins, how many octets follow, and whether another length comes after them."""
    first = _take(view, at, 1)[0]
    if first < 192:
        return at + 1, first, False
    if first < 224:
        return at + 2, (first - 192 << 8) + _take(view, at + 1, 1)[0] + 192, False
    if first == 255:
        return at + 5, int.from_bytes(_take(view, at + 1, 4), "big"), False
    return at + 1, 1 << (first & 0x1F), True


def _take(view: memoryview, at: int, count: int) -> memoryview:
    return view[at : _within(view, at, count)]


def _within(view: memoryview, begin: int, length: int) -> int:
    if begin + length > len(view):
        raise Malformed("cut short")
    return begin + length


# ---------------------------------------------------------------- an encrypted message


@dataclass(frozen=True, slots=True)
class Envelope:
    """An encrypted message from outside: whose keys open it, and the one encrypted packet."""

    session_keys: tuple[Packet, ...]
    sealed: Packet


def packets_of(octets: bytes) -> bytes:
    """The packets, taken out of their armour if they are in one. Raises Malformed."""
    try:
        return dearmour(octets) if is_armoured(octets) else octets
    except NotArmour as problem:
        raise Malformed(str(problem)) from None


def read_envelope(packets: bytes, bounds: Bounds) -> Envelope:
    """Session keys for public keys, then one integrity-protected packet, then nothing. Raises Malformed or TooMuch.

    So a password (packet 3), data without integrity protection (packet 9), and a second message are refused.
    """
    found = _unmarked(split(packets, 2 * bounds.recipients + 2))
    if len(found) < 2 or found[-1].type not in _SEALED:
        raise Malformed("not one encrypted message")
    *session_keys, sealed = found
    if any(packet.type != PacketType.SESSION_KEY for packet in session_keys):
        raise Malformed("not for public keys alone, or more than one encrypted message")
    to_each = Counter(packet.body[:9] for packet in session_keys)  # version and key ID; all nameless ones are alike
    if len(session_keys) > bounds.recipients or max(to_each.values()) > bounds.alike:
        raise TooMuch("recipients")
    return Envelope(tuple(session_keys), sealed)


def split_sealed(packets: bytes, groups: Sequence[Collection[KeyId]], bounds: Bounds) -> tuple[list[bytes], bytes]:
    """For each group of keys the session-key packets for them, and the encrypted packet that all share.

    `head + tail` is a complete message that only this group opens and that names nobody else (speed.md). Raises
    Malformed if anything is not as expected, above all if a session-key packet is nobody's or a key has not just one.
    """
    envelope = read_envelope(packets, bounds)
    by_key = {_key_id(packet): bytes(packet.raw) for packet in envelope.session_keys}
    expected = {key for group in groups for key in group}
    if set(by_key) != expected or len(envelope.session_keys) != len(expected):
        raise Malformed("session keys for others than the recipients")
    heads = [b"".join(by_key[key] for key in sorted(set(group))) for group in groups]
    return heads, bytes(envelope.sealed.raw)


def _key_id(session_key: Packet) -> KeyId:
    body = session_key.body
    if len(body) < 10 or body[0] != 3:
        raise Malformed("a session-key packet of another version")
    return body[1:9].hex().upper()


def _unmarked(packets: Iterable[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.type != PacketType.MARKER]


# ---------------------------------------------------------------- a message


@dataclass(frozen=True, slots=True)
class Message:
    """A literal and the signatures around it; each is a packet that serves as a detached signature too."""

    literal: bytes = field(repr=False)
    form: str  # "b" octets, "t" or "u" text: its line endings are CRLF, or should be
    signatures: tuple[Packet, ...] = field(repr=False)


def read_message(packets: bytes, bounds: Bounds) -> Message:
    """The one message in these octets: `literal`, or one-pass signatures, `literal`, as many signatures; or either
    compressed once. Raises Malformed (anything else, two messages one after the other above all) or TooMuch.
    """
    most = 2 * bounds.signatures + 8
    found = _unmarked(split(packets, most))
    if [packet.type for packet in found] == [PacketType.COMPRESSED]:
        found = _unmarked(split(decompress(found[0], bounds.decompressed(len(packets))), most))
    count = sum(packet.type == PacketType.ONE_PASS for packet in found)
    if count > bounds.signatures:
        raise TooMuch("signatures")
    shape = [PacketType.ONE_PASS] * count + [PacketType.LITERAL] + [PacketType.SIGNATURE] * count
    if [packet.type for packet in found] != shape:
        raise Malformed("not exactly one message")
    form, literal = _read_literal(found[count].pieces)
    # Copies, so that nothing keeps hold of all that they were found in.
    return Message(literal, form, tuple(split(bytes(packet.raw), 1)[0] for packet in found[count + 1 :]))


def decompress(packet: Packet, most: int) -> bytes:
    """The content of a compressed packet (RFC 9580 §5.6). Raises Malformed, or TooMuch beyond `most` octets.

    Sequoia pads a packet with octets behind the compressed stream. In a packet that has no length, only another
    message could stand there.
    """
    body = packet.pieces[0] if len(packet.pieces) == 1 else packet.body
    try:
        stream = _DECOMPRESSORS[body[0]]()
        content = stream.decompress(body[1:], most + 1)
    except (IndexError, KeyError, zlib.error, OSError, ValueError):
        raise Malformed("damaged, or an unknown compression") from None
    if len(content) > most:
        raise TooMuch("decompressed size")
    if not stream.eof or (stream.unused_data and not packet.bounded):
        raise Malformed("cut short, or more than one message")
    return content


class _Stream(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes | memoryview, max_length: int, /) -> bytes: ...


_DECOMPRESSORS: Mapping[int, Callable[[], _Stream]] = {
    1: lambda: zlib.decompressobj(-zlib.MAX_WBITS),
    2: zlib.decompressobj,
    3: BZ2Decompressor,
}


def _read_literal(pieces: Sequence[memoryview]) -> tuple[str, bytes]:
    """RFC 9580 §5.9: form, file name, date, content. All but the content fits into the first of several pieces."""
    first, *others = pieces
    if len(first) < 6 or chr(first[0]) not in {"b", "t", "u"} or len(first) < 6 + first[1]:
        raise Malformed("literal")
    return chr(first[0]), b"".join((first[6 + first[1] :], *others))


# ---------------------------------------------------------------- signatures

HASH_NAMES = {
    1: "md5",
    2: "sha1",
    3: "ripemd160",
    8: "sha256",
    9: "sha384",
    10: "sha512",
    11: "sha224",
    12: "sha3-256",
    14: "sha3-512",
}

BINARY, TEXT = 0x00, 0x01  # the signature types that are over a document

_MADE_AT, _ISSUER_ID, _ISSUER, _INTENDED = 2, 16, 33, 35  # subpackets, RFC 9580 §5.2.3.7


@dataclass(frozen=True, slots=True)
class SignatureFacts:
    """What a signature packet says of itself. True of it only if the signature is good, for all of it is hashed."""

    type: int
    hash_algorithm: int
    hashed: bytes = field(repr=False)  # the hashed subpackets; in the old version 3, type and time
    made_at: datetime | None = None
    issuer: Fingerprint | None = None  # the key or subkey that signed
    issuer_id: KeyId | None = None  # likewise; it may stand where nothing is hashed, and then is a hint alone
    intended: tuple[Fingerprint, ...] = ()

    @property
    def micalg(self) -> str | None:
        """The parameter that RFC 3156 §5 wants."""
        name = HASH_NAMES.get(self.hash_algorithm)
        return f"pgp-{name}" if name else None


def read_signatures(octets: bytes, bounds: Bounds) -> list[Packet]:
    """The packets of a detached signature, armoured or not: signatures alone. Raises Malformed or TooMuch."""
    found = split(packets_of(octets), bounds.signatures)
    if not found or any(packet.type != PacketType.SIGNATURE for packet in found):
        raise Malformed("not a detached signature")
    return found


def read_signature(body: bytes) -> SignatureFacts:
    """The facts of a signature packet, version 3, 4 or 6. Raises Malformed."""
    try:
        if body[0] == 3:
            return _read_old_signature(body)
        if body[0] not in {4, 6}:
            raise Malformed("a signature of another version")
        return _read_new_signature(body, 2 if body[0] == 4 else 4)
    except (IndexError, OverflowError):
        raise Malformed("a signature cut short") from None


def _read_old_signature(body: bytes) -> SignatureFacts:
    return SignatureFacts(body[2], body[16], body[2:7], _instant(body[3:7]))


def _read_new_signature(body: bytes, width: int) -> SignatureFacts:
    begin = 4 + width
    hashed = body[begin : begin + int.from_bytes(body[4:begin], "big")]
    subpackets = _subpackets(hashed)
    times = [content for kind, content in subpackets if kind == _MADE_AT]
    issuers = [_fingerprint(content) for kind, content in subpackets if kind == _ISSUER]
    named = [
        content.hex().upper()
        for kind, content in (*subpackets, *_unhashed(body, begin + len(hashed), width))
        if kind == _ISSUER_ID
    ]
    return SignatureFacts(
        type=body[1],
        hash_algorithm=body[3],
        hashed=hashed,
        made_at=_instant(times[0]) if times else None,
        issuer=issuers[0] if issuers else None,
        issuer_id=named[0] if named else None,
        intended=tuple(_fingerprint(content) for kind, content in subpackets if kind == _INTENDED),
    )


def _unhashed(body: bytes, at: int, width: int) -> list[tuple[int, bytes]]:
    """What stands there may be damaged, and then says nothing."""
    begin = at + width
    with suppress(IndexError, Malformed):
        return _subpackets(body[begin : begin + int.from_bytes(body[at:begin], "big")])
    return []


def _subpackets(area: bytes) -> list[tuple[int, bytes]]:
    view, found, at = memoryview(area), list[tuple[int, bytes]](), 0
    while at < len(view):
        at, length, _ = _subpacket_length(view, at)
        content = bytes(_take(view, at, length))
        found.append((content[0] & 0x7F, content[1:]))
        at += length
    return found


def _subpacket_length(view: memoryview, at: int) -> tuple[int, int, bool]:
    """As in packet headers, but 224 to 254 are two-octet lengths too (RFC 9580 §5.2.3.7)."""
    first = view[at]
    if 224 <= first < 255:
        return at + 2, (first - 192 << 8) + _take(view, at + 1, 1)[0] + 192, False
    return _new_length(view, at)


def _fingerprint(content: bytes) -> Fingerprint:
    return content[1:].hex().upper()


def _instant(octets: bytes) -> datetime:
    return datetime.fromtimestamp(int.from_bytes(octets, "big"), UTC)
