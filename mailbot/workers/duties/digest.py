"""The digest of each day, once its hour has come."""

from mailbot.core.decision import Moment, Occasion
from mailbot.core.digest import NAME, daily
from mailbot.workers.receive import Receiver


def send_digest(receiver: Receiver, moment: Moment) -> int:
    """The digest that is due, written and recorded; how many mails it became. Raises Clash."""
    memory = receiver.memory
    turn = receiver.network.reporting.turn(moment.now)
    if turn is None or not memory.undone([Occasion(NAME, turn)]):
        return 0
    network = memory.as_suspended(receiver.network)
    decision = daily(memory.situation(moment.now, network.reporting.retention), network, moment, turn)
    mails = receiver.write(decision, moment)
    memory.record(None, decision, mails, moment.now)
    return len(mails)
