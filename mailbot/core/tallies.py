"""Counts exchanges for a report: by month, by pair of parties, how fast they were answered; never what they said."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta, tzinfo
from statistics import median, quantiles

from mailbot.core.records import Exchange
from mailbot.core.tags import Urgency, Word

Pair = tuple[str, str]  # who asked whom


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of the requests of one urgency, counted by the parties that got them."""

    asked: int = 0
    times: tuple[timedelta, ...] = field(default=(), repr=False)  # from passing on to the first answer
    in_time: int = 0  # answers before the deadline

    @property
    def answered(self) -> int:
        return len(self.times)

    @property
    def median(self) -> timedelta | None:
        """Half of the answers came sooner."""
        return timedelta(seconds=median(t.total_seconds() for t in self.times)) if self.times else None

    @property
    def ninth(self) -> timedelta | None:
        """Nine of ten answers came sooner; None of fewer than ten."""
        if len(self.times) < 10:
            return None
        return timedelta(seconds=quantiles((t.total_seconds() for t in self.times), n=10, method="inclusive")[8])


@dataclass(frozen=True, slots=True)
class Tallies:
    """Of all exchanges that were opened in a period."""

    months: Mapping[date, tuple[int, int]] = field(default_factory=dict)  # first day -> requests, information
    pairs: Mapping[Pair, int] = field(default_factory=dict)
    answers: Mapping[Urgency, Answers] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        return sum(requests for requests, _ in self.months.values())

    @property
    def information(self) -> int:
        return sum(information for _, information in self.months.values())


def count(exchanges: Iterable[Exchange], zone: tzinfo) -> Tallies:
    """Count them, each once; they may come one by one from a long list."""
    months: Counter[tuple[date, Word]] = Counter()
    pairs: Counter[Pair] = Counter()
    heard: dict[Urgency, list[tuple[timedelta, bool]]] = {urgency: [] for urgency in Urgency}
    asked: Counter[Urgency] = Counter()
    for exchange in exchanges:
        months[exchange.opened_at.astimezone(zone).date().replace(day=1), exchange.kind] += 1
        pairs.update((exchange.asker, part.party) for part in exchange.parts if part.passed_on_at)
        if exchange.kind is Word.REQUEST:
            asked[exchange.urgency] += sum(part.passed_on_at is not None for part in exchange.parts)
            heard[exchange.urgency] += _answers(exchange)
    counted = {month: (months[month, Word.REQUEST], months[month, Word.INFO]) for month, _ in sorted(months)}
    return Tallies(counted, dict(pairs), {urgency: _of(asked[urgency], heard[urgency]) for urgency in Urgency})


def _answers(exchange: Exchange) -> list[tuple[timedelta, bool]]:
    """How long each answer took, and whether it came before the deadline."""
    return [
        (
            max(part.answered_at - (part.passed_on_at or exchange.opened_at), timedelta()),
            part.answered_at <= exchange.deadline,
        )
        for part in exchange.parts
        if part.answered_at
    ]


def _of(asked: int, heard: Sequence[tuple[timedelta, bool]]) -> Answers:
    return Answers(asked, tuple(took for took, _ in heard), sum(in_time for _, in_time in heard))


# ---------------------------------------------------------------- who asked whom


@dataclass(frozen=True, slots=True)
class Shown:
    """The pairs that may be named, most exchanges first, and the others all together."""

    pairs: tuple[tuple[Pair, int], ...]
    others: int = 0  # how many pairs
    together: int = 0  # how many exchanges


def shown_pairs(pairs: Mapping[Pair, int], least: int) -> Shown:
    """No pair with fewer exchanges than this is named; nor is a single one left over, whose number could be told."""
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    named = sum(number >= least for _, number in ordered)
    if len(ordered) - named == 1:
        named = max(named - 1, 0)
    rest = ordered[named:]
    return Shown(tuple(ordered[:named]), len(rest), sum(number for _, number in rest))
