"""Every desk's list of its open exchanges, once in each party's own day (trust.md 17)."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from mailbot.core.decision import Moment, Occasion
from mailbot.core.overview import daily, oldest, turns
from mailbot.core.records import Exchange
from mailbot.store.memory import Memory
from mailbot.workers.failures import survive
from mailbot.workers.receive import Receiver


def send_overviews(receiver: Receiver, moment: Moment) -> int:
    """Today's lists whose hour has come, written and recorded one by one; how many went out."""
    memory, now = receiver.memory, moment.now
    network = memory.as_suspended(receiver.network)
    due = turns(network, now)
    undone = memory.undone(due)
    exchanges = list(_listed(memory, oldest(now, network))) if undone else []

    def send(turn: Occasion) -> int:
        decision = daily(turn, due[turn], exchanges, network, now, memory.journal_head())
        memory.record(None, decision, receiver.write(decision, moment), now)
        return bool(decision.letters)

    return sum(survive(f"{turn.name} {turn.turn}", partial(send, turn)) for turn in undone)


def _listed(memory: Memory, began: datetime) -> Iterator[Exchange]:
    page = memory.open_since(began)
    while page:
        yield from page
        page = memory.open_since(began, after=page[-1].reference)
