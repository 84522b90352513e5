"""Mails made to take long or much: each must be opened, or given up, within what any mail may take."""

import gzip
from base64 import encodebytes
from collections.abc import Callable, Mapping

from tests.keys import run
from tests.mail.mails import encrypted, header, multipart, part, world

MIB = 1024 * 1024
SIZE = 8 * MIB
LARGEST = 127 * MIB

BEGIN = b"-----BEGIN PGP MESSAGE-----\r\n"
END = b"-----END PGP MESSAGE-----\r\n"
CLEAR = b"-----BEGIN PGP SIGNED MESSAGE-----\r\n"
CLEAR_END = b"-----BEGIN PGP SIGNATURE-----\r\n\r\nAAAA\r\n-----END PGP SIGNATURE-----\r\n"
CYRILLIC = "Привет, встреча завтра утром в Москве ".encode("koi8-r")
NOTICE = b"Hi. This is the qmail-send program at mx.example.\r\n\r\n"


def of(unit: bytes, size: int = SIZE) -> bytes:
    return unit * (size // len(unit))


def nested(body: bytes, boundary: str) -> bytes:
    entity = part("text/plain", body)
    for level in range(99):
        entity = multipart("mixed", entity, boundary=f"{boundary}{level}")
    return entity


def deep(levels: int) -> bytes:
    heads = (b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(levels))
    return b"".join(heads) + b"Content-Type: text/plain\r\n\r\nx\r\n"


def many(kind: str, entity: bytes) -> bytes:
    return multipart(kind, *[entity] * 998)


def parts(count: int) -> bytes:
    return b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n"


def coded(body: bytes, encoding: str, kind: str = "text/plain") -> bytes:
    return part(kind, body, f"Content-Transfer-Encoding: {encoding}")


def squeezed(entity: bytes, *options: str) -> bytes:
    """Signed and sealed by France, and compressed as well as gpg can."""
    sealed = world().france.sign_encrypt(entity, [world().robot], "--compress-algo", "zlib", "-z", "9", *options)
    return encrypted(sealed)


def twice_squeezed() -> bytes:
    """A compressed packet in a compressed packet, and so on: gpg can be had to make one by its own messages."""
    packets = b"Content-Type: text/plain\r\n\r\nx"
    for _ in range(20):
        packets = run(world().stranger.key.home, "--store", "--compress-algo", "zip", octets=packets).stdout
    return encrypted(world().stranger.encrypt(packets, [world().robot]))


BOMBS: Mapping[str, Callable[[], bytes]] = {
    # parts
    "delimiters, a hundred levels deep": lambda: nested(of(b"--" + b"x" * 60 + b"\r\n"), "x" * 60),
    "fifty thousand levels": lambda: deep(50_000),
    "a hundred thousand parts": lambda: parts(100_000),
    "a thousand pages": lambda: many("mixed", part("text/html", BEGIN + of(b"<b>x</b>", SIZE // 1000))),
    "a thousand texts in no known charset": lambda: many("mixed", part("text/plain", BEGIN + CYRILLIC * 30)),
    "a thousand hidden texts": lambda: many("mixed", part("text/html", b"<!--" + CYRILLIC * 100 + b"-->")),
    "a thousand parameters": lambda: many("mixed", part("x/y" + '; a="\\"' * 900, b"")),
    "attached mails, a hundred thousand deep": lambda: b"Content-Type: message/rfc822\r\n\r\n" * 100_000,
    # header
    "a header and nothing else": lambda: of(b"X: y\r\n"),
    "a folded field": lambda: b"X: y\r\n" + of(b" z\r\n"),
    "one long field": lambda: b"X: " + of(b"y") + b"\r\n\r\nx",
    "a subject of encoded words": lambda: b"Subject: " + of(b"=?utf-8?q?a?= ", MIB) + b"\r\n\r\nx",
    "everybody in To": lambda: b"To: " + of(b"a@b.example, ", MIB) + b"\r\n\r\nx",
    # lines
    "line feeds": lambda: part("text/plain", b"") + b"\n" * LARGEST,
    "carriage returns": lambda: part("text/plain", b"") + b"\r" * SIZE,
    "line feeds, flowed": lambda: part("text/plain; format=flowed", of(b"\n", MIB)),
    "one long line": lambda: part("text/plain", of(b"a", 32 * MIB)),
    "one long line of HTML": lambda: part("text/html", of(b"a", 32 * MIB)),
    "tags": lambda: part("text/html", BEGIN + of(b"<a ") + END),
    "paragraphs": lambda: part("text/html", of(b"<p>", MIB)),
    # encodings
    "base64 that is none": lambda: coded(of(b"!A$%", 32 * MIB), "base64"),
    "base64 of a text": lambda: coded(encodebytes(of(b"ABC", 24 * MIB)), "base64"),
    "quoted-printable": lambda: coded(of(b"=41", 32 * MIB), "quoted-printable"),
    "uuencode": lambda: coded(b"begin 644 x\r\n" + of(b"M" + b"A" * 60 + b"\r\n", 32 * MIB), "x-uuencode"),
    "winmail.dat": lambda: coded(encodebytes(of(b"\x78\x9f\x3e\x22", 24 * MIB)), "base64", "application/ms-tnef"),
    "a zip bomb, attached": lambda: coded(encodebytes(gzip.compress(bytes(64 * MIB))), "base64", "application/gzip"),
    # reports
    "a bounce of one line": lambda: (
        b"Return-Path: <>\r\n" + part("text/plain", b"failed addresses follow:\r\n" + of(b"a"))
    ),
    "a bounce for everybody": lambda: (
        b"Return-Path: <>\r\n" + part("text/plain", NOTICE + of(b"<a@b.example>:\r\n550 5.1.1 no\r\n\r\n"))
    ),
    "a report on everybody": lambda: many(
        "report", part("message/delivery-status", of(b"\r\n\r\nAction: x\r\n", 9_000))
    ),
    "an absence without end": lambda: (
        b"Auto-Submitted: auto-replied\r\n" + part("text/plain", of(b"back on 3 of 20.7. - ", MIB))
    ),
    # OpenPGP
    "armour that begins and never ends": lambda: part("text/plain", of(BEGIN)),
    "armour that begins and ends once": lambda: part("text/plain", of(BEGIN) + END),
    "armour of spaces": lambda: part("text/plain", BEGIN + of(b" ") + b"x\r\n" + END),
    "armour of blank lines": lambda: part("text/plain", BEGIN + of(b" \r\n") + END),
    "armour of headers": lambda: part("text/plain", BEGIN + of(b"Comment: x\r\n") + END),
    "armour of nothing": lambda: part("text/plain", BEGIN + b"\r\n" + of(b"QUJD" * 16 + b"\r\n", 32 * MIB) + END),
    "clearsigned beginnings": lambda: part("text/plain", of(CLEAR) + CLEAR_END),
    "clearsigned short lines": lambda: part("text/plain", CLEAR + b"\r\n" + of(b"- a\r\n", 7 * MIB) + CLEAR_END),
    "compressed beyond measure": lambda: squeezed(part("text/plain", b"") + bytes(200 * MIB)),
    "compressed line feeds": lambda: squeezed(b"Content-Type: text/plain\n\n" + b"\n" * (7 * MIB)),
    "compressed lines": lambda: squeezed(b"Content-Type: text/plain\n\n" + b"a\n" * (7 * MIB // 2)),
    "compressed, inline": lambda: part(
        "text/plain", world().france.sign_encrypt(b"\n" * (7 * MIB), [world().robot], "--compress-algo", "zlib")
    ),
    "compressed again and again": twice_squeezed,
    "sealed and not compressed": lambda: encrypted(
        world().france.sign_encrypt(b"Content-Type: text/plain\n\n" + of(b"a\n", 16 * MIB), [world().robot], "-z", "0")
    ),
}


def bomb(name: str) -> bytes:
    return header() + BOMBS[name]()
