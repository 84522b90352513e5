"""What the robot remembers: exchanges and their parts, held mail, questions; and the moves each may make.

All allowed moves stand in the tables of this file; what is absent cannot happen. The tables know no mail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mailbot.core.tags import Tag, Urgency, Word


class ForbiddenMove(Exception):
    """A stage was asked to make a move that its table does not have: a bug of ours, never bad mail."""


class Assurance(StrEnum):
    """What is known of who sent a mail (network.md §2)."""

    SIGNED = "signed"
    ADDRESS = "address"
    TOKEN = "token"
    NONE = "none"


# ---------------------------------------------------------------- exchanges


class Stage(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class ExchangeEvent(StrEnum):
    CLOSE = "close"


EXCHANGE_MOVES: Mapping[tuple[Stage, ExchangeEvent], Stage] = {
    (Stage.OPEN, ExchangeEvent.CLOSE): Stage.CLOSED,
}


class PartStage(StrEnum):
    WAITING = "waiting"  # cannot be sealed yet: no valid certificate, or suspended
    PASSED_ON = "passed on"  # sealed, and in the outbox
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    UNDELIVERABLE = "undeliverable"  # no desk of the party can be reached; its backups may have it
    EXPIRED = "expired"  # waited too long; the asker was told


class PartEvent(StrEnum):
    PASS_ON = "pass on"
    ACKNOWLEDGE = "acknowledge"
    ANSWER = "answer"
    FAIL = "fail"
    EXPIRE = "expire"


PART_MOVES: Mapping[tuple[PartStage, PartEvent], PartStage] = {
    (PartStage.WAITING, PartEvent.PASS_ON): PartStage.PASSED_ON,
    (PartStage.WAITING, PartEvent.EXPIRE): PartStage.EXPIRED,
    # An answer can arrive whatever we believed of the delivery: a human voice beats a report (trust.md 16).
    (PartStage.WAITING, PartEvent.ACKNOWLEDGE): PartStage.ACKNOWLEDGED,
    (PartStage.WAITING, PartEvent.ANSWER): PartStage.ANSWERED,
    (PartStage.PASSED_ON, PartEvent.PASS_ON): PartStage.PASSED_ON,
    (PartStage.PASSED_ON, PartEvent.ACKNOWLEDGE): PartStage.ACKNOWLEDGED,
    (PartStage.PASSED_ON, PartEvent.ANSWER): PartStage.ANSWERED,
    (PartStage.PASSED_ON, PartEvent.FAIL): PartStage.UNDELIVERABLE,
    (PartStage.ACKNOWLEDGED, PartEvent.PASS_ON): PartStage.ACKNOWLEDGED,
    (PartStage.ACKNOWLEDGED, PartEvent.ACKNOWLEDGE): PartStage.ACKNOWLEDGED,
    (PartStage.ACKNOWLEDGED, PartEvent.ANSWER): PartStage.ANSWERED,
    (PartStage.ANSWERED, PartEvent.PASS_ON): PartStage.ANSWERED,
    (PartStage.ANSWERED, PartEvent.ACKNOWLEDGE): PartStage.ANSWERED,
    (PartStage.ANSWERED, PartEvent.ANSWER): PartStage.ANSWERED,
    (PartStage.UNDELIVERABLE, PartEvent.PASS_ON): PartStage.PASSED_ON,
    (PartStage.UNDELIVERABLE, PartEvent.ACKNOWLEDGE): PartStage.ACKNOWLEDGED,
    (PartStage.UNDELIVERABLE, PartEvent.ANSWER): PartStage.ANSWERED,
    (PartStage.EXPIRED, PartEvent.PASS_ON): PartStage.PASSED_ON,
}


class Cause(StrEnum):
    """Why a target did not get its part at once; each is its own clear sentence in the receipt."""

    OWN_PARTY = "own party"
    UNKNOWN_PARTY = "unknown party"
    SUSPENDED = "suspended"
    NO_CERTIFICATE = "no certificate"


@dataclass(frozen=True, slots=True)
class Part:
    """One target's share of an exchange; times are aware UTC."""

    party: str
    stage: PartStage
    cause: Cause | None = None  # of WAITING
    passed_on_at: datetime | None = None
    acknowledged_at: datetime | None = None
    answered_at: datetime | None = None
    reminders: int = 0
    owed: tuple[str, ...] = ()  # mailboxes that could not be sealed to; they get it when they can
    backed_up_at: datetime | None = None  # when its backups got the author's words

    def move(self, event: PartEvent, at: datetime) -> "Part":
        """The part after the event; the first time of each kind is kept. Raises ForbiddenMove."""
        try:
            stage = PART_MOVES[self.stage, event]
        except KeyError:
            raise ForbiddenMove(f"part {self.stage}: {event}") from None
        return replace(
            self,
            stage=stage,
            cause=self.cause if stage is PartStage.WAITING else None,
            passed_on_at=self.passed_on_at or (at if event is PartEvent.PASS_ON else None),
            acknowledged_at=self.acknowledged_at or (at if event is PartEvent.ACKNOWLEDGE else None),
            answered_at=self.answered_at or (at if event is PartEvent.ANSWER else None),
        )


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request or information and what came of it; never its content."""

    reference: str
    kind: Word  # REQUEST or INFO
    asker: str
    parts: tuple[Part, ...]
    urgency: Urgency
    opened_at: datetime
    deadline: datetime
    reply_code: str  # `R-7K3Q9-F2MXR`, quoted in every cover note (trust.md 2)
    original: str  # digest of the mail that opened it
    to_all: bool = False  # the asker wrote ALL
    blind: bool = False
    stage: Stage = Stage.OPEN
    closed_at: datetime | None = None
    version: int = 0  # counted by the store: two workers never overwrite each other

    def part(self, party: str) -> Part | None:
        return next((p for p in self.parts if p.party == party), None)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(p.party for p in self.parts)

    def with_part(self, changed: Part) -> "Exchange":
        return replace(self, parts=tuple(changed if p.party == changed.party else p for p in self.parts))

    def close(self, at: datetime) -> "Exchange":
        """Closed now; closing again changes nothing."""
        stage = EXCHANGE_MOVES.get((self.stage, ExchangeEvent.CLOSE))
        return replace(self, stage=stage, closed_at=at) if stage else self


# ---------------------------------------------------------------- held mail and questions


class HeldState(StrEnum):
    WAITING = "waiting"
    ASKED = "asked"  # waits for the sender's answer to a question (trust.md 1)
    RELEASED = "released"
    DROPPED = "dropped"


class Reason(StrEnum):
    """Why a mail is held: for the operator, never for the sender (trust.md 14)."""

    UNREADABLE = "unreadable"
    TOO_LARGE = "too large"
    CANNOT_DECRYPT = "cannot decrypt"
    LIMITS = "limits"
    UNTAGGED = "untagged"
    BAD_TAG = "tag not understood"
    NOT_SIGNED = "not signed"
    UNKNOWN_SIGNER = "unknown signer"
    BAD_SIGNATURE = "bad signature"
    EXPIRED_SIGNATURE = "expired signature or key"
    REVOKED_KEY = "revoked key"
    WEAK_SIGNATURE = "weak signature"
    PARTLY_SIGNED = "signature does not cover everything"
    NOT_THE_SENDER = "signed by another than the sender"
    NOT_ENCRYPTED = "not encrypted"
    NOT_MEANT_FOR_US = "not meant for the robot"
    STALE = "signature too old"
    FROM_THE_FUTURE = "signature from the future"
    REPLAYED = "acted on before"
    NOT_ALLOWED = "not allowed"
    NO_TEXT = "text in winmail.dat alone"
    TAG_NOT_SIGNED = "tag not signed"
    HINTS_DISAGREE = "hints disagree"
    UNKNOWN_EXCHANGE = "no such exchange"
    UNKNOWN_PING = "no such ping"  # or another party's
    SENDER_SUSPENDED = "sender suspended"
    NO_READER = "nobody to pass it on to yet"  # the asker has no usable certificate, or is suspended
    AUTOMATIC = "automatic mail"
    NOT_SUPPORTED = "not supported yet"
    OVER_QUOTA = "over quota"  # its sender has used up his share (trust.md 20)
    POISON = "failed three times"


@dataclass(frozen=True, slots=True)
class HeldMail:
    """A mail that was not acted on and is kept as it came; no subject, no content."""

    number: int  # shown as H-12; 0 before it is recorded
    digest: str
    reason: Reason
    state: HeldState
    held_at: datetime
    sender: str  # the From address, as claimed
    party: str | None  # whom a good signature names, else whom the address is registered to
    size: int

    @property
    def label(self) -> str:
        return f"H-{self.number}"


@dataclass(frozen=True, slots=True)
class Question:
    """What the robot asked about a tag that nobody signed; a signed reply that quotes the word confirms it."""

    word: str  # one-time, 60 bits
    digest: str  # the held mail it is about
    party: str  # who alone may answer
    tag: Tag  # what was understood, to be confirmed
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Suspension:
    """A party that gets and sends nothing, by a command; those of the configuration are no records."""

    party: str
    since: datetime
    ordered_by: str  # as the journal names whoever gave the command


@dataclass(frozen=True, slots=True)
class Terms:
    """The time limits of the network, all configurable (network.md §5)."""

    urgent_deadline: timedelta = timedelta(hours=4)
    routine_deadline: timedelta = timedelta(days=3)
    ping_deadline: timedelta = timedelta(hours=4)
    shortest_deadline: timedelta = timedelta(minutes=15)  # trust.md 20
    longest_deadline: timedelta = timedelta(days=30)
    signature_age: timedelta = timedelta(days=5)  # trust.md 4
    control_signature_age: timedelta = timedelta(days=1)
    clock_tolerance: timedelta = timedelta(minutes=15)  # "from the future" begins here (mail-in-the-wild.md 24)
    question_age: timedelta = timedelta(days=5)
    notice_interval: timedelta = timedelta(minutes=10)  # trust.md 14
    waiting_part_age: timedelta = timedelta(days=30)
    urgent_delay_warning: timedelta = timedelta(hours=4)  # the author hears then that a mail is still on its way
    routine_delay_warning: timedelta = timedelta(hours=24)
    longest_silence: timedelta = timedelta(days=7)  # of the journal; after a longer one the clock is doubted
    receipt_within: timedelta = timedelta(minutes=15)  # what HELP promises: no receipt by then means not sent
    overview_hour: int = 6  # of the party's own day, from which it gets the list of its exchanges (trust.md 17)
    key_overlap: timedelta = timedelta(days=14)  # how long a replaced certificate may still sign (trust.md 11)
    proposal_age: timedelta = timedelta(days=30)  # an announced certificate that nobody confirmed is given up
    default_urgency: Urgency = Urgency.ROUTINE

    def delay_warning(self, *, urgent: bool) -> timedelta:
        return self.urgent_delay_warning if urgent else self.routine_delay_warning

    def deadline_for(self, urgency: Urgency) -> timedelta:
        return self.urgent_deadline if urgency is Urgency.URGENT else self.routine_deadline
