"""Reports by mail servers and mail programs: what became of a mail, that it was read, that it was called spam.

Those in a standard form are known by it. Those in none are known by who sent them, by the sentence with which they
begin, and by the mail that they give back: never by one of these alone.
"""

import re

from mailbot.core.mail import Bounce, MailClass
from mailbot.mail.bounces import DISPOSITION_TYPES, RETURNED_TYPES, quoted_message_id
from mailbot.mail.notices import Action, Notice
from mailbot.mail.receipts import is_receipt
from mailbot.mail.sighting import Sighting, is_own_id


def delivery_status(mail: Sighting) -> MailClass | None:
    """RFC 3464: a bounce if a delivery failed, else a report of delay, relaying or success."""
    return _by_recipients(mail.bounce) if mail.holds_status and _as_it_came(mail) else None


def disposition_notification(mail: Sighting) -> MailClass | None:
    """RFC 8098: a read receipt, which no person wrote even if one allowed it."""
    told = mail.reports("disposition-notification") or mail.holds(*DISPOSITION_TYPES)
    return MailClass.RECEIPT if told and _as_it_came(mail) else None


def receipt_in_words_alone(mail: Sighting) -> MailClass | None:
    """Older than RFC 8098: the whole text says in a program's form that a mail was read."""
    told = is_receipt(mail.first_text, mail.headers.subject) and not mail.is_a_persons_answer
    return MailClass.RECEIPT if told else None


def feedback_report(mail: Sighting) -> MailClass | None:
    """RFC 5965: somebody's provider says that a mail of ours was called spam."""
    told = mail.reports("feedback-report") or mail.holds("message/feedback-report")
    return MailClass.FEEDBACK if told and _as_it_came(mail) else None


def _as_it_came(mail: Sighting) -> bool:
    """Programs that forward a report within the text put its parts into a mail of the person's."""
    return mail.root.type == "multipart/report" or not mail.is_a_persons_answer


def field_of_a_bounce(mail: Sighting) -> MailClass | None:
    """Exim and Google name the failed recipients in a field of their own; Exchange marks its non-delivery reports."""
    if mail.fields.has("x-failed-recipients"):
        return _by_recipients(mail.bounce)
    return MailClass.BOUNCE if mail.fields.has("x-ms-exchange-message-is-ndr") else None


def report_by_a_mail_server(mail: Sighting) -> MailClass | None:
    """From nobody or a mail server: its text names whom it could not reach, or it gives a mail back.

    Those who look after a mail server write with their own programs, and of what could not be delivered.
    """
    server = mail.is_from_a_mail_server or mail.is_from_nobody
    if not server or mail.is_a_persons_answer or mail.is_of_a_persons_program:
        return None
    if mail.guessed_bounce:
        return _by_recipients(mail.guessed_bounce)
    return _by_notice(mail) if mail.notice and (_gives_back(mail) or _is_a_programs(mail, mail.notice)) else None


def _is_a_programs(mail: Sighting, notice: Notice) -> bool:
    """Whether more than its first sentence shows that no postmaster wrote it himself."""
    return notice.begins and (notice.replies or mail.is_a_machines or mail.fields.has("x-mailer"))


def mail_of_a_mailer_daemon(mail: Sighting) -> MailClass | None:
    """From `mailer-daemon`, which writes nothing but reports."""
    if not mail.is_from_a_mailer_daemon:
        return None
    return _by_notice(mail)


def notice_that_gives_a_mail_back(mail: Sighting) -> MailClass | None:
    """From anybody: it begins with a mail server's sentence and gives a mail back, header and all.

    Somebody who forwards such a notice begins with words of his own, or with the marks of forwarding.
    """
    notice = mail.notice
    if notice is None or not notice.begins or mail.is_a_persons_answer or not _gives_a_header_back(mail):
        return None
    return _by_recipients(mail.guessed_bounce) if mail.guessed_bounce else _by_notice(mail)


def report_that_quotes_our_message_id(mail: Sighting) -> MailClass | None:
    """No mark at all: flufl.bounce knows the form, and the header of a mail of ours is quoted in it.

    Without the field any forwarded bounce would be one. A person quotes it only with a report that he asks about: then
    he answers something, or writes with a program of his own.
    """
    if mail.is_a_persons_answer or mail.is_of_a_persons_program or mail.headers.references:
        return None
    quoted = quoted_message_id(mail.root, mail.limits) or ""
    if not is_own_id(quoted, mail.own) or mail.guessed_bounce is None:
        return None
    return _by_recipients(mail.guessed_bounce)


_GROUPWISE = re.compile(
    r"message status - (?:opened|read|accepted|completed|deleted|delivered|undeliverable)", re.IGNORECASE
)


def status_of_groupwise(mail: Sighting) -> MailClass | None:
    """GroupWise tells in the subject what became of a mail, and puts its own name into the header."""
    found = _GROUPWISE.fullmatch(mail.headers.subject)
    if found is None or "groupwise" not in mail.fields.word("x-mailer"):
        return None
    state = mail.headers.subject.lower().rpartition(" ")[2]
    states = {"undeliverable": MailClass.BOUNCE, "delivered": MailClass.DELIVERY_REPORT}
    return states.get(state, MailClass.RECEIPT)


def some_other_report(mail: Sighting) -> MailClass | None:
    """RFC 6522: every multipart/report is made by a machine (TLS reports, for one)."""
    return MailClass.AUTOMATIC if mail.root.type == "multipart/report" else None


_AGGREGATE = re.compile(
    r"[^!\s]{1,255}![^!\s]{1,255}!\d{1,12}!\d{1,12}(?:![^!\s]{1,64})?\.(?:xml|json)?(?:\.?gz|\.?zip)?"
)


def aggregate_report(mail: Sighting) -> MailClass | None:
    """RFC 7489 §7.2.1.1, RFC 8460 §5.1: reports on many mails at once, known by the name of their one file."""
    if mail.is_a_persons_answer or mail.is_of_a_persons_program:
        return None
    names = (leaf.filename for leaf in mail.root.leaves())
    return MailClass.AUTOMATIC if any(_AGGREGATE.fullmatch(name[:800]) for name in names) else None


def looks_like_a_report(mail: Sighting) -> bool:
    """Whether anything in it does: then it is not answered, even if a person forwards it (mail-in-the-wild.md 28)."""
    return mail.holds_status or (mail.notice is not None and mail.notice.replies and _gives_back(mail))


def _gives_back(mail: Sighting) -> bool:
    """Whether it holds the mail that it is about, or that mail's header."""
    return bool(mail.notice and mail.notice.returns) or mail.holds(*RETURNED_TYPES)


def _gives_a_header_back(mail: Sighting) -> bool:
    """As no person's program does: persons attach whole mails, too, but tell no server's reply with it."""
    if (mail.notice and mail.notice.returns) or mail.holds("text/rfc822-headers", "message/rfc822-headers"):
        return True
    told = mail.notice is not None and mail.notice.replies and not mail.fields.has("user-agent", "x-mailer")
    return told and _gives_back(mail)


def _by_recipients(bounce: Bounce | None) -> MailClass:
    """A report in which nobody can be made out counts as the worse of the two."""
    delivered = bounce and bounce.recipients and all(r.action != "failed" for r in bounce.recipients)
    return MailClass.DELIVERY_REPORT if delivered else MailClass.BOUNCE


def _by_notice(mail: Sighting) -> MailClass:
    failed = mail.notice is None or mail.notice.action is Action.FAILED
    return MailClass.BOUNCE if failed else MailClass.DELIVERY_REPORT
