"""within(): what was decided is paid for, or held because its sender has used up his share (trust.md 20, rule 14).

What is held so is told once an hour and never dropped. Mail without a verified signature is not paid for here: it has a
budget of its own, the one notice in ten minutes, and so cannot use up a party's.
"""

from collections.abc import Iterator
from dataclasses import replace

from mailbot.core.decision import Case, Decision
from mailbot.core.holding import hold
from mailbot.core.mail import Content
from mailbot.core.quotas import Spending, Use
from mailbot.core.records import Reason
from mailbot.core.tags import Urgency

Bill = dict[Use, int]


def within(decision: Decision, case: Case) -> Decision:
    """The decision with what it costs, or what is done instead if its sender cannot pay."""
    if case.speaker is None:
        return decision
    bill = {use: amount for use, amount in _bill(decision) if amount}
    lacking = next((use for use, amount in bill.items() if not _affords(use, amount, case)), None)
    return _over(lacking, decision, case) if lacking else _paid(decision, bill, case)


def _bill(decision: Decision) -> Iterator[tuple[Use, int]]:
    if decision.rejudged:  # what was released, its authors paid for
        yield Use.ANSWERS, 1
        return
    opened = [exchange for exchange in decision.exchanges if exchange.version == 0]
    yield Use.REQUESTS, len(opened)
    yield Use.URGENT, sum(exchange.urgency is Urgency.URGENT for exchange in opened)
    yield Use.ALL, sum(exchange.to_all for exchange in opened)
    yield Use.ANSWERS, int(bool(decision.consumed) and not opened)
    yield Use.VOLUME, sum(len(letter.mailboxes) * _size(letter.content) for letter in decision.letters)
    yield Use.LETTERS, int(bool(decision.letters) and not decision.consumed)


def _size(content: Content | None) -> int:
    return len(content.entity) + len(content.message or b"") if content else 0


def _affords(use: Use, amount: int, case: Case) -> bool:
    return case.network.quotas.of(use).allows(amount, case.known.spent.get(use), case.now)


def _paid(decision: Decision, bill: Bill, case: Case) -> Decision:
    account = case.speaker.account if case.speaker else ""
    quotas = {use: case.network.quotas.of(use) for use in bill}
    spent = tuple(Spending(account, use, quotas[use].cost(bill[use]), quotas[use].period) for use in bill)
    return replace(decision, spent=decision.spent + spent, sender=account)


def _over(lacking: Use, decision: Decision, case: Case) -> Decision:
    if lacking is Use.LETTERS and decision.held and not decision.question:
        return replace(decision, letters=())
    held = hold(Reason.OVER_QUOTA, case)
    entries = tuple(replace(entry, facts={**entry.facts, "quota": lacking.value}) for entry in held.entries)
    held = replace(held, entries=entries)
    if lacking is Use.LETTERS or not _affords(Use.TELLINGS, 1, case):
        return replace(held, letters=())
    return _paid(held, {Use.TELLINGS: 1}, case)
