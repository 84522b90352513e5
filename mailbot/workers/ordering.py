"""An order from the shell: the same functions that obey a mail, in the same transaction, beside a running robot."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailbot.core.commands.command import Asker, Command, Order, Outcome
from mailbot.core.commands.merging import merged
from mailbot.core.commands.needs import wanted_for
from mailbot.core.commands.obeying import carry_out, entry_of
from mailbot.core.decision import Decision
from mailbot.core.parties import Right
from mailbot.core.tags import Tag, Word, write
from mailbot.store.engine import Clash
from mailbot.workers.receive import MOST_CLASHES, Receiver

LANGUAGE = "en"  # of everything at the shell


@dataclass(frozen=True, slots=True)
class Counter:
    """Where somebody at the shell gives orders; `by` is how the journal names him: "shell:alice"."""

    receiver: Receiver
    by: str

    def give(self, tag: Tag, table: Mapping[Word, Command], *, dry_run: bool = False) -> Outcome:
        """Obey the order, as `table` says. Another worker that is faster makes it judged again, as with mail."""
        for _ in range(MOST_CLASHES):
            order = self._order(tag, table)
            outcome = carry_out(order, table[tag.word])
            if dry_run:
                return outcome
            try:
                self._record(outcome, order)
            except Clash:
                continue
            return outcome
        raise RuntimeError(f"{MOST_CLASHES} clashes in a row")

    def _order(self, tag: Tag, table: Mapping[Word, Command]) -> Order:
        receiver, moment = self.receiver, self.receiver.moment()
        asker = Asker(self.by, LANGUAGE, frozenset(Right), moment.now)
        network = receiver.memory.as_suspended(receiver.network)
        sight = receiver.see(wanted_for((tag,), asker, network, table), moment.now)
        return Order(tag, asker, network, moment, sight, journal_head=receiver.memory.journal_head())

    def _record(self, outcome: Outcome, order: Order) -> None:
        entry = entry_of(outcome, order, write(order.tag))
        decision = merged(outcome.decision, Decision(entries=(entry,)))
        mails = self.receiver.write(decision, order.moment)
        self.receiver.memory.record(None, decision, mails, order.now)
