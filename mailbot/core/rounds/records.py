"""Ping rounds and their probes, and the moves that a probe may make: the table stands here, and knows no mail."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mailbot.core.certificates import Fingerprint
from mailbot.core.records import Assurance, ForbiddenMove

# ---------------------------------------------------------------- a probe


class ProbeStage(StrEnum):
    """What is known of one party in one round."""

    PLANNED = "planned"  # its time has not come
    SENT = "sent"  # nobody has answered
    UNSENT = "not sent"  # there is an obstacle
    UNDELIVERABLE = "undeliverable"  # no desk of the party can be reached; its backups may be
    UNCONFIRMED = "unconfirmed"  # something came, and nothing shows that it came from the party (trust.md 9)
    REACHED = "reached"


class ProbeEvent(StrEnum):
    SEND = "send"
    HINDER = "hinder"
    FAIL = "fail"
    HINT = "hint"  # an answer that proves too little
    REACH = "reach"


PROBE_MOVES: Mapping[tuple[ProbeStage, ProbeEvent], ProbeStage] = {
    (ProbeStage.PLANNED, ProbeEvent.SEND): ProbeStage.SENT,
    (ProbeStage.PLANNED, ProbeEvent.HINDER): ProbeStage.UNSENT,
    (ProbeStage.UNSENT, ProbeEvent.SEND): ProbeStage.SENT,  # a key arrived before the reminder
    (ProbeStage.UNSENT, ProbeEvent.HINT): ProbeStage.UNCONFIRMED,  # its backups got theirs
    (ProbeStage.UNSENT, ProbeEvent.REACH): ProbeStage.REACHED,
    (ProbeStage.SENT, ProbeEvent.FAIL): ProbeStage.UNDELIVERABLE,
    (ProbeStage.SENT, ProbeEvent.HINT): ProbeStage.UNCONFIRMED,
    (ProbeStage.SENT, ProbeEvent.REACH): ProbeStage.REACHED,
    # A human voice beats a report, whatever came first (trust.md 16).
    (ProbeStage.UNDELIVERABLE, ProbeEvent.HINT): ProbeStage.UNCONFIRMED,
    (ProbeStage.UNDELIVERABLE, ProbeEvent.REACH): ProbeStage.REACHED,
    (ProbeStage.UNCONFIRMED, ProbeEvent.HINT): ProbeStage.UNCONFIRMED,
    (ProbeStage.UNCONFIRMED, ProbeEvent.REACH): ProbeStage.REACHED,
    (ProbeStage.REACHED, ProbeEvent.HINT): ProbeStage.REACHED,
    (ProbeStage.REACHED, ProbeEvent.REACH): ProbeStage.REACHED,
}


class Obstacle(StrEnum):
    """Why a party got no probe."""

    SUSPENDED = "suspended"
    NO_CERTIFICATE = "no certificate"  # it has or had some, and none can be used: nothing goes plain (trust.md 18)
    MISSED = "missed"  # the robot was not at work when the schedule called for it


class Copy(StrEnum):
    """Whose copy of a probe it was: the desk's, or a backup's, which has a token of its own."""

    DESK = "desk"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one answer of a person shows (trust.md 9)."""

    at: datetime
    assurance: Assurance
    encrypted: bool
    challenge_quoted: bool
    copy: Copy
    sender: str  # its From, as claimed
    signer: Fingerprint | None = None

    @property
    def rank(self) -> tuple[bool, int]:
        """For comparing: the surer answer is the greater one. A challenge proves that the mail could be read."""
        proven = self.challenge_quoted or self.assurance is Assurance.SIGNED
        order = (Assurance.NONE, Assurance.TOKEN, Assurance.ADDRESS, Assurance.SIGNED)
        return proven, 2 * order.index(self.assurance) + self.challenge_quoted


@dataclass(frozen=True, slots=True)
class Probe:
    """One party's part of a round; times are aware UTC."""

    round: int
    party: str
    token: str  # of the desk's copies
    backup_token: str
    stage: ProbeStage
    due_at: datetime
    deadline: datetime
    time_zone: str  # of the party, then
    certified: bool  # it has or had a certificate: its word counts only if it is signed, or quotes the challenge
    obstacle: Obstacle | None = None  # of UNSENT
    sent_at: datetime | None = None
    reminded_at: datetime | None = None
    backed_up_at: datetime | None = None
    failure: str = ""  # the status code that made it UNDELIVERABLE
    answered_at: datetime | None = None  # the first answer of a person, whatever it proves
    reached_at: datetime | None = None  # the first that proves enough
    answer: Answer | None = None  # the surest
    automatic_at: datetime | None = None  # a machine answered; that is nobody
    returns_on: str = ""  # the date of return that it gave, 2026-08-17
    opened_at: datetime | None = None  # a read receipt came
    version: int = 0  # counted by the store

    def move(self, event: ProbeEvent) -> "Probe":
        """The probe after the event. Raises ForbiddenMove."""
        try:
            stage = PROBE_MOVES[self.stage, event]
        except KeyError:
            raise ForbiddenMove(f"probe {self.stage}: {event}") from None
        return replace(self, stage=stage, obstacle=self.obstacle if stage is ProbeStage.UNSENT else None)

    def sent(self, now: datetime) -> "Probe":
        """With its first copies on their way; who was asked later than planned has no less time."""
        later = max(now - self.due_at, timedelta()) if self.stage is ProbeStage.PLANNED else timedelta()
        return replace(self.move(ProbeEvent.SEND), sent_at=now, deadline=self.deadline + later)

    def hindered(self, obstacle: Obstacle) -> "Probe":
        """Not sent, and why."""
        return replace(self.move(ProbeEvent.HINDER), obstacle=obstacle)

    def failed(self, status: str) -> "Probe":
        """No desk can be reached, as a server says."""
        return replace(self.move(ProbeEvent.FAIL), failure=status)

    def answered(self, answer: Answer) -> "Probe":
        """With an answer of a person: the first keeps its time, the surest its place."""
        reaches = self.counts(answer)
        surest = answer if self.answer is None or answer.rank > self.answer.rank else self.answer
        return replace(
            self.move(ProbeEvent.REACH if reaches else ProbeEvent.HINT),
            answer=surest,
            answered_at=self.answered_at or answer.at,
            reached_at=self.reached_at or (answer.at if reaches else None),
        )

    def counts(self, answer: Answer) -> bool:
        """Whether it shows that the party was reached (trust.md 9)."""
        proven, _ = answer.rank
        return proven or (not self.certified and answer.assurance is not Assurance.NONE)

    @property
    def asked_at(self) -> datetime:
        """Since when the party is waited for."""
        return self.sent_at or self.due_at

    @property
    def half_at(self) -> datetime:
        """When the reminder goes out."""
        return self.asked_at + (self.deadline - self.asked_at) / 2

    @property
    def in_time(self) -> bool:
        """Reached by the deadline: this alone is what the figures call reached."""
        return self.reached_at is not None and self.reached_at <= self.deadline

    @property
    def late(self) -> bool:
        """Somebody answered, but only after the deadline."""
        return self.answered_at is not None and self.answered_at > self.deadline

    @property
    def took(self) -> timedelta | None:
        """From asking to being sure that it was reached, else to the first answer."""
        at = self.reached_at or self.answered_at
        return max(at - self.asked_at, timedelta()) if at else None

    @property
    def standing(self) -> "Standing":
        """What a person is shown."""
        if self.in_time:
            return Standing.REACHED
        if self.reached_at or self.late:
            return Standing.LATE
        if self.stage is ProbeStage.UNSENT:
            return Standing(self.obstacle or Obstacle.NO_CERTIFICATE)
        return _STANDINGS[self.stage]


class Standing(StrEnum):
    """A probe in one word: its stage, with lateness and obstacles told apart."""

    REACHED = "reached"
    LATE = "late"
    UNCONFIRMED = "unconfirmed"
    SILENT = "silent"
    UNDELIVERABLE = "undeliverable"
    NO_CERTIFICATE = "no certificate"
    MISSED = "missed"
    SUSPENDED = "suspended"
    PLANNED = "planned"


_STANDINGS = {
    ProbeStage.SENT: Standing.SILENT,
    ProbeStage.PLANNED: Standing.PLANNED,
    ProbeStage.UNCONFIRMED: Standing.UNCONFIRMED,
    ProbeStage.UNDELIVERABLE: Standing.UNDELIVERABLE,
}

# Whoever was not asked says nothing about reachability.
NOT_ASKED = frozenset({Standing.SUSPENDED, Standing.MISSED, Standing.PLANNED})

# ---------------------------------------------------------------- a round


class RoundStage(StrEnum):
    RUNNING = "running"
    CLOSED = "closed"  # the result is sent; what still comes is late


@dataclass(frozen=True, slots=True)
class Round:
    """One ping test, with a probe for each party. The words that the desks were sent are not kept: they are content."""

    number: int
    started_at: datetime
    deadline: datetime  # the last of its probes'
    asked_by: str  # SEC, an operator's address, "shell:alice", "schedule"
    probes: tuple[Probe, ...]
    to_all: bool = False
    urgent: bool = False
    share: bool = False  # the result goes to the contact points, too
    language: str = ""  # of the result; empty: as configured
    stage: RoundStage = RoundStage.RUNNING
    closed_at: datetime | None = None
    shared_at: datetime | None = None
    version: int = 0  # counted by the store, of all but the probes

    @property
    def label(self) -> str:
        """What people call it, P-12; the outbox and the journal do, too."""
        return round_label(self.number)

    @property
    def asked(self) -> tuple[Probe, ...]:
        """The probes that say something about reachability."""
        return tuple(probe for probe in self.probes if probe.standing not in NOT_ASKED)

    def probe(self, party: str) -> Probe | None:
        """The party's part."""
        return next((probe for probe in self.probes if probe.party == party), None)

    def with_probes(self, changed: Mapping[str, Probe]) -> "Round":
        """With these in the place of those they were made from, by party."""
        return replace(self, probes=tuple(changed.get(probe.party, probe) for probe in self.probes))


def round_label(number: int) -> str:
    """`P-12`."""
    return f"P-{number}"


def read_round(label: str) -> int | None:
    """The number in `P-12`, `p 12` or `12`; None if it is none."""
    digits = label.strip().upper().removeprefix("P").lstrip("- ")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 and int(digits) else None


# ---------------------------------------------------------------- what leads from a mail to a probe


@dataclass(frozen=True, slots=True)
class Challenge:
    """The word inside one sealed copy of a probe; the store keeps its hash alone."""

    word: str
    round: int
    party: str
    recipient: str
    copy: Copy


class Hint(StrEnum):
    """What in a mail names a probe, surest first."""

    CHALLENGE = "challenge"
    TOKEN = "token"
    THREAD = "thread"
    RETURN_PATH = "return path"


@dataclass(frozen=True, slots=True)
class Trail:
    """A probe that something in a mail points to."""

    hint: Hint
    value: str  # the challenge, the token, the Message-ID or the tracking
    probe: Probe
    copy: Copy
