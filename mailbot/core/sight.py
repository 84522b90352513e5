"""What the store recalled for the commands of a mail, or for one that the shell gives: each reads the part it needs."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from mailbot.core.pins import Attached, Renewals
from mailbot.core.postings import Posting
from mailbot.core.records import Exchange, HeldMail, HeldState, Suspension

if TYPE_CHECKING:  # they hold a Sight
    from mailbot.core.decision import Decision, Intent, Known, Moment
    from mailbot.core.report import ReportFacts
    from mailbot.core.retention import Retention
    from mailbot.core.rounds.records import Round
    from mailbot.core.rounds.starting import Past
    from mailbot.core.situation import Situation


class Slice(StrEnum):
    """The parts of a Sight; the store has a function for each (store/sight.py)."""

    EXCHANGES = "exchanges"
    POSTINGS = "postings"
    HELD = "held"
    WAITING = "waiting"
    SUSPENSIONS = "suspensions"
    OWN = "own"
    SITUATION = "situation"
    PAST = "past"
    ROUNDS = "rounds"
    REPORTS = "reports"
    RENEWALS = "renewals"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for. Objects, "suspension FR" or "held H-12", are what trust.md 17 puts in order."""

    slices: frozenset[Slice] = frozenset()
    objects: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    held: frozenset[int] = frozenset()
    code: str | None = None  # whose own exchanges
    reopened: frozenset[int] = frozenset()  # held mails to be opened again
    originals: frozenset[str] = frozenset()  # exchanges whose author's mail is to be opened again
    of_anybody: bool = False  # even if another party asked them
    periods: frozenset[str] = frozenset()  # of reports, as tags have them
    zone: str = "UTC"  # whose days they are
    retention: "Retention | None" = None  # of kept mail


class Closed(StrEnum):
    """Why a kept mail could not be opened again."""

    GONE = "gone"  # it is not kept any more, or was too large to be kept
    BROKEN = "broken"  # opening it fails
    TOO_MUCH = "too much"  # with the others of the same mail it takes too much room


@dataclass(frozen=True, slots=True)
class Reopened:
    """A kept mail, opened and understood with today's keys; `known` is what it needs of what is remembered."""

    intent: "Intent"
    known: "Known"


Judge = Callable[["Intent", "Known", "Moment"], "Decision"]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the commands see. `judge` is judgement.decide, handed in because commands, too, are judged by it."""

    exchanges: Mapping[str, Exchange] = field(default_factory=dict)
    postings: Mapping[str, tuple[Posting, ...]] = field(default_factory=dict)  # by reference, oldest first
    held: Mapping[int, HeldMail] = field(default_factory=dict)
    waiting: tuple[HeldMail, ...] = ()  # what is held now, oldest first
    suspensions: Mapping[str, Suspension] = field(default_factory=dict)  # those of the database
    ordered: Mapping[str, datetime] = field(default_factory=dict)  # object -> the latest signature acted on
    own: tuple[Exchange, ...] = ()  # open exchanges in which the asker takes part, newest first
    situation: "Situation | None" = None
    past: "Past | None" = None  # what a new ping round needs of those before it
    rounds: "tuple[Round, ...]" = ()  # the last ping rounds, newest first
    reports: "Mapping[str, ReportFacts]" = field(default_factory=dict)  # by period
    reopened: Mapping[str, Reopened | Closed] = field(default_factory=dict)  # by digest
    renewals: Renewals = field(default_factory=Renewals)
    attached: tuple[Attached, ...] = ()  # the certificates attached to the mail
    judge: Judge | None = None

    def after(self, decision: "Decision") -> "Sight":
        """The same once this is done: of several commands in one mail, each sees what those above it did."""
        changed = {e.reference: e for e in decision.exchanges}
        settled = {judged.digest: HeldState.RELEASED for judged in decision.rejudged if judged.still is None}
        settled |= dict.fromkeys(decision.dropped, HeldState.DROPPED)
        return replace(
            self,
            exchanges={**self.exchanges, **{r: e for r, e in changed.items() if r in self.exchanges}},
            own=tuple(changed.get(e.reference, e) for e in self.own),
            suspensions=_suspended(self.suspensions, decision.suspended, decision.resumed),
            held={n: replace(mail, state=settled.get(mail.digest, mail.state)) for n, mail in self.held.items()},
            waiting=tuple(mail for mail in self.waiting if mail.digest not in settled),
            renewals=self.renewals.after(decision.proposals),
        )


def _suspended(
    before: Mapping[str, Suspension], more: Collection[Suspension], ended: Collection[str]
) -> Mapping[str, Suspension]:
    left = {code: suspension for code, suspension in before.items() if code not in ended}
    return left | {suspension.party: suspension for suspension in more}
