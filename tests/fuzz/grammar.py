"""A grammar for mail: whole mails from a seed, most of them almost right, which is where parsers fall.

Everything that nobody signed holds the word UNSIGNED, so that a test can see whether it ever comes out as somebody's.
"""

import functools
from base64 import encodebytes
from collections.abc import Callable
from dataclasses import dataclass, field
from quopri import encodestring
from random import Random

from tests.mail.mails import PROTECTED, crlf, encrypted, multipart, part, protected_text, signed, world

UNSIGNED = b"UNSIGNED"


@dataclass(frozen=True)
class Corpus:
    """OpenPGP made once by the real gpg: what France signed, and in which shapes it travels."""

    entities: frozenset[bytes]
    signed: frozenset[bytes]  # what France sealed in one piece, as it was sealed
    whole: tuple[bytes, ...] = field(repr=False)  # entities that open and verify as they are
    blocks: tuple[bytes, ...] = field(repr=False)  # armour, some of it for somebody else


@functools.cache
def corpus() -> Corpus:
    france, robot, stranger = world().france, world().robot, world().stranger
    texts = [b"[ACK#2026-0042]\r\nBonjour\r\n", b"Bonjour"]
    entities = [protected_text(), part("text/plain", "[REQUEST DE]\r\nBonjour\r\n"), part(PROTECTED, "x", "Subject: y")]
    combined = [france.sign_encrypt(entity, [robot]) for entity in entities]
    inner = [signed(france, entity) for entity in entities]
    inline = [france.sign_encrypt(text, [robot]) for text in texts]
    cleared = [france.clearsign(text) for text in texts]
    others = [stranger.encrypt(b"UNSIGNED\r\n", [robot]), stranger.sign_encrypt(protected_text("UNSIGNED"), [robot])]
    foreign = [robot.sign_encrypt(b"UNSIGNED", [france]), france.sign(b"UNSIGNED"), france.key.public]
    whole = [
        *(encrypted(armour) for armour in combined),
        *(encrypted(france.encrypt(entity, [robot])) for entity in inner),
        *inner,
        *(part("text/plain", armour) for armour in inline + cleared),
    ]
    made = [part("text/plain; charset=us-ascii", text, "Content-Transfer-Encoding: 7bit") for text in texts]
    made += [entity.removesuffix(b"\r\n") for entity in made]  # a clearsigned text has no last line end
    return Corpus(
        frozenset(entities + made),
        frozenset(entities + texts),
        tuple(whole),
        tuple(combined + inline + cleared + others + foreign),
    )


def mail(seed: int) -> bytes:
    """The mail of this seed."""
    return _Grammar(Random(seed)).mail()


class _Grammar:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.corpus = corpus()
        self.left = 40  # parts that this mail may still grow

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, *options: str) -> str:
        return self.random.choice(options)

    # ------------------------------------------------------------ the whole

    def mail(self) -> bytes:
        octets = self.header() + (self.sound() if self.chance(0.25) else self.entity(0))
        for damage in (self.flip, self.cut, self.repeat, self.newlines, self.flood):
            if self.chance(0.12):
                octets = damage(octets)
        return octets

    def sound(self) -> bytes:
        """Something of France's as it is, or with something else beside it."""
        entity = self.random.choice(self.corpus.whole)
        if self.chance(0.5):
            return entity
        beside = [self.leaf() for _ in range(self.random.randint(0, 2))]
        parts = [entity, *beside]
        self.random.shuffle(parts)
        return multipart(self.pick("mixed", "alternative", "related", "signed", "report"), *parts, boundary="=_beside")

    def entity(self, level: int) -> bytes:
        self.left -= 1
        if level > 6 or self.left < 0 or self.chance(0.45):
            return self.leaf()
        children = [self.entity(level + 1) for _ in range(self.random.choice([0, 1, 2, 2, 3, 5]))]
        kind = self.pick("mixed", "alternative", "related", "report", "digest", "encrypted", "signed", "x-unknown", "")
        boundary = self.pick("b", "bb", "=_x", "a b", "", "--", "(c)", "b" * 80)
        return multipart(kind, *children, fields=self.parameters(), boundary=boundary)

    def leaf(self) -> bytes:
        make: Callable[[], bytes] = self.random.choice(
            [self.text, self.text, self.text, self.page, self.armour, self.status, self.message, self.binary]
        )
        return make()

    # ------------------------------------------------------------ leaves

    def text(self) -> bytes:
        return self.part(
            self.pick("text/plain", "text/plain", "text/enriched", "text/rfc822-headers", ""), self.words()
        )

    def page(self) -> bytes:
        marks = (
            "<p>",
            "</p>",
            "<br>",
            "<a ",
            "<!--",
            "-->",
            "<pre>",
            "<blockquote>",
            "&eacute;",
            "&#x110000;",
            "<style>",
        )
        inside = "".join(self.pick(*marks, " word ", "\r\n") for _ in range(self.random.randint(0, 60)))
        return self.part("text/html", b"<html>" + inside.encode() + self.words())

    def armour(self) -> bytes:
        block = self.random.choice(self.corpus.blocks)
        around = self.words() if self.chance(0.4) else b""
        kind = self.pick(
            "text/plain", "application/octet-stream", "application/pgp-encrypted", "application/pgp-signature"
        )
        body = around + b"\r\n" + block + b"\r\n" + (block if self.chance(0.1) else b"")
        return self.part(kind, self.flip(body) if self.chance(0.3) else body)

    def status(self) -> bytes:
        fields = (
            "Final-Recipient: rfc822; ",
            "Action: failed",
            "Status: 5.1.1",
            "Diagnostic-Code: smtp; ",
            "",
            "Action: ",
            ":",
        )
        lines = [
            self.pick(*fields) + self.pick("", "a@b.example", "x" * 200, "\t")
            for _ in range(self.random.randint(0, 30))
        ]
        return self.part(self.pick("message/delivery-status", "message/feedback-report"), "\r\n".join(lines).encode())

    def message(self) -> bytes:
        return self.part(self.pick("message/rfc822", "message/partial", "message/global"), self.header() + self.text())

    def binary(self) -> bytes:
        return self.part("application/octet-stream", self.random.randbytes(self.random.randint(0, 300)))

    def part(self, content_type: str, body: bytes) -> bytes:
        encoding = self.pick("7bit", "8bit", "base64", "quoted-printable", "x-unknown", "BASE64", "")
        if encoding == "base64" and self.chance(0.9):
            body = encodebytes(body)
        elif encoding == "quoted-printable" and self.chance(0.9):
            body = encodestring(body)
        fields = [f"Content-Transfer-Encoding: {encoding}"] if encoding else []
        if self.chance(0.2):
            fields.append(
                "Content-Disposition: " + self.pick("attachment", "inline", 'attachment; filename="winmail.dat"', ";")
            )
        return part(content_type + self.parameters(), body, *fields)

    def words(self) -> bytes:
        some = [
            "UNSIGNED", "[REQUEST ALL]", "[ACK#2026-0042]", "R-7K3Q9-F2MXR", "-- ", "> quoted", "é", "ж", "日本",
            "\x00",
            "\x1b$B", "Hi. This is the", "<a@b.example>:", "failed addresses follow:",
            "Message-ID: <x@ids.network.example>", "-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----",
            "-----BEGIN PGP SIGNED MESSAGE-----", "Hash: SHA512", "--b", "--b--", "begin 644 x", "\u2028", "\ud7ff",
            "Subject: x", "", "",
        ]  # fmt: skip
        chosen = ["UNSIGNED", *(self.pick(*some) for _ in range(self.random.randint(0, 25)))]
        self.random.shuffle(chosen)
        joined = self.pick("\r\n", "\n", " \r\n", " ").join(chosen)
        return joined.encode(self.pick("utf-8", "utf-8", "utf-16", "utf-7"), "replace")

    # ------------------------------------------------------------ fields

    def parameters(self) -> str:
        some = (
            "; charset=utf-8", '; charset="koi8-r"', "; charset=x", "; charset*=utf-8''a%", "; format=flowed",
            "; delsp=yes", '; hp="cipher"', "; hp-legacy-display=1", '; protected-headers="v1"',
            "; protocol=application/pgp-encrypted", '; protocol="application/pgp-signature"',
            "; report-type=delivery-status", "; report-type=x", "; boundary=b", '; name="a', ";;;", "; =",
            "; x*0*=a; x*1=b; x*9=c", "; name*=''", "\r\n folded", "(comment",
        )  # fmt: skip
        return "".join(self.pick(*some) for _ in range(self.random.choice([0, 0, 0, 1, 1, 2, 4])))

    def header(self) -> bytes:
        names = (
            "From", "From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Reply-To",
            "Sender", "Return-Path", "Delivered-To", "Auto-Submitted", "List-Id", "Precedence", "X-Failed-Recipients",
            "MIME-Version", "X-Auto-Response-Suppress", "Content-Type", "Content-Transfer-Encoding", "HP-Outer",
            "Received", "X-Loop", "", "x y",
        )  # fmt: skip
        lines = [f"{self.pick(*names)}:{self.value()}" for _ in range(self.random.randint(0, 18))]
        return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")

    def value(self) -> str:
        some = (
            " a@b.example", " Bureau <desk@fr.example>", " <>", " <x@ids.network.example>", " =?utf-8?B?w6k=?=",
            " =?utf-8?Q?=", " =?x?q?a?=", " (", ")", "<", ">", '"', "\\", ",", ";", ":", "@", " G: a@b;",
            " auto-replied", " bulk", " all, oof", " Mon, 20 Jul 2026 10:00:00 +0200", " Mon, 99 Foo", "\x00", "\x80",
            "é", "\u202e", "\r\n ", "\r\n\t\r\n ", " UNSIGNED", " [REQUEST ALL]", " [ACK#2026-0042]",
            " multipart/mixed; boundary=b", " 9" * 40, " hub@network.example", "=" * 50,
        )  # fmt: skip
        return "".join(self.pick(*some) for _ in range(self.random.choice([0, 1, 1, 1, 2, 3, 8])))

    # ------------------------------------------------------------ damage

    def flip(self, octets: bytes) -> bytes:
        changed = bytearray(octets)
        for _ in range(self.random.randint(1, 4) if changed else 0):
            changed[self.random.randrange(len(changed))] = self.random.randrange(256)
        return bytes(changed)

    def cut(self, octets: bytes) -> bytes:
        return octets[: self.random.randint(0, len(octets))]

    def repeat(self, octets: bytes) -> bytes:
        first, last = sorted(self.random.randint(0, len(octets)) for _ in range(2))
        return octets[:last] + octets[first:]

    def newlines(self, octets: bytes) -> bytes:
        return crlf(octets).replace(b"\r\n", self.random.choice([b"\n", b"\r", b"\n\r", b"\r\r\n"]))

    def flood(self, octets: bytes) -> bytes:
        what = self.pick(
            "<a ",
            "(",
            '"\\',
            "=?",
            "\r\n ",
            "--b\r\n",
            "a@",
            "&#9",
            "> ",
            ";a=",
            "[",
            "-----BEGIN PGP MESSAGE-----\r\n",
        )
        at = self.random.randint(0, len(octets))
        return octets[:at] + what.encode() * self.random.choice([50, 1_000, 20_000]) + octets[at:]
