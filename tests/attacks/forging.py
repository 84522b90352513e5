"""What attackers build with: mails octet for octet, keys that are dead or weak, and the bare gpg command."""

import base64
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, make_msgid
from pathlib import Path

from mailbot.playground.people import Person as Member
from tests.attacks.packets import dearmoured
from tests.keys import Key, Person, export, fresh_home, make_key, run
from tests.mail.mails import crlf, encrypted, multipart, part, signed
from tests.stories.world import ADDRESS

PROTECTED = 'text/plain; charset=utf-8; protected-headers="v1"'


def hand(member: Member) -> Person:
    """The same key in the hands of somebody who knows all of gpg's options."""
    return Person(Key(member.key.fingerprint, member.key.certificate, member.key.home))


def header(sender: str, subject: str = "...", *fields: str, to: str = ADDRESS) -> bytes:
    """The outer header without its blank line; `fields` come first."""
    usual = (
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Message-ID: {make_msgid(domain='desk.example')}",
        f"Date: {format_datetime(datetime.now(UTC))}",
        "MIME-Version: 1.0",
    )
    return "".join(f"{line}\r\n" for line in (*fields, *usual)).encode()


def words(text: str, *fields: str, subject: str | None = None, sender: str | None = None) -> bytes:
    """A text entity; with a subject or a sender, these are protected headers."""
    protected = [f"Subject: {subject}"] * (subject is not None) + [f"From: {sender}"] * (sender is not None)
    kind = PROTECTED if protected or fields else "text/plain; charset=utf-8"
    return part(kind, text, *protected, *fields)


def sealed(author: Person, entity: bytes, robot: Key, sender: str, *options: str, **outside: str) -> bytes:
    """A whole mail, signed and encrypted by whoever wrote it, under whatever From; `options` are for the signing."""
    message = dearmoured(author.sign_message(entity, *options))
    return header(sender, **outside) + encrypted(crlf(author.encrypt(message, [robot], *AS_IT_IS)))


AS_IT_IS = ("--no-literal", "--compress-algo=none")  # what is encrypted is a message already


def two_hands(first: Person, second: Person) -> Person:
    """Somebody who has both secret keys, and signs with both."""
    home = fresh_home()
    for person in (first, second):
        run(home, "--import", octets=export(person.key.home, person.fingerprint, secret=True))
    return Person(Key(first.fingerprint, first.key.public, home))


def spoil(armour: bytes, *, cut: bool) -> bytes:
    """A message whose encrypted octets somebody has changed, or cut short, in an armour without checksum."""
    octets = bytearray(dearmoured(armour))
    octets[-30] ^= 0x01
    return rearmoured(bytes(octets[:-40] if cut else octets))


def rearmoured(octets: bytes) -> bytes:
    """An armour without checksum, as RFC 9580 §6.1 allows."""
    lines = base64.encodebytes(octets)
    return b"-----BEGIN PGP MESSAGE-----\n\n" + lines + b"-----END PGP MESSAGE-----\n"


def sign_for(author: Person, reader: Person, octets: bytes) -> bytes:
    """Signed for this reader by name: Sequoia writes Intended Recipient Fingerprints (RFC 9580 §5.2.3.36)."""
    with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp") as name:
        folder = Path(name)
        (folder / "signer").write_bytes(export(author.key.home, author.fingerprint, secret=True))
        (folder / "reader").write_bytes(reader.key.public)
        command = ["sq", "encrypt", "--recipient-cert", str(folder / "reader"), "--signer-key", str(folder / "signer")]
        return subprocess.run(command, input=octets, capture_output=True, check=True).stdout


def hand_on(message: bytes, reader: Person, to: Key) -> bytes:
    """What a reader of a signed message can do: seal it, signature and all, to somebody else (Davis 2001)."""
    signed = run(reader.key.home, "--unwrap", "--decrypt", octets=message).stdout
    return reader.encrypt(signed, [to], *AS_IT_IS)


def at(shift: timedelta) -> tuple[str, str]:
    """gpg's option for a clock that is so much ahead, or behind."""
    return "--faked-system-time", f"{datetime.now(UTC) + shift:%Y%m%dT%H%M%S}!"


# ---------------------------------------------------------------- keys that must not count

PAST = "20240101T000000"


def spoilt_keys() -> Mapping[str, Person]:
    """Officers' keys that are pinned for Spain, each with a flaw of its own."""
    return {
        "expired": Person(make_key("Expired <expired@es.example>", expire="1y", made=PAST)),
        "revoked": Person(_revoked(make_key("Revoked <revoked@es.example>"))),
        "not yet valid": Person(make_key("Future <future@es.example>", made="20380101T000000")),
        "short RSA": Person(make_key("Short <short@es.example>", "rsa1024/rsa1024")),
        "held by SHA-1": Person(make_key("Weak <weak@es.example>", options=("--cert-digest-algo", "SHA1"))),
        "old and sound": Person(make_key("Sound <sound@es.example>", made=PAST)),
    }


def _revoked(key: Key) -> Key:
    """The key with its revocation in its certificate; its owner goes on signing."""
    revocation = (key.home / "openpgp-revocs.d" / f"{key.fingerprint}.rev").read_bytes().replace(b":-----", b"-----")
    home = fresh_home()
    run(home, "--import", octets=key.public)
    run(home, "--import", octets=revocation)
    return Key(key.fingerprint, export(home, key.fingerprint), key.home)


__all__ = [
    "PROTECTED",
    "at",
    "crlf",
    "encrypted",
    "hand",
    "hand_on",
    "header",
    "multipart",
    "part",
    "rearmoured",
    "sealed",
    "sign_for",
    "signed",
    "spoil",
    "spoilt_keys",
    "two_hands",
    "words",
]
