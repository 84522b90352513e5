"""A grammar for OpenPGP: packets of every form and length, in shapes that are right, nearly right, or nonsense.

Some pieces are real: signatures by France over some texts, session keys and sealed data for the robot. So a shape can
come out as genuine, and a test can see whether it ever does so over anything that France did not sign.
"""

import bz2
import functools
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from mailbot.mail.armour import dearmour
from mailbot.mail.packets import split
from tests.keys import Person, run
from tests.mail.mails import protected_text, world

COMPRESSED, LITERAL, ONE_PASS, SIGNATURE, SESSION_KEY = 8, 11, 4, 2, 1
ODD = (3, 5, 6, 9, 10, 12, 13, 14, 17, 19, 21, 40, 60, 63, 0)


@dataclass(frozen=True)
class Pieces:
    """Bodies of packets that the real gpg made, and the texts that France signed."""

    texts: tuple[bytes, ...]
    signatures: tuple[bytes, ...] = field(repr=False)  # by France over each of the texts, binary and text
    one_passes: tuple[bytes, ...] = field(repr=False)
    others: tuple[bytes, ...] = field(repr=False)  # signatures by a stranger, and over nothing anybody sends
    sealed: tuple[bytes, ...] = field(repr=False)  # whole messages to the robot


@functools.cache
def pieces() -> Pieces:
    france, stranger, robot = world().france, world().stranger, world().robot
    texts = (protected_text(), b"Content-Type: text/plain\r\n\r\n[ACK#2026-0042]\r\n", b"Bonjour\n")
    signed = [(france, text, options) for text in texts for options in ((), ("--textmode",))]
    messages = [_message(*each) for each in signed]
    others = [_message(stranger, texts[0], ()), _message(france, b"UNSENT", ())]
    sealed = (france.sign_encrypt(texts[0], [robot]), stranger.encrypt(b"x", [robot]), robot.encrypt(b"x", [france]))
    return Pieces(
        texts,
        tuple(_bodies(octets, SIGNATURE)[0] for octets in messages),
        tuple(_bodies(octets, ONE_PASS)[0] for octets in messages),
        tuple(_bodies(octets, SIGNATURE)[0] for octets in others),
        tuple(map(dearmour, sealed)),
    )


def _message(author: Person, text: bytes, options: tuple[str, ...]) -> bytes:
    return dearmour(author.sign_message(text, "--compress-algo", "none", *options))


def _bodies(octets: bytes, kind: int) -> list[bytes]:
    return [packet.body for packet in split(octets, 10) if packet.type == kind]


def without_literal(packets: bytes) -> bytes:
    """These packets, whatever they are, encrypted to the robot as they are; armoured."""
    to = ("--recipient", world().robot.fingerprint, "--trust-model", "always")
    options = ("--armor", "--no-literal", "--compress-algo", "none", "--encrypt")
    return run(world().stranger.key.home, *to, *options, octets=packets).stdout


class Grammar:
    """What a seed makes."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.pieces = pieces()

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    # ------------------------------------------------------------ wholes

    def inside(self) -> bytes:
        """What may lie inside an encryption."""
        return self.damaged(self.message(0) if self.chance(0.7) else self.sequence(0), 0.15)

    def outside(self) -> bytes:
        """What may come in a mail, armoured or not."""
        packets = self.damaged(self.envelope(), 0.4)
        return self.armour(packets) if self.chance(0.6) else packets

    def envelope(self) -> bytes:
        sealed = self.random.choice(self.pieces.sealed)
        if self.chance(0.2):
            return sealed
        found = [bytes(packet.raw) for packet in split(sealed, 10)]  # session keys, and what they open
        if self.chance(0.05):
            return found[0] * 60 + found[-1]
        found += [self.odd() for _ in range(self.random.choice([0, 0, 1, 3]))]
        found += [self.random.choice(found) for _ in range(self.random.choice([0, 0, 1, 60]))]
        if self.chance(0.5):
            self.random.shuffle(found)
        return b"".join(found)

    def message(self, level: int) -> bytes:
        """A signed message in one of its forms, its pieces from one mail or several."""
        which = self.random.randrange(len(self.pieces.signatures))
        other = which if self.chance(0.9) else self.random.randrange(len(self.pieces.signatures))
        text = self.pieces.texts[which // 2] if self.chance(0.9) else b"FORGED"
        literal = self.literal(text)
        one_pass, signature = self.packet(ONE_PASS, self.pieces.one_passes[other]), self.signature(other)
        made = self.random.choice([
            one_pass + literal + signature, one_pass + literal + signature, signature + literal, literal,
            one_pass * 2 + literal + signature * 2, one_pass + literal, literal + signature,
            one_pass + literal + signature + literal, one_pass + literal + literal + signature,
        ])  # fmt: skip
        return self.compressed(made, level) if self.chance(0.4) else made

    def sequence(self, level: int) -> bytes:
        some: list[Callable[[], bytes]] = [
            lambda: self.literal(b"FORGED"), lambda: self.signature(0), self.odd, lambda: self.message(level + 1),
            lambda: self.packet(ONE_PASS, self.random.choice(self.pieces.one_passes)),
            lambda: self.compressed(self.sequence(level + 1), level) if level < 4 else b"",
        ]  # fmt: skip
        return b"".join(self.random.choice(some)() for _ in range(self.random.randint(0, 5)))

    # ------------------------------------------------------------ packets

    def literal(self, text: bytes) -> bytes:
        name = self.random.choice([b"", b"", b"x.txt", b"\r\n[GNUPG:] GOODSIG", b"_CONSOLE"])
        length = len(name) if self.chance(0.95) else self.random.randrange(256)
        form = b"b" if self.chance(0.8) else self.random.choice([b"t", b"u", b"1", b"\x00"])
        return self.packet(LITERAL, form + bytes([length]) + name + bytes(4) + text)

    def signature(self, which: int) -> bytes:
        if self.chance(0.1):
            return self.packet(SIGNATURE, self.random.choice(self.pieces.others))
        return self.packet(SIGNATURE, self.pieces.signatures[which])

    def compressed(self, inner: bytes, level: int) -> bytes:
        algorithm = self.random.choice([1, 2, 3]) if self.chance(0.9) else self.random.choice([0, 4, 110])
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        forms = {1: squeeze.compress(inner) + squeeze.flush(), 2: zlib.compress(inner), 3: bz2.compress(inner)}
        body = bytes([algorithm]) + forms.get(algorithm, inner) + (b"more" if self.chance(0.1) else b"")
        made = self.packet(COMPRESSED, body)
        return self.compressed(made, level + 1) if level < 3 and self.chance(0.1) else made

    def odd(self) -> bytes:
        return self.packet(self.random.choice(ODD), self.random.randbytes(self.random.choice([0, 1, 3, 20, 300])))

    def packet(self, kind: int, body: bytes) -> bytes:
        """A packet in one of the many ways to write its length (RFC 9580 §4.2)."""
        if kind < 16 and self.chance(0.2):
            return self._old(kind, body)
        tag = bytes([0xC0 | kind])
        if self.chance(0.05):
            return tag + self._partial(body)
        return tag + self._length(len(body) if self.chance(0.97) else self.random.randrange(70_000)) + body

    def _old(self, kind: int, body: bytes) -> bytes:
        size = (
            self.random.choice([0, 1, 2, 3]) if kind == COMPRESSED or self.chance(0.1) else self.random.choice([1, 2])
        )
        length = b"" if size == 3 else (len(body) % (1 << 8 * (1 << size))).to_bytes(1 << size, "big")
        return bytes([0x80 | kind << 2 | size]) + length + body

    def _length(self, length: int) -> bytes:
        """In the shortest form, or, which is allowed, in the longest."""
        if self.chance(0.2) or length >= 8_384:
            return b"\xff" + length.to_bytes(4, "big")
        return bytes([length]) if length < 192 else bytes([(length - 192 >> 8) + 192, length - 192 & 0xFF])

    def _partial(self, body: bytes) -> bytes:
        pieces, power = b"", self.random.choice([9, 9, 10, 1, 0])
        while len(body) > 1 << power:
            pieces, body = pieces + bytes([0xE0 | power]) + body[: 1 << power], body[1 << power :]
        return pieces + self._length(len(body)) + body

    # ------------------------------------------------------------ armour, damage

    def armour(self, packets: bytes) -> bytes:
        label = self.random.choice([b"MESSAGE", b"MESSAGE", b"MESSAGE", b"SIGNATURE", b"MESSAGE, PART 1/2", b""])
        newline = self.random.choice([b"\n", b"\r\n", b" \r\n", b"\r"])
        headers = self.random.choice([b"", b"", b"Version: 1", b"Comment: a\nComment: b", b"Hash: SHA1", b":"])
        width = self.random.choice([64, 76, 1, 1_000])
        coded = b64encode(packets)
        lines = [coded[at : at + width] for at in range(0, len(coded), width)]
        checksum = self.random.choice([[], [b"=AAAA"], [b"=3Dxy"], [b"=="]])
        around = [b"-----BEGIN PGP " + label + b"-----", *([headers] if headers else []), b"", *lines, *checksum]
        block = newline.join([*around, b"-----END PGP " + label + b"-----", b""])
        return block * (2 if self.chance(0.05) else 1)

    def damaged(self, octets: bytes, share: float) -> bytes:
        if not octets or not self.chance(share):
            return octets
        at = self.random.randrange(len(octets))
        return self.random.choice([
            octets[:at] + bytes([self.random.randrange(256)]) + octets[at + 1 :], octets[:at], octets + octets[:at],
            octets[:at] + octets[at + 1 :], octets[at:] + octets[:at], octets[:at] + bytes(300) + octets[at:],
        ])  # fmt: skip
