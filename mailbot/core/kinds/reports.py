"""Machines' mail: noted, never answered. A report on a delivery is written beside the mail that it is about.

Anybody can write a report. One is believed if it came to the return path that we gave to that very mail, and then it
only adds: it cancels no retry, suspends no address, overrides no signed answer (trust.md 16).
"""

from collections.abc import Mapping

from mailbot.core.decision import Case, Decision, Entry, Event
from mailbot.core.mail import MailClass
from mailbot.core.postings import Report, Reported, Returned
from mailbot.core.rounds.answers import note_machine


def note(case: Case) -> Decision:
    """Journalled and filed; a report's claim about one of our mails is remembered if it is believed."""
    returned = case.known.returned
    if returned:
        return _attributed(returned, case)
    if about_probe := note_machine(case):
        return about_probe
    resident = case.intent.resident
    return Decision(entries=(Entry(Event.NOTED, party=resident.code if resident else None, facts=_facts(case)),))


def _attributed(returned: Returned, case: Case) -> Decision:
    posting, believed = returned.posting, _is_believed(returned, case)
    report, status = _claim(case)
    facts = {
        **_facts(case),
        "about": posting.message_id,
        "recipient": posting.recipient,
        "attributed_by": returned.hint.value,
        "believed": "yes" if believed else "no",
        "report": report.value,
        "status": status,
    }
    event = Event.BOUNCED if believed and report is Report.UNDELIVERABLE else Event.NOTED
    news = believed and report.outweighs(posting.reported)
    return Decision(
        entries=(Entry(event, posting.reference, posting.party, facts),),
        reports=(Reported(posting.id, report, status),) if news else (),
    )


def _is_believed(returned: Returned, case: Case) -> bool:
    """It came to the return path of that mail, and does not itself say that it is about another."""
    bounce = case.opened.bounce
    named = bounce.envelope_id if bounce else None
    return returned.vouched and (not named or named.lower() == case.intent.returned_to)


def _claim(case: Case) -> tuple[Report, str]:
    """What the report says of the one mail it is about, with its status code.

    The recipient may be an alias of several mailboxes: while one of them got the mail, somebody has it. "Failed" is
    final for this mail whatever the code: a server that tried for days says 4.4.1.
    """
    recipients = case.opened.bounce.recipients if case.opened.bounce else ()
    if not recipients:
        return (Report.UNDELIVERABLE if case.opened.mail_class is MailClass.BOUNCE else Report.DELAYED), ""
    for action, report in _ACTIONS.items():
        found = next((r for r in recipients if r.action == action), None)
        if found:
            return report, found.status
    return Report.DELAYED, recipients[0].status


_ACTIONS: Mapping[str, Report] = {
    "delivered": Report.DELIVERED,
    "relayed": Report.RELAYED,
    "expanded": Report.RELAYED,
    "failed": Report.UNDELIVERABLE,
}


def _facts(case: Case) -> Mapping[str, str]:
    opened = case.opened
    facts = {"mail": opened.digest, "class": opened.mail_class.value, "rule": opened.rule}
    return {**facts, "return_date": opened.return_date} if opened.return_date else facts
