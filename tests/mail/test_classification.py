"""What made a mail, by header fields and structure; a person is never taken for a machine because of a word."""

import pytest

from mailbot.core.mail import MailClass
from tests.mail.mails import header, multipart, opened, part

TEXT = part("text/plain", "Hello\r\n")


def report(kind: str, *parts: bytes) -> bytes:
    return multipart("report", TEXT, *parts, fields=f"; report-type={kind}")


def classes(octets: bytes) -> tuple[MailClass, str, bool]:
    mail = opened(octets)
    return mail.mail_class, mail.rule, mail.answerable


# ---------------------------------------------------------------- automatic

AUTOMATIC = [
    ("Auto-Submitted: auto-replied", "auto submitted"),
    ("Auto-Submitted: auto-generated; type=x", "auto submitted"),
    ("Auto-Submitted: Auto-Notified (by a robot)", "auto submitted"),
    ("X-Autoreply: yes", "field of an autoresponder"),
    ("X-Autorespond: vacation", "field of an autoresponder"),
    ("X-Mail-Autoreply: yes", "field of an autoresponder"),
    ("X-FC-MachineGenerated: true", "field of an autoresponder"),
    ("X-Zarafa-Vacation: autorespond", "field of an autoresponder"),
    ("Precedence: auto_reply", "field of an autoresponder"),
    ("X-POST-MessageClass: 9; Autoresponder", "field of an autoresponder"),
    ("Delivered-To: Autoresponder", "field of an autoresponder"),
    ("X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent", "field of an autoresponder"),
    ("X-Mailer: vacation 1.2", "field of an autoresponder"),
    ("Return-Path: <>", "sent by nobody"),
    ("Return-Path: <MAILER-DAEMON>", "sent by nobody"),
    ("Return-Path: < >", "sent by nobody"),
]


@pytest.mark.parametrize(("field", "rule"), AUTOMATIC)
def test_automatic_mail(field: str, rule: str) -> None:
    assert classes(header(field) + TEXT) == (MailClass.AUTOMATIC, rule, False)


@pytest.mark.parametrize(
    "address",
    ["noreply@x.example", "no-reply@x.example", "do_not_reply@x.example", "calendar-noreply@x.example",
     "ne-pas-repondre@x.example", "noreply+4@x.example", "no-reply2@x.example"],
)  # fmt: skip
def test_addresses_that_nobody_reads(address: str) -> None:
    assert classes(header(sender=address) + TEXT) == (MailClass.AUTOMATIC, "sent from an unread address", False)


@pytest.mark.parametrize("sender", ["MAILER-DAEMON@x.example", "MAILER-DAEMON", "Mail Delivery <mailer-daemon>"])
def test_a_mailer_daemon_writes_nothing_but_reports(sender: str) -> None:
    assert classes(header(sender=sender) + TEXT) == (MailClass.BOUNCE, "mail of a mailer daemon", False)


@pytest.mark.parametrize("address", ["postmaster@x.example", "norbert@x.example", "reply@x.example", "no@x.example"])
def test_addresses_of_persons(address: str) -> None:
    assert classes(header(sender=address) + TEXT) == (MailClass.PERSON, "person", True)


ABSENT = [
    "Automatic reply: [PING#7K3Q-9F2M-XR4T]",
    "Réponse automatique : [REQUEST#2026-0042]",
    "Automatische Antwort: [INFO#2026-0042]",
    "Abwesenheitsnotiz: x",
    "Out of Office: x",
    "Out of Office AutoReply: x",
    "[EXTERNAL] Automatic reply: x",
    "Respuesta automática: x",
    "Odpowiedź automatyczna: x",
    "Autosvar: x",
]


@pytest.mark.parametrize("subject", ABSENT)
def test_absence_in_place_of_the_reply_prefix(subject: str) -> None:
    rule = "absence in place of the reply prefix"
    answering = header("In-Reply-To: <1@ids.network.example>", subject=subject)
    assert classes(answering + TEXT) == (MailClass.AUTOMATIC, rule, False)
    suppressing = header("X-Auto-Response-Suppress: All", subject=subject)
    assert classes(suppressing + TEXT) == (MailClass.AUTOMATIC, rule, False)
    # On its own the subject is a person's to write, unless it holds a number of ours, for then it answers a mail of
    # ours, or words of a program's that nobody would type.
    is_sure = "#" in subject or "AutoReply" in subject
    alone = (MailClass.AUTOMATIC, rule, False) if is_sure else (MailClass.PERSON, "person", True)
    assert classes(header(subject=subject) + TEXT) == alone


# ---------------------------------------------------------------- persons

WORDS = [
    "Re: Automatic reply: [PING#7K3Q-9F2M-XR4T]",
    "Re: Out of office next week",
    "Auto: gestohlener Wagen",
    "RE: Undelivered Mail Returned to Sender",
    "Fwd: Delivery Status Notification (Failure)",
    "vacation in Spain",
    "Bounce of a cheque",
    "Abwesenheit des Zeugen",
]


@pytest.mark.parametrize("subject", WORDS)
def test_words_make_no_machine(subject: str) -> None:
    text = part("text/plain", "I am out of the office. This is an automatic reply. Mail delivery failed: returned.\r\n")
    octets = header("In-Reply-To: <1@ids.network.example>", subject=subject) + text
    assert classes(octets) == (MailClass.PERSON, "person", True)


UNANSWERABLE = [
    "Precedence: bulk",
    "Precedence: junk",
    "X-Auto-Response-Suppress: All",
    "X-Auto-Response-Suppress: OOF, AutoReply",
    "X-Loop: somebody@x.example",
]


@pytest.mark.parametrize("field", UNANSWERABLE)
def test_marks_that_alone_only_forbid_an_answer(field: str) -> None:
    """mail-in-the-wild.md 10: people were lost."""
    assert classes(header(field) + TEXT) == (MailClass.PERSON, "person", False)


@pytest.mark.parametrize(
    "field",
    ["Auto-Submitted: no", "X-Auto-Response-Suppress: DR, RN, NRN", "X-Auto-Response-Suppress: None", "X-Autoreply: no",
     "Return-Path: <desk@fr.example>", "X-Mailer: Microsoft Outlook 16.0",
     "X-MS-Exchange-Inbox-Rules-Loop: a@b.example", "Precedence: normal", "Importance: high"],
)  # fmt: skip
def test_marks_that_say_nothing(field: str) -> None:
    assert classes(header(field) + TEXT) == (MailClass.PERSON, "person", True)


def test_the_topmost_return_path_is_our_servers() -> None:
    octets = header("Return-Path: <desk@fr.example>", "Return-Path: <>") + TEXT
    assert opened(octets).mail_class is MailClass.PERSON


def test_nobody_is_answered_without_one_sender() -> None:
    assert not opened(header(sender="a@b.example, c@d.example") + TEXT).answerable
    assert not opened(header(sender="hub@network.example") + TEXT).answerable


# ---------------------------------------------------------------- lists

LISTS = [
    "List-Id: Desks <desks.example.org>",
    "List-Post: <mailto:desks@example.org>",
    "List-Unsubscribe: <https://example.org/u>",
    "X-Mailing-List: desks",
    "Mailing-List: contact desks-help@example.org; run by ezmlm",
    "X-BeenThere: desks@example.org",
    "Precedence: list",
]


@pytest.mark.parametrize("field", LISTS)
def test_lists(field: str) -> None:
    assert classes(header(field) + TEXT) == (MailClass.LIST, "field of a list", False)


def test_an_automatic_reply_over_a_list_is_automatic() -> None:
    assert opened(header(LISTS[0], "Auto-Submitted: auto-replied") + TEXT).mail_class is MailClass.AUTOMATIC


# ---------------------------------------------------------------- reports

STATUS = part(
    "message/delivery-status",
    "Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: {}\r\nStatus: {}\r\n",
)


def status(action: str, code: str) -> bytes:
    return STATUS.replace(b"{}", action.encode(), 1).replace(b"{}", code.encode(), 1)


@pytest.mark.parametrize(
    ("action", "code", "mail_class"),
    [
        ("failed", "5.1.1", MailClass.BOUNCE),
        ("failed", "4.4.7", MailClass.BOUNCE),
        ("delayed", "4.4.1", MailClass.DELIVERY_REPORT),
        ("relayed", "2.0.0", MailClass.DELIVERY_REPORT),
        ("delivered", "2.0.0", MailClass.DELIVERY_REPORT),
        ("expanded", "2.0.0", MailClass.DELIVERY_REPORT),
    ],
)
def test_delivery_reports(action: str, code: str, mail_class: MailClass) -> None:
    octets = header("Auto-Submitted: auto-replied", "Return-Path: <>") + report("delivery-status", status(action, code))
    assert classes(octets) == (mail_class, "delivery status", False)


def test_one_failure_among_several_is_a_bounce() -> None:
    both = status("delivered", "2.0.0") + b"\r\nFinal-Recipient: rfc822; c@d.example\r\nAction: failed\r\n"
    assert opened(header() + report("delivery-status", both)).mail_class is MailClass.BOUNCE


def test_a_report_that_cannot_be_read_is_the_worse_of_the_two() -> None:
    assert opened(header() + report("delivery-status")).mail_class is MailClass.BOUNCE


@pytest.mark.parametrize(
    ("kind", "content_type", "mail_class"),
    [
        ("disposition-notification", "message/disposition-notification", MailClass.RECEIPT),
        ("feedback-report", "message/feedback-report", MailClass.FEEDBACK),
        ("tlsrpt", "application/tlsrpt+gzip", MailClass.AUTOMATIC),
    ],
)
def test_other_reports(kind: str, content_type: str, mail_class: MailClass) -> None:
    assert opened(header() + report(kind, part(content_type, "x: y\r\n"))).mail_class is mail_class
    assert opened(header() + report(f'"{kind.upper()}"', part("text/plain", "lost"))).mail_class is mail_class


def test_a_receipt_in_another_multipart() -> None:
    octets = header() + multipart("mixed", TEXT, part("message/disposition-notification", "Disposition: x\r\n"))
    assert opened(octets).mail_class is MailClass.RECEIPT


def test_a_report_that_somebody_forwards_is_a_persons() -> None:
    forwarded = part("message/rfc822", header("Return-Path: <>") + report("delivery-status", status("failed", "5.0.0")))
    assert opened(header() + multipart("mixed", TEXT, forwarded, boundary="=_fwd")).mail_class is MailClass.PERSON


# ---------------------------------------------------------------- reports without a form

QMAIL = "Hi. This is the qmail-send program at mx.example.\r\n\r\n<a@b.example>:\r\nSorry, no mailbox here.\r\n\r\n"
QUOTED = "--- Below this line is a copy of the message.\r\n\r\nMessage-ID: <x@ids.network.example>\r\n"


@pytest.mark.parametrize(
    "field", ["Return-Path: <>", "From: MAILER-DAEMON@mx.example", "From: Postmaster <postmaster@mx.example>"]
)
def test_a_bounce_in_no_standard_form(field: str) -> None:
    sender = field.removeprefix("From: ") if field.startswith("From") else "someone@mx.example"
    fields = [] if field.startswith("From") else [field]
    octets = header(*fields, sender=sender) + part("text/plain", QMAIL)
    assert classes(octets) == (MailClass.BOUNCE, "report by a mail server", False)


def test_a_daemon_that_gives_a_mail_back() -> None:
    octets = header(sender="mailer-daemon@mx.example") + part("text/plain", "It did not work.\r\n" + QUOTED)
    assert opened(octets).mail_class is MailClass.BOUNCE


def test_a_bounce_without_any_mark_quotes_our_message_id() -> None:
    octets = header(sender="someone@mx.example") + part("text/plain", QMAIL + QUOTED)
    assert classes(octets) == (MailClass.BOUNCE, "report that quotes our message id", False)
    # Without it nobody can tell it from a bounce that a person forwards.
    assert opened(header(sender="someone@mx.example") + part("text/plain", QMAIL)).mail_class is MailClass.PERSON
    others = QUOTED.replace("ids.network", "elsewhere")
    assert opened(header(sender="a@mx.example") + part("text/plain", QMAIL + others)).mail_class is MailClass.PERSON


def test_a_person_who_quotes_our_message_id() -> None:
    octets = header() + part("text/plain", "Did you get this?\r\n" + QUOTED)
    assert opened(octets).mail_class is MailClass.PERSON


# ---------------------------------------------------------------- our own


def test_our_own_mail_needs_both_marks() -> None:
    own_id = (b"<1@mail.fr.example>", b"<1@ids.network.example>")
    octets = header(sender="Hub <Hub@network.example>") + TEXT
    assert classes(octets.replace(*own_id)) == (MailClass.OWN, "own sender and message id", False)
    assert opened(octets).mail_class is MailClass.PERSON
    assert opened((header() + TEXT).replace(*own_id)).mail_class is MailClass.PERSON
