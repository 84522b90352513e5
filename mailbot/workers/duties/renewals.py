"""Renewals of certificates, step by step: the challenge goes out, what nobody confirmed ends, owners hear what is used.

These letters are sealed to certificates that the keyring has only since the mail that brought them was recorded.
"""

from collections.abc import Iterator
from functools import partial

from mailbot.core.decision import Decision, Moment, Network, Occasion
from mailbot.core.pins import ProposalState
from mailbot.core.renewal import IN_USE, challenge, give_up, in_use, is_too_old
from mailbot.workers.failures import survive
from mailbot.workers.receive import Receiver


def advance_renewals(receiver: Receiver, moment: Moment) -> int:
    """How many went a step on."""
    network = receiver.memory.as_suspended(receiver.network)

    def carry_out(decision: Decision) -> int:
        receiver.memory.record(None, decision, receiver.write(decision, moment), moment.now)
        return 1

    due = (*_proposals(receiver, network, moment), *_pins(receiver, network, moment))
    return sum(survive("a renewal", partial(carry_out, decision)) for decision in due)


def _proposals(receiver: Receiver, network: Network, moment: Moment) -> Iterator[Decision]:
    for proposal in receiver.memory.proposals():
        if is_too_old(proposal, network, moment.now):
            yield give_up(proposal, moment.now, "too old")
        elif proposal.state is ProposalState.ANNOUNCED and proposal.fingerprint in network.certificates:
            yield challenge(proposal, network, moment)


def _pins(receiver: Receiver, network: Network, moment: Moment) -> Iterator[Decision]:
    pins = {Occasion(IN_USE, p.fingerprint): p for p in receiver.memory.amendments().pins}
    for occasion in receiver.memory.undone(tuple(pins)) if pins else ():
        if network.usable(occasion.turn, moment.now):
            yield in_use(pins[occasion], network, moment.now)
