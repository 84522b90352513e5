"""CONFIRM: a signed answer to a question of ours; the mail it is about is judged again with its tag vouched for.

Yes is said by the first line of the signed text alone. Pressing Reply repeats the question's subject and quotes its
text, and a "No!" does that as well as a "Yes".
"""

from mailbot.core.decision import Case, Decision, Entry, Event, TagSource
from mailbot.core.holding import refuse
from mailbot.core.records import Question, Reason
from mailbot.core.tags import Word


def confirm(case: Case) -> Decision:
    """Settle the question, if the party that was asked answers in time; the worker then judges the held mail."""
    question, code = case.known.question, case.speaker.code if case.speaker else None
    if case.intent.tag_source is not TagSource.BODY:
        return refuse("not confirmed", case, Reason.TAG_NOT_SIGNED)
    if question is None or question.party != code or not _may_say_yes(case, question):
        return refuse("not yours", case, Reason.UNKNOWN_EXCHANGE)
    if case.now - question.asked_at > case.terms.question_age:
        return refuse("too late", case, Reason.STALE)
    return Decision(
        answered=question,
        consumed=case.intent.identities,
        entries=(Entry(Event.CONFIRMED, party=code, facts={"mail": case.opened.digest, "about": question.digest}),),
    )


def _may_say_yes(case: Case, question: Question) -> bool:
    """A relay may confirm what it might have signed itself: replies and acknowledgements (network.md §2)."""
    relay = case.speaker is not None and case.speaker.relay is not None
    return not relay or question.tag.word in (Word.REPLY, Word.ACK)
