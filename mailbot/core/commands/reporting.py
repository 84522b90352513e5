"""DIGEST and REPORT: each comes in a mail of its own."""

from collections.abc import Sequence

from mailbot.core.commands.command import Order, Outcome, Section, not_done
from mailbot.core.decision import Decision, Event
from mailbot.core.digest import digest_letters
from mailbot.core.mail import Letter
from mailbot.core.report import report_letters
from mailbot.core.reporting import Reader


def digest(order: Order) -> Outcome:
    """`[DIGEST]`: the digest as it would be sent now; that of the day comes all the same."""
    situation = order.sight.situation
    if situation is None:
        return not_done(order, "not available")
    letters = digest_letters(situation, order.network, _readers(order))
    return _sent(letters, Event.DIGEST_SENT, "digest")


def report(order: Order) -> Outcome:
    """`[REPORT 2026-01-01..2026-06-30 lang=fr]`."""
    period = order.tag.arguments[0] if order.tag.arguments else ""
    facts = order.sight.reports.get(period)
    if facts is None:
        return not_done(order, "not available")
    letters = report_letters(facts, order.network, _readers(order))
    return _sent(letters, Event.REPORT_SENT, "report", period)


def _readers(order: Order) -> tuple[Reader, ...]:
    """At the shell there is nobody to be sent a mail."""
    return (Reader(order.language, order.asker.boxes),) if order.asker.boxes else ()


def _sent(letters: Sequence[Letter], event: Event, what: str, period: str = "") -> Outcome:
    mails = sum(len(letter.mailboxes) for letter in letters)
    facts = {"readers": str(mails), **({"period": period} if period else {})}
    section = Section("answer-done", {"what": what, "party": None, "name": period, "count": mails})
    return Outcome(section, Decision(letters=tuple(letters)), event, facts=facts)
