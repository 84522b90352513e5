"""A letter becomes finished mails: words from its template, a MIME entity, sealed, with a header of its own for each mailbox.

Outside stand kind and reference alone; the subject, the parties and everything else are inside the encryption, which is
the same for all copies and names no reader (trust.md 6, 7). The octets are ready for DATA but for the dots at the
beginning of lines: doubling those (RFC 5321 §4.5.2) is the SMTP client's.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mailbot.core import tags
from mailbot.core.certificates import Fingerprint
from mailbot.core.decision import Moment
from mailbot.core.mail import Envelope, Letter, OutgoingMail
from mailbot.core.parties import Address
from mailbot.core.tags import Tag
from mailbot.mail import heading
from mailbot.mail.armour import Sealed
from mailbot.mail.enclosure import enclose, proof
from mailbot.mail.entity import Boundaries, Entity, multipart, text_entity
from mailbot.mail.return_path import ReturnPath, base32
from mailbot.mail.templates import PLAIN_ALLOWED, Rendered, Templates

# A vacation program must not answer these; the mail of a person is left to it, and `All` would suppress bounces too.
PERSONAL = frozenset({"relay", "probe"})


class Share(StrEnum):
    """Who may get copies of one sealed text, which an observer can then link by their common tail (trust.md 7)."""

    EXCHANGE = "exchange"
    PARTY = "party"
    NEVER = "never"


class Unsealable(Exception):
    """A letter that must be sealed was to go to a mailbox without certificate: a bug of ours, stopped here."""


class UnfitForSmtp(Exception):
    """A finished mail has a bare CR or LF, a NUL, or too long a line: a bug of ours, stopped here."""


class Seals(Protocol):
    """What the writer needs of gpg.Gpg."""

    def seal(self, entity: bytes, recipients: Sequence[tuple[Fingerprint, ...]]) -> Sequence[Sealed]:
        """The entity signed by the robot and encrypted, a copy for each of these groups of certificates."""


@dataclass(frozen=True, slots=True)
class Robot:
    """How the robot names itself in its mail."""

    name: str
    address: str
    control_address: str
    fingerprint: Fingerprint
    domain: str  # of its Message-IDs

    def root_of(self, reference: str) -> str:
        """The identifier that all mail of an exchange refers to, so that clients show it as one thread."""
        return f"<x.{reference}@{self.domain}>"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes letters. One for each worker thread, as the gpg in it is."""

    robot: Robot
    gpg: Seals
    templates: Templates
    return_path: ReturnPath
    share: Share = Share.EXCHANGE

    def write(self, letter: Letter, moment: Moment) -> list[OutgoingMail]:
        """A mail for each mailbox of the letter. Raises Unsealable, BrokenTemplate, or what sealing raises."""
        plain = [m for m in letter.mailboxes if not m.encrypt_to]
        if plain and (letter.template not in PLAIN_ALLOWED or letter.content):
            raise Unsealable(f"{letter.template} to a mailbox without certificate")
        draft = _Draft(self, letter, moment)
        mails = [mail for group in self._groups(letter) for mail in draft.sealed(group)]
        return mails + [draft.plain(mailbox) for mailbox in plain]

    def returned_to(self, addresses: Sequence[str]) -> str | None:
        """The tracking in the first of these addresses that is a return path of ours; a hint, nothing more."""
        return self.return_path.first_tracking(addresses)

    def _groups(self, letter: Letter) -> list[tuple[Address, ...]]:
        """The mailboxes that may share a sealed body. Which party a mailbox belongs to is not known here."""
        sealed = tuple(m for m in letter.mailboxes if m.encrypt_to)
        if self.share is Share.EXCHANGE:
            return [sealed] if sealed else []
        return [(mailbox,) for mailbox in sealed]


class _Draft:
    """One letter on its way to its mails: everything that they have in common."""

    def __init__(self, writer: Writer, letter: Letter, moment: Moment) -> None:
        self.writer, self.letter, self.moment = writer, letter, moment
        self.rendered = writer.templates.render(letter.template, letter.language, self._words())
        inside = f"{tags.write(letter.tag)} {letter.subject or self.rendered.subject}"
        self.outside = _outside(letter.tag)
        self.protected = self._protected(inside)
        self.seed = hashlib.sha256(self.protected + self.rendered.text.encode()).digest()

    def sealed(self, mailboxes: Sequence[Address]) -> Iterator[OutgoingMail]:
        """A mail for each of them, all sealed in one call."""
        # New for each call: copies that share nothing else must not share a boundary.
        boundary = f"=_{base32(self._chance('boundary', mailboxes[0].address))}"
        closing = f"\r\n--{boundary}--\r\n".encode("ascii")
        for mailbox, sealed in zip(mailboxes, self._seal(mailboxes), strict=True):
            head = self._header(mailbox, self.outside) + _opening(boundary) + sealed.head
            yield self._mail(mailbox, head, sealed.tail, sealed.foot + closing)
