"""Ping rounds that start by themselves: the configuration says when."""

from mailbot.core.decision import Moment
from mailbot.core.rounds.schedule import NAME, scheduled
from mailbot.workers.receive import Receiver


def start_scheduled(receiver: Receiver, moment: Moment) -> int:
    """The round that the schedule calls for now, if there is one; of two robots one clashes."""
    if not receiver.network.ping.schedule:
        return 0
    memory = receiver.memory
    done = frozenset(memory.turns(NAME))
    decision = scheduled(memory.as_suspended(receiver.network), moment, memory.rounds.past(), done)
    if decision is None:
        return 0
    memory.record(None, decision, receiver.write(decision, moment), moment.now)
    return 1
