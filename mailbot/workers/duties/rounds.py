"""Ping rounds as time passes: probes whose hour has come, reminders, backups, the result at the deadline."""

from functools import partial

from mailbot.core.decision import Decision, Moment
from mailbot.core.rounds.advancing import Turn, advance, is_over
from mailbot.core.rounds.figures import IN_A_ROW
from mailbot.core.rounds.records import Round
from mailbot.core.rounds.result import Outcome
from mailbot.core.rounds.telling import close_round
from mailbot.workers.failures import survive
from mailbot.workers.receive import Receiver


def advance_rounds(receiver: Receiver, moment: Moment) -> int:
    """Everything that is due in every round that is not closed; each is recorded by itself."""
    return sum(
        survive(f"ping {each.number}", partial(advance_round, each, receiver, moment.another(each.number)))
        for each in receiver.memory.rounds.running()
    )


def advance_round(round_: Round, receiver: Receiver, moment: Moment) -> int:
    """What is due in one of them. Raises Clash."""
    decision = _decide(round_, receiver, moment)
    if not decision.entries and not decision.followed_up:
        return 0
    receiver.memory.record(None, decision, receiver.write(decision, moment), moment.now)
    return 1


def _decide(round_: Round, receiver: Receiver, moment: Moment) -> Decision:
    memory = receiver.memory
    network, head = memory.as_suspended(receiver.network), memory.journal_head()
    turn = Turn(round_, network, moment, head, memory.rounds.failures(round_))
    decision = advance(turn)
    if decision.entries or decision.followed_up or not is_over(turn):
        return decision
    return close_round(Outcome(round_, memory.rounds.latest(IN_A_ROW, before=round_.number)), network, moment, head)
