"""Mails for tests, built by hand octet for octet, and the people who write them with the bare gpg command."""

import functools
import hashlib
from dataclasses import dataclass
from typing import Protocol

from mailbot.core.mail import IncomingMail, OpenedMail
from mailbot.mail.classification import OwnMarks
from mailbot.mail.gpg import Gpg
from mailbot.mail.limits import Limits
from mailbot.mail.opening import open_mail
from tests.keys import Person

REPLAY_KEY = b"the secret of trust.md 5, 32 oct"
OWN = OwnMarks(frozenset({"hub@network.example", "control@network.example"}), "ids.network.example")
BOUNDARY = "=_b0undary"


@dataclass(frozen=True)
class World:
    """The robot, France whose certificate is pinned, and a stranger whose is not."""

    robot: Person
    france: Person
    stranger: Person
    gpg: Gpg


@functools.cache
def world() -> World:
    robot = Person.named("Hub <hub@network.example>")
    france = Person.named("Bureau France <desk@fr.example>", robot)
    stranger = Person.named("Stranger <stranger@nowhere.example>", robot, france)
    robot.meet(france)
    return World(robot, france, stranger, Gpg(robot.key.home, robot.fingerprint))


def incoming(octets: bytes) -> IncomingMail:
    return IncomingMail(octets, hashlib.sha256(octets).hexdigest())


def opened(octets: bytes, limits: Limits | None = None) -> OpenedMail:
    """The mail as the robot opens it."""
    return open_mail(incoming(octets), world().gpg, REPLAY_KEY, limits, OWN)


# ---------------------------------------------------------------- MIME by hand


def header(*fields: str, sender: str = "Bureau <desk@fr.example>", subject: str = "...") -> bytes:
    """The outer header section without its blank line; `fields` come first."""
    usual = (
        f"From: {sender}",
        "To: hub@network.example",
        f"Subject: {subject}",
        "Message-ID: <1@mail.fr.example>",
        "Date: Mon, 20 Jul 2026 10:00:00 +0200",
        "MIME-Version: 1.0",
    )
    return "".join(f"{line}\r\n" for line in (*fields, *usual)).encode()


def part(content_type: str, body: bytes | str, *fields: str) -> bytes:
    """A MIME entity with these fields after its Content-Type."""
    head = "".join(f"{line}\r\n" for line in (f"Content-Type: {content_type}", *fields))
    return head.encode() + b"\r\n" + crlf(body.encode() if isinstance(body, str) else body)


def multipart(subtype: str, *parts: bytes, fields: str = "", boundary: str = BOUNDARY) -> bytes:
    """A multipart entity; `fields` are parameters of its Content-Type and whole lines behind it."""
    mark = boundary.encode()
    body = b"".join(b"--" + mark + b"\r\n" + entity + b"\r\n" for entity in parts)
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"{fields}\r\n\r\n'.encode()
    return head + body + b"--" + mark + b"--\r\n"


def crlf(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


VERSION = part("application/pgp-encrypted", "Version: 1\r\n")


def encrypted(armour: bytes, boundary: str = BOUNDARY) -> bytes:
    """RFC 3156 §4."""
    sealed = part('application/octet-stream; name="encrypted.asc"', armour)
    return multipart("encrypted", VERSION, sealed, fields='; protocol="application/pgp-encrypted"', boundary=boundary)


class Signer(Protocol):
    """Whoever can sign."""

    def sign(self, octets: bytes, *options: str) -> bytes: ...


def signed(
    author: Signer, entity: bytes, *more: bytes, boundary: str = "=_s1gned", options: tuple[str, ...] = ()
) -> bytes:
    """RFC 3156 §5, by somebody."""
    signature = part('application/pgp-signature; name="signature.asc"', author.sign(entity, *options))
    fields = '; micalg=pgp-sha512; protocol="application/pgp-signature"'
    return multipart("signed", entity, signature, *more, fields=fields, boundary=boundary)


PROTECTED = 'text/plain; charset=utf-8; hp="cipher"'


def protected_text(text: str = "Bonjour\r\n", subject: str = "[REQUEST DE] Voyageur", *fields: str) -> bytes:
    """A text entity with protected headers (RFC 9788)."""
    return part(PROTECTED, text, f"Subject: {subject}", "From: desk@fr.example", "To: hub@network.example", *fields)


def sealed_mail(entity: bytes, *fields: str, author: Person | None = None, subject: str = "...") -> bytes:
    """A whole mail, signed by France (or somebody) and encrypted to the robot in one."""
    author = author or world().france
    return header(*fields, subject=subject) + encrypted(author.sign_encrypt(entity, [world().robot]))
