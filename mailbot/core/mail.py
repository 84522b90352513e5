"""The forms a mail takes on its way in (Incoming, Opened) and out (Letter, Outgoing, and what became of it)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from mailbot.core.certificates import Fingerprint
from mailbot.core.charts import Chart
from mailbot.core.parties import Address
from mailbot.core.tags import Tag

# ---------------------------------------------------------------- on the way in


@dataclass(frozen=True, slots=True)
class IncomingMail:
    """A mail exactly as the mailbox gave it; `digest` (SHA-256, hexadecimal) is its identity, never the Message-ID."""

    octets: bytes = field(repr=False)
    digest: str


class MailClass(StrEnum):
    """What made the mail; everything but `person` must never get an automatic answer (list: see `answerable`)."""

    OWN = "own"
    BOUNCE = "bounce"
    DELIVERY_REPORT = "delivery_report"
    RECEIPT = "receipt"
    FEEDBACK = "feedback"
    AUTOMATIC = "automatic"
    LIST = "list"
    PERSON = "person"
    UNREADABLE = "unreadable"


REPORTS = frozenset({MailClass.BOUNCE, MailClass.DELIVERY_REPORT})  # on the delivery of some mail, by a server


class SignatureState(StrEnum):
    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"  # made by a key that is not pinned
    EXPIRED = "expired"
    REVOKED = "revoked"
    WEAK = "weak"
    UNVERIFIABLE = "unverifiable"  # not exactly one signature, damaged, or not over what is acted on


class Covers(StrEnum):
    WHOLE = "whole"  # all of the content that is acted on and relayed
    PART = "part"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature as gpg judged it; `identity` is the replay key of trust.md 5 (an HMAC, hexadecimal)."""

    state: SignatureState
    covers: Covers
    fingerprint: Fingerprint | None = None  # the signer's primary key
    made_at: datetime | None = None
    identity: str | None = None
    intended: tuple[Fingerprint, ...] = ()  # Intended Recipient Fingerprint, RFC 9580 §5.2.3.36
    inside: bool = True  # within the encryption (true as well where there is none)

    @property
    def vouches(self) -> bool:
        """Good, and over everything: only this makes a mail somebody's."""
        return self.state is SignatureState.GOOD and self.covers is Covers.WHOLE


@dataclass(frozen=True, slots=True)
class Headers:
    """The header fields that are looked at: decoded, bounded in length, without control characters."""

    subject: str = field(default="", repr=False)
    sender: str = ""  # the From address (addr-spec); empty if none or more than one
    to: tuple[str, ...] = ()  # addr-specs of To and Cc
    delivered_to: tuple[str, ...] = ()  # of Delivered-To, X-Original-To, Envelope-To
    message_id: str = ""  # with its angle brackets
    references: tuple[str, ...] = ()  # In-Reply-To and References, each with angle brackets, newest first
    date: datetime | None = None


class SubjectSource(StrEnum):
    PROTECTED = "protected"
    OUTER = "outer"


@dataclass(frozen=True, slots=True)
class Content:
    """What the author wrote, ready to be passed on as it is.

    `entity` is the MIME entity (CRLF) that the author signed, byte for byte. With `signature` (ASCII-armoured,
    detached) gpg verifies it without the robot; where no such signature exists, `message` is the OpenPGP message
    (unwrapped or clearsigned) that a recipient can verify instead.
    """

    entity: bytes = field(repr=False)
    signature: bytes | None = field(default=None, repr=False)
    micalg: str | None = None  # "pgp-sha512", as RFC 3156 §5 wants it beside the signature
    message: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BouncedRecipient:
    address: str
    action: str  # RFC 3464 §2.3.3: failed, delayed, delivered, relayed, expanded
    status: str  # "5.1.1"
    permanent: bool
    diagnostic: str


@dataclass(frozen=True, slots=True)
class Bounce:
    recipients: tuple[BouncedRecipient, ...]
    original_message_id: str | None = None
    envelope_id: str | None = None  # Original-Envelope-Id, RFC 3464 §2.2.1


class Trouble(StrEnum):
    """Why a mail could not be opened; never shown to the sender word by word (trust.md 14)."""

    UNREADABLE = "unreadable"  # the parser gave up
    TOO_LARGE = "too large"
    CANNOT_DECRYPT = "cannot decrypt"  # not sealed to the robot, damaged, or without integrity protection
    LIMITS = "limits"  # too many parts, levels, recipients, or too large when decompressed


@dataclass(frozen=True, slots=True)
class OpenedMail:
    """A mail after MIME and OpenPGP: what it says, who signed it, what made it. Making one never raises."""

    digest: str
    size: int  # octets
    mail_class: MailClass
    rule: str  # the name of the classification rule that decided
    answerable: bool
    outer: Headers
    protected: Headers | None  # header fields inside the signature or encryption, RFC 9788 or the older draft
    encrypted: bool  # at its top, and opened
    sealed: bool  # encrypted at its top, whether it could be opened or not
    signatures: tuple[Signature, ...]
    text: str = field(repr=False, default="")  # what the person wrote, for reading tags and codes; CRLF made LF
    content: Content | None = field(default=None, repr=False)
    repairs: tuple[str, ...] = ()
    text_hidden: bool = False  # its text lies in a winmail.dat, and nowhere else
    attached: tuple[Signature, ...] = ()  # of attachments encrypted by themselves, by the text's signer; for replays
    trouble: Trouble | None = None
    bounce: Bounce | None = None
    return_date: str | None = None
    marked: bool = False  # outside, where anybody can write, it calls itself a machine's, whatever was signed inside
    keys: tuple[bytes, ...] = field(default=(), repr=False)  # the OpenPGP key blocks in what is acted on
    about: str | None = None  # of a read receipt: the Message-ID of the mail that was opened

    @property
    def by_machine(self) -> bool:
        """Whether nothing may ever be answered: that is how two robots would begin (trust.md 15)."""
        return self.marked or self.mail_class not in (MailClass.PERSON, MailClass.LIST)

    @property
    def voucher(self) -> Signature | None:
        """The one signature that vouches for all of it: good, whole, alone, and inside the encryption if any."""
        if len(self.signatures) != 1:
            return None
        only = self.signatures[0]
        return only if only.vouches and only.inside else None

    @property
    def subject(self) -> str:
        return self.protected.subject if self.protected and self.protected.subject else self.outer.subject

    @property
    def subject_source(self) -> SubjectSource:
        return SubjectSource.PROTECTED if self.protected and self.protected.subject else SubjectSource.OUTER

    @property
    def sender(self) -> str:
        """The protected From where there is one, else the outer."""
        return self.protected.sender if self.protected and self.protected.sender else self.outer.sender


# ---------------------------------------------------------------- on the way out

Words = Mapping[str, object]  # what a template is given


class Envelope(StrEnum):
    """The envelope sender of a letter (mail-in-the-wild.md 8)."""

    TRACKED = "tracked"  # a return path of its own: relayed mail, receipts, probes
    NULL = "null"  # <>: warnings and notices, so that nothing can answer them


class Automatic(StrEnum):
    """Auto-Submitted, RFC 3834 §5."""

    GENERATED = "auto-generated"
    REPLIED = "auto-replied"


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart beside a letter's page, shown in it as `cid:NAME`; the writer draws it."""

    name: str  # "responses"; the file is responses.png
    chart: Chart = field(repr=False)
    alt: str  # what it shows, for those who do not see it


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of the robot's own making: a table, a certificate."""

    name: str
    media_type: str  # "text/csv"
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """One text, to everybody who gets exactly this text; each mailbox gets a mail of its own, sealed to it alone."""

    template: str  # the folder in templates/
    language: str
    mailboxes: tuple[Address, ...]
    tag: Tag  # whole inside; outside only its word and reference
    words: Words = field(default_factory=dict, repr=False)
    subject: str = field(default="", repr=False)  # free text after the tag, protected subject only
    content: Content | None = field(default=None, repr=False)
    author_hidden: bool = False  # `blind`: the author's signature and tag are left out
    reference: str | None = None  # the exchange it belongs to, for the outbox and the thread
    party: str | None = None  # whose part of the exchange it carries, for the delivery record
    author: str | None = None  # the party whose words it carries, to be told if they cannot be delivered
    from_control: bool = False  # From is the control address instead of the network's
    envelope: Envelope = Envelope.TRACKED
    automatic: Automatic = Automatic.GENERATED
    purpose: str = "relay"  # relay, receipt, notice, question, reminder …: for the outbox and the journal
    urgent: bool = False  # goes out before the rest
    pictures: tuple[Picture, ...] = field(default=(), repr=False)
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    printed: str = ""  # the name of a PDF of its page, attached as well; empty: there is none


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """Final, sealed bytes for one recipient, CRLF.

    `head` and the short `foot` (the armour's checksum stands behind the body) are its own; `tail` may be shared by
    many (speed.md).
    """

    message_id: str  # with angle brackets
    tracking: str  # what its return path is made from; unguessable
    envelope_sender: str  # empty: <>
    recipient: str
    head: bytes = field(repr=False)
    tail: bytes = field(repr=False)
    purpose: str = "relay"
    reference: str | None = None
    party: str | None = None
    urgent: bool = False
    letter: str = ""  # the template it was made from
    author: str | None = None
    foot: bytes = field(default=b"", repr=False)

    @property
    def octets(self) -> bytes:
        return self.head + self.tail + self.foot


# ---------------------------------------------------------------- what became of it


@dataclass(frozen=True, slots=True)
class Sent:
    """The server took responsibility (250): accepted by the server, never "received" (trust.md 16)."""

    code: int = 250
    outcome: Literal["sent"] = "sent"


@dataclass(frozen=True, slots=True)
class TryLater:
    """Not now: a 4xx, a lost connection, a time-out."""

    status: str  # "4.7.1", or a word of ours: "connection", "timeout", "tls", "login"
    code: int | None = None
    outcome: Literal["try later"] = "try later"


@dataclass(frozen=True, slots=True)
class Refused:
    """Never: a 5xx for this recipient."""

    status: str
    code: int | None = None
    outcome: Literal["refused"] = "refused"


Delivery = Sent | TryLater | Refused
