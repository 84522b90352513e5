"""A mail of the robot as its reader's mail program shows it: opened with his key, signatures checked by the bare gpg.

The octets that a signature covers are cut out of the mail as they stand; the standard library only explains them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import default

from mailbot.core.tags import Parsed, parse
from mailbot.playground.composing import Attachment
from mailbot.playground.keys import Key, Verdict

_HEADER_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class ReadMail:
    """What the reader sees; `decrypts` tells whether his key opened it, and nothing after `headers` is known if not."""

    headers: EmailMessage = field(repr=False)  # outside, as every server saw them
    encrypted: bool
    decrypts: bool
    signature: Verdict = field(default_factory=Verdict)  # on all of it: the robot's
    subject: str = field(default="", repr=False)  # the protected one; the outer one of a mail that is not encrypted
    cover: str = field(default="", repr=False)  # the robot's own words
    author_signature: Verdict = field(default_factory=Verdict)  # the author's, checked without the robot
    author_subject: str = field(default="", repr=False)  # the subject that the author signed
    text: str = field(default="", repr=False)  # what the author wrote
    attachments: tuple[Attachment, ...] = ()

    @property
    def outer_subject(self) -> str:
        """The subject that every server saw."""
        return str(self.headers["Subject"] or "")

    @property
    def tag(self) -> Parsed:
        """The subject's tag."""
        return parse(self.subject)

    @property
    def answer_to(self) -> str:
        """Where a reply goes."""
        return str(self.headers["Reply-To"] or self.headers["From"] or "")

    @property
    def message_id(self) -> str:
        """With its angle brackets."""
        return str(self.headers["Message-ID"] or "")

    @property
    def references(self) -> tuple[str, ...]:
        """What a reply refers to, oldest first."""
        return (*str(self.headers["References"] or "").split(), self.message_id)


@dataclass(frozen=True, slots=True)
class Entity:
    """A MIME entity, its octets as they came."""

    octets: bytes = field(repr=False)

    @property
    def headers(self) -> EmailMessage:
        """Its header fields."""
        return BytesHeaderParser(policy=default).parsebytes(self.octets)

    @property
    def kind(self) -> str:
        """Its media type."""
        return self.headers.get_content_type()

    @property
    def parts(self) -> tuple["Entity", ...]:
        """The parts of a multipart, without the line ends that belong to the delimiters (RFC 2046 §5.1.1)."""
        boundary = self.headers.get_boundary()
        body = _HEADER_END.split(self.octets, maxsplit=1)[-1]
        if not boundary or not self.kind.startswith("multipart/"):
            return ()
        delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*(?=\r?\n|\Z)")
        between = delimiter.split(body)[1:-1]
        return tuple(Entity(re.sub(rb"\A\r?\n", b"", octets)) for octets in between)

    @property
    def leaves(self) -> Iterator["Entity"]:
        """Itself, or every part that has none."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves

    @property
    def payload(self) -> bytes:
        """The content of a leaf, decoded."""
        decoded = message_from_bytes(self.octets, policy=default).get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else b""

    @property
    def text(self) -> str:
        """The first plain text in it, LF; nothing if there is none."""
        shown = next((leaf for leaf in self.leaves if leaf.kind == "text/plain" and not leaf.name), None)
        charset = shown.headers.get_content_charset("utf-8") if shown else "utf-8"
        return shown.payload.decode(charset, "replace").replace("\r\n", "\n") if shown else ""

    @property
    def name(self) -> str:
        """The file name of an attachment."""
        return self.headers.get_filename() or ""

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Every part with a file name."""
        return tuple(Attachment(leaf.name, leaf.payload, leaf.kind) for leaf in self.leaves if leaf.name)


def read(octets: bytes, key: Key) -> ReadMail:
    """A mail, opened with this key if it can be."""
    outside = Entity(octets)
    if outside.kind != "multipart/encrypted":
        subject = str(outside.headers["Subject"] or "")
        return ReadMail(outside.headers, encrypted=False, decrypts=False, subject=subject, cover=outside.text)
    unsealed = key.unseal(outside.parts[1].payload)
    if unsealed.octets is None:
        return ReadMail(outside.headers, encrypted=True, decrypts=False)
    return _opened(outside, Entity(unsealed.octets), unsealed.verdict, key)


def _opened(outside: Entity, inside: Entity, signature: Verdict, key: Key) -> ReadMail:
    note, *rest = inside.parts if inside.kind == "multipart/mixed" else (inside,)
    authored, verdict = _author(rest[0], key) if rest and rest[0].parts else (None, Verdict())
    return ReadMail(
        outside.headers,
        encrypted=True,
        decrypts=True,
        signature=signature,
        subject=str(inside.headers["Subject"] or ""),
        cover=note.text,
        author_signature=verdict,
        author_subject=str(authored.headers["Subject"] or "") if authored else "",
        text=authored.text if authored else "",
        attachments=authored.attachments if authored else (),
    )


def _author(part: Entity, key: Key) -> tuple[Entity, Verdict]:
    """What the author wrote, and what his signature is worth: beside it, or in the OpenPGP message that is attached."""
    content, *others = part.parts
    if part.kind == "multipart/signed":
        return content, key.verify(content.octets, others[0].payload)
    message = next((other for other in others if other.name), None)
    return content, key.unseal(message.payload).verdict if message else Verdict()
