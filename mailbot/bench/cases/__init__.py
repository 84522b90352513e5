"""The cases, each with its target; CASES is the one table of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mailbot.bench.cases import backlog, filled, large, pinging, relaying, resting
from mailbot.bench.measures import Measure
from mailbot.bench.stage import Stage

Measuring = Callable[[Stage, int], Iterator[Measure]]
"""A stage with the parties that the case needs, and the rounds to make."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table of targets."""

    measure: Measuring
    title: str
    parties: int = 41


CASES: Mapping[str, Case] = {
    "relay-one": Case(relaying.one, "a request to one desk"),
    "all-40": Case(relaying.everybody, "a request to ALL of 40 desks"),
    "backlog-100": Case(backlog.hundred, "100 requests in INBOX"),
    "backlog-1000": Case(backlog.thousand, "1,000 requests in INBOX"),
    "ping-40": Case(pinging.forty, "a ping of 40 parties"),
    "ping-1000": Case(pinging.thousand, "a ping of 1,000 parties", parties=1000),
    "large": Case(large.everybody, "25 MiB to ALL of 40 desks"),
    "filled": Case(filled.steps, "a database with 1,000,000 journal rows and 100,000 exchanges", parties=41),
    "start": Case(resting.start, "from start to the first IDLE"),
    "idle": Case(resting.idle, "nothing to do"),
}
