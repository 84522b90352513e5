"""Large mails made to take long: each must be opened, or given up, in time that grows with its size and no faster."""

import time
from collections.abc import Callable

import pytest

from mailbot.core.mail import MailClass
from tests.mail.mails import header, multipart, opened, part

SIZE = 8 * 1024 * 1024
SECONDS = 5  # the limit for any mail is 10, for the largest that is read at all

BEGIN = b"-----BEGIN PGP MESSAGE-----\r\n"
END = b"-----END PGP MESSAGE-----\r\n"
CLEAR = b"-----BEGIN PGP SIGNED MESSAGE-----\r\n"
CLEAR_END = b"-----BEGIN PGP SIGNATURE-----\r\n\r\nAAAA\r\n-----END PGP SIGNATURE-----\r\n"
CYRILLIC = "Привет, встреча завтра утром в Москве ".encode("koi8-r")


def of(unit: bytes, size: int = SIZE) -> bytes:
    return unit * (size // len(unit))


def nested(body: bytes, boundary: str) -> bytes:
    entity = part("text/plain", body)
    for level in range(99):
        entity = multipart("mixed", entity, boundary=f"{boundary}{level}")
    return entity


def many(kind: str, entity: bytes) -> bytes:
    return multipart(kind, *[entity] * 998)


FLOODS: dict[str, Callable[[], bytes]] = {
    "delimiters, a hundred levels deep": lambda: nested(of(b"--" + b"x" * 60 + b"\r\n"), "x" * 60),
    "armour that begins and never ends": lambda: part("text/plain", of(BEGIN)),
    "armour that begins and ends once": lambda: part("text/plain", of(BEGIN) + END),
    "armour of spaces": lambda: part("text/plain", BEGIN + of(b" ") + b"x\r\n" + END),
    "armour of blank lines": lambda: part("text/plain", BEGIN + of(b" \r\n") + END),
    "armour of headers": lambda: part("text/plain", BEGIN + of(b"Comment: x\r\n") + END),
    "clearsigned beginnings": lambda: part("text/plain", of(CLEAR) + CLEAR_END),
    "clearsigned short lines": lambda: part("text/plain", CLEAR + b"\r\n" + of(b"- a\r\n") + CLEAR_END),
    "tags": lambda: part("text/html", BEGIN + of(b"<a ") + END),
    "a thousand pages": lambda: many("mixed", part("text/html", BEGIN + of(b"<b>x</b>", SIZE // 1000))),
    "a thousand texts in no known charset": lambda: many("mixed", part("text/plain", BEGIN + CYRILLIC * 30)),
    "a thousand hidden texts": lambda: many("mixed", part("text/html", b"<!--" + CYRILLIC * 100 + b"-->")),
    "a thousand parameters": lambda: many("mixed", part("x/y" + '; a="\\"' * 900, b"")),
    "a header and nothing else": lambda: of(b"X: y\r\n"),
    "a folded field": lambda: b"X: y\r\n" + of(b" z\r\n"),
    "bare line ends": lambda: part("text/plain", of(b"\r")),
    "a bounce of one line": lambda: (
        b"Return-Path: <>\r\n" + part("text/plain", b"failed addresses follow:\r\n" + of(b"a"))
    ),
    "a report on everybody": lambda: many(
        "report", part("message/delivery-status", of(b"\r\n\r\nAction: x\r\n", 9_000))
    ),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_floods(flood: str) -> None:
    octets = header() + FLOODS[flood]()
    began = time.monotonic()
    mail = opened(octets)
    assert time.monotonic() - began < SECONDS
    assert mail.mail_class is not MailClass.UNREADABLE
    assert mail.voucher is None
