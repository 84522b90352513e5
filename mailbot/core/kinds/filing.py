"""Mail that nothing is done about: reports and automatic mail are noted, what cannot be understood is held."""

from mailbot.core.decision import Case, Decision, Entry, Event
from mailbot.core.holding import hold
from mailbot.core.records import Reason


def note(case: Case) -> Decision:
    """A machine wrote it: journalled, filed, never answered."""
    opened = case.opened
    facts = {"mail": opened.digest, "class": opened.mail_class.value, "rule": opened.rule}
    if opened.return_date:
        facts["return_date"] = opened.return_date
    return Decision(
        entries=(Entry(Event.NOTED, party=case.intent.resident.code if case.intent.resident else None, facts=facts),)
    )


def hold_automatic(case: Case) -> Decision:
    """Somebody's pinned key signed it, yet a machine made it: a person should look."""
    return hold(Reason.AUTOMATIC, case)


def hold_untagged(case: Case) -> Decision:
    return hold(Reason.UNTAGGED, case)


def hold_unsupported(case: Case) -> Decision:
    return hold(Reason.NOT_SUPPORTED, case)
