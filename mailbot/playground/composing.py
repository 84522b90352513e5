"""Mail as the mail programs of desks write it: PGP/MIME (RFC 3156) in its shapes, inline PGP, or plain.

Written with the standard library, apart from the robot's own code, so that one does not repeat the other's mistakes.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from enum import StrEnum
from typing import Final

from mailbot.core.certificates import Fingerprint
from mailbot.playground.keys import DIGEST, Key


class Form(StrEnum):
    """How a mail is protected."""

    COMBINED = "combined"  # signed and encrypted in one OpenPGP message, RFC 3156 §6.2: Thunderbird, GnuPG plug-ins
    ENCAPSULATED = "encapsulated"  # a multipart/signed inside the encryption, RFC 3156 §6.1: Apple Mail, mutt
    INLINE = "inline"  # an armoured text in the body, each attachment by itself: old plug-ins, webmail
    ENCRYPTED = "encrypted"  # and not signed
    SIGNED = "signed"  # and not encrypted, RFC 3156 §5
    PLAIN = "plain"


class Subjects(StrEnum):
    """Where the subject stands when a mail is encrypted."""

    THUNDERBIRD = "thunderbird"  # inside, `protected-headers="v1"`; "..." outside
    RFC9788 = "rfc9788"  # inside, `hp="cipher"`; "[...]" outside
    OUTSIDE = "outside"  # readable by every server: mail programs without protected headers


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a mail."""

    name: str
    octets: bytes = field(repr=False)
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail as its author has it on the screen; LF ends lines."""

    sender: str  # what From shows: nobody keeps a forger from writing somebody else's address
    to: str
    subject: str = field(repr=False)
    text: str = field(repr=False)
    attachments: Sequence[Attachment] = ()
    form: Form = Form.COMBINED
    subjects: Subjects = Subjects.THUNDERBIRD
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    date: datetime = field(default_factory=lambda: datetime.now(UTC))
    message_id: str = ""

    @property
    def domain(self) -> str:
        """Of the sender's address."""
        return self.sender.rpartition("@")[2].rstrip(">")


def compose(draft: Draft, key: Key, reader: Fingerprint) -> bytes:
    """The finished mail, CRLF, signed by `key` and encrypted to `reader` as its form says."""
    draft = replace(draft, message_id=draft.message_id or make_msgid(domain=draft.domain))
    return _COMPOSERS[draft.form](draft, key, reader)


# ---------------------------------------------------------------- the forms


def _combined(draft: Draft, key: Key, reader: Fingerprint) -> bytes:
    return _encrypted(draft, key.seal(_entity(draft), reader))


def _encapsulated(draft: Draft, key: Key, reader: Fingerprint) -> bytes:
    return _encrypted(draft, key.seal(_signed_entity(_entity(draft), key), reader, signed=False))


def _only_encrypted(draft: Draft, key: Key, reader: Fingerprint) -> bytes:
    return _encrypted(draft, key.seal(_entity(draft), reader, signed=False))


def _only_signed(draft: Draft, key: Key, _reader: Fingerprint) -> bytes:
    return _outside(draft, draft.subject) + _signed_entity(_entity(draft), key)


def _plain(draft: Draft, _key: Key, _reader: Fingerprint) -> bytes:
    return _outside(draft, draft.subject) + _body(draft).as_bytes()


def _inline(draft: Draft, key: Key, reader: Fingerprint) -> bytes:
    sealed = key.seal(draft.text.encode(), reader).decode("ascii")
    files = [
        Attachment(f"{file.name}.pgp", key.seal(file.octets, reader), "application/octet-stream")
        for file in draft.attachments
    ]
    return _outside(draft, draft.subject) + _body(replace(draft, text=sealed, attachments=files)).as_bytes()


_COMPOSERS: Final = {
    Form.COMBINED: _combined,
    Form.ENCAPSULATED: _encapsulated,
    Form.INLINE: _inline,
    Form.ENCRYPTED: _only_encrypted,
    Form.SIGNED: _only_signed,
    Form.PLAIN: _plain,
}


# ---------------------------------------------------------------- pieces


def _entity(draft: Draft) -> bytes:
    """What is signed: the body, with the header fields that the mail program protects."""
    protects = draft.subjects is not Subjects.OUTSIDE
    body = _body(draft, _addressed(draft, draft.subject) if protects else None)
    if protects and draft.subjects is Subjects.RFC9788:
        body.set_param("hp", "clear" if draft.form is Form.SIGNED else "cipher")
    elif protects:
        body.set_param("protected-headers", "v1")
    return body.as_bytes()


def _body(draft: Draft, message: EmailMessage | None = None) -> EmailMessage:
    """Text and attachments. Quoted-printable, since what is signed must pass every server unchanged (RFC 3156 §3)."""
    message = message or EmailMessage(SMTP)
    message.set_content(draft.text, cte="quoted-printable")
    for file in draft.attachments:
        main, _, sub = file.media_type.partition("/")
        message.add_attachment(file.octets, maintype=main, subtype=sub, filename=file.name)
    for part in message.walk():
        del part["MIME-Version"]  # it belongs outside, once
    return message


def _signed_entity(entity: bytes, key: Key) -> bytes:
    boundary = _boundary()
    kind = f'multipart/signed; micalg=pgp-{DIGEST.lower()}; protocol="application/pgp-signature"'
    head = b'Content-Type: application/pgp-signature; name="signature.asc"\r\n\r\n'
    return _multipart(kind, boundary, entity, head + _crlf(key.sign(entity)))


def _encrypted(draft: Draft, armour: bytes) -> bytes:
    version = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
    head = b'Content-Type: application/octet-stream; name="encrypted.asc"\r\n\r\n'
    kind = 'multipart/encrypted; protocol="application/pgp-encrypted"'
    shown = {Subjects.THUNDERBIRD: "...", Subjects.RFC9788: "[...]"}.get(draft.subjects, draft.subject)
    return _outside(draft, shown) + _multipart(kind, _boundary(), version, head + _crlf(armour))


def _multipart(kind: str, boundary: str, *parts: bytes) -> bytes:
    delimiter = f"--{boundary}".encode()
    head = f'Content-Type: {kind};\r\n\tboundary="{boundary}"\r\n\r\n'.encode()
    return head + b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


def _outside(draft: Draft, subject: str) -> bytes:
    """The outer header, without the fields of the body that follows and without the blank line."""
    message = _addressed(draft, subject)
    message["MIME-Version"] = "1.0"
    return message.as_bytes().removesuffix(b"\r\n")


def _addressed(draft: Draft, subject: str) -> EmailMessage:
    message = EmailMessage(SMTP)
    message["From"] = draft.sender
    message["To"] = draft.to
    message["Subject"] = subject
    message["Date"] = format_datetime(draft.date)
    message["Message-ID"] = draft.message_id
    if draft.in_reply_to:
        message["In-Reply-To"] = draft.in_reply_to
        message["References"] = " ".join(draft.references or (draft.in_reply_to,))
    return message


def _boundary() -> str:
    return f"------------{secrets.token_urlsafe(18)}"


def _crlf(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
