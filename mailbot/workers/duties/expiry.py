"""Owners of certificates that end soon are told, each at 60, 30 and 7 days."""

from functools import partial

from mailbot.core.decision import Moment, Network
from mailbot.core.expiry import Expiring, expiring, warning
from mailbot.workers.failures import survive
from mailbot.workers.receive import Receiver


def warn_of_expiry(receiver: Receiver, moment: Moment) -> int:
    """How many were told."""
    network = receiver.memory.as_suspended(receiver.network)
    return sum(
        survive(f"expiry of {one.certificate.fingerprint}", partial(_warn, one, network, receiver, moment))
        for one in expiring(network, moment.now)
    )


def _warn(one: Expiring, network: Network, receiver: Receiver, moment: Moment) -> bool:
    due = one.turns(moment.now)
    undone = receiver.memory.undone(due) if due else ()
    if not due or due[-1] not in undone:
        return False
    decision = warning(one, tuple(undone), network, moment.now)
    receiver.memory.record(None, decision, receiver.write(decision, moment), moment.now)
    return True
