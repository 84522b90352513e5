"""Who is in the configuration, noted whenever it changes: a report tells who joined and who left."""

from mailbot.core.decision import Moment
from mailbot.core.roll import NAME, call, read_moves
from mailbot.workers.receive import Receiver


def note_members(receiver: Receiver, moment: Moment) -> int:
    """How many parties came or went since the last look. Raises Clash."""
    codes = [party.code for party in receiver.network.directory.members()]
    decision = call(read_moves(receiver.memory.turns(NAME)), codes, moment.now)
    if decision is None:
        return 0
    receiver.memory.record(None, decision, [], moment.now)
    return len(decision.entries)
