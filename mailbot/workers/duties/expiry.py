"""Owners of certificates that end soon are told, each at 60, 30 and 7 days."""

from mailbot.core.decision import Moment
from mailbot.core.expiry import expiring, warning
from mailbot.workers.receive import Receiver


def warn_of_expiry(receiver: Receiver, moment: Moment) -> int:
    """How many were told. Raises Clash."""
    memory, told = receiver.memory, 0
    network = memory.as_suspended(receiver.network)
    for one in expiring(network, moment.now):
        due = one.turns(moment.now)
        if due and (undone := memory.undone(due)) and due[-1] in undone:
            decision = warning(one, tuple(undone), network, moment.now)
            memory.record(None, decision, receiver.write(decision, moment), moment.now)
            told += 1
    return told
