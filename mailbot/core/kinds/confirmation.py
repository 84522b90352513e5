"""CONFIRM: a signed answer to a question of ours; the mail it is about is judged again with its tag vouched for."""

from mailbot.core.decision import Case, Decision, Entry, Event
from mailbot.core.holding import refuse
from mailbot.core.records import Reason


def confirm(case: Case) -> Decision:
    """Settle the question, if the party that was asked answers in time; the worker then judges the held mail."""
    question, code = case.known.question, case.speaker.code if case.speaker else None
    if question is None or question.party != code:
        return refuse("not yours", case, Reason.UNKNOWN_EXCHANGE)
    if case.now - question.asked_at > case.terms.question_age:
        return refuse("too late", case, Reason.STALE)
    return Decision(
        answered=question,
        consumed=case.intent.identities,
        entries=(Entry(Event.CONFIRMED, party=code, facts={"mail": case.opened.digest, "about": question.digest}),),
    )
