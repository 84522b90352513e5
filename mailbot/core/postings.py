"""What became of each mail that was sent: what our own server said, and what reports claim afterwards."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Where a mail stands with our own server; it leaves QUEUED once and for all, and no report ever changes it."""

    QUEUED = "queued"
    SENT = "sent"
    REFUSED = "refused"
    EXPIRED = "expired"


class Report(StrEnum):
    """What a server further on claims (RFC 3464 §2.3.3). Each outweighs those above it: reports come in any order."""

    DELAYED = "delayed"
    RELAYED = "relayed"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"

    def outweighs(self, other: "Report | None") -> bool:
        """Whether this is the one to be shown."""
        order = list(Report)
        return other is None or order.index(self) > order.index(other)


class Hindrance(StrEnum):
    """A status code in our words: all that anybody is shown of a server's diagnostics (trust.md 16)."""

    ADDRESS = "address"
    MAILBOX = "mailbox"
    SYSTEM = "system"
    NETWORK = "network"
    PROTOCOL = "protocol"
    CONTENT = "content"
    POLICY = "policy"
    UNKNOWN = "unknown"


_SUBJECTS = dict(zip("1234567", Hindrance, strict=False))  # RFC 3463 §3: the second number says what it is about
_CONNECTION = frozenset({"connection", "timeout", "tls", "login", "protocol"})  # words of ours, see mail.TryLater


def hindrance(status: str | None) -> Hindrance:
    """What a status like "5.1.1" is about."""
    if status in _CONNECTION:
        return Hindrance.NETWORK
    found = re.fullmatch(r"[245]\.(\d)\.\d{1,3}", status or "")
    return _SUBJECTS.get(found[1], Hindrance.UNKNOWN) if found else Hindrance.UNKNOWN


@dataclass(frozen=True, slots=True)
class Posting:
    """What became of a mail, without its octets."""

    id: int
    recipient: str
    purpose: str
    letter: str  # the template it was made from: request, reply, receipt …
    author: str | None  # the party whose words it carries, who is told if it fails; None: nobody is
    reference: str | None
    party: str | None  # whom it is for
    urgent: bool
    state: State
    attempts: int
    created_at: datetime
    due_at: datetime
    settled_at: datetime | None
    last_status: str | None
    message_id: str
    reported: Report | None = None
    reported_status: str | None = None
    reported_at: datetime | None = None
    warned_at: datetime | None = None  # its delay was looked at
    followed_up_at: datetime | None = None  # its failure was looked at

    @property
    def failed(self) -> bool:
        """It did not get there, as far as is known. What is still queued may yet: no report cancels a retry."""
        refused = self.state in (State.REFUSED, State.EXPIRED)
        return refused or (self.state is State.SENT and self.reported is Report.UNDELIVERABLE)

    @property
    def status(self) -> str | None:
        """The latest status code or word."""
        return self.reported_status if self.reported and self.state is State.SENT else self.last_status

    @property
    def standing(self) -> str:
        """For a person: our own server's word, and the claim that came after it."""
        if self.state is not State.SENT or self.reported is None:
            return self.state.value
        if self.reported is Report.UNDELIVERABLE:
            return self.reported.value
        return f"{self.state.value}, reported {self.reported.value}"


class Hint(StrEnum):
    """What in a report names the mail it is about."""

    RETURN_PATH = "return path"
    ENVELOPE_ID = "envelope id"
    MESSAGE_ID = "message id"


@dataclass(frozen=True, slots=True)
class Returned:
    """The mail that a report is about; `vouched`: the return path proves that its sender saw the envelope."""

    posting: Posting
    hint: Hint
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """A believed report, to be written beside its mail."""

    posting: int
    report: Report
    status: str
