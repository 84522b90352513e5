"""Delivery reports: what the standard form says of each recipient, and what flufl.bounce makes of the others."""

import logging
import time

import pytest

from mailbot.core.mail import Bounce, BouncedRecipient
from mailbot.mail.bounces import first_text, guess_bounce, original_message_id, read_bounce
from mailbot.mail.limits import Limits
from mailbot.mail.mime import Part, read_tree
from mailbot.mail.notices import read_notice
from tests.mail.mails import header, multipart, part

LIMITS = Limits()
NOTICE = part("text/plain", "I'm sorry to have to inform you …\r\n")
RETURNED = part("message/rfc822", "Message-ID: <probe.1@ids.network.example>\r\nSubject: [PING]\r\n\r\nbody\r\n")


def tree(entity: bytes, *fields: str) -> Part:
    return read_tree(header(*fields, sender="MAILER-DAEMON@mx.example") + entity, LIMITS)


def report(status: str, *others: bytes) -> Part:
    parts = (NOTICE, part("message/delivery-status", status), *others)
    return tree(multipart("report", *parts, fields="; report-type=delivery-status"))


def guess(root: Part) -> Bounce | None:
    return guess_bounce(root, read_notice(first_text(root, LIMITS)), LIMITS)


def recipients(status: str) -> tuple[BouncedRecipient, ...]:
    bounce = read_bounce(report(status), LIMITS)
    return bounce.recipients if bounce else ()


POSTFIX = """Reporting-MTA: dns; mx.example
X-Postfix-Queue-ID: 4F2B1
Original-Envelope-Id: tracking-7
Arrival-Date: Mon, 20 Jul 2026 10:00:00 +0200

Final-Recipient: rfc822; desk@de.example
Original-Recipient: rfc822;Desk@DE.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.de.example
Diagnostic-Code: smtp; 550 5.1.1 <desk@de.example>:
    Recipient address rejected

Final-Recipient: rfc822; backup@de.example
Action: delayed
Status: 4.4.1
"""


def test_a_report_of_postfix() -> None:
    assert read_bounce(report(POSTFIX, RETURNED), LIMITS) == Bounce(
        recipients=(
            BouncedRecipient(
                address="Desk@de.example",
                action="failed",
                status="5.1.1",
                permanent=True,
                diagnostic="smtp; 550 5.1.1 <desk@de.example>: Recipient address rejected",
            ),
            BouncedRecipient("backup@de.example", "delayed", "4.4.1", permanent=False, diagnostic=""),
        ),
        original_message_id="<probe.1@ids.network.example>",
        envelope_id="tracking-7",
    )


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("Final-Recipient: rfc822; a@b.example", "a@b.example"),
        ("Final-Recipient: RFC822;<a@b.example>", "a@b.example"),
        ("Final-Recipient: a@b.example", "a@b.example"),
        ("Final-Recipient: rfc822; SMTP:a@b.example", "a@b.example"),
        ("Final-Recipient: rfc822; a@b.example (expanded from <c@d.example>)", "a@b.example"),
        ("Final-Recipient: utf-8; büro@b.example", "büro@b.example"),
        ("Final-Recipient: x400; /g=a/s=b/", ""),
        ("Final-Recipient: rfc822; nonsense", ""),
    ],
)
def test_recipients_as_they_are_written(field: str, address: str) -> None:
    found = recipients(f"Reporting-MTA: dns; x\n\n{field}\nAction: failed\nStatus: 5.0.0\n")
    assert [r.address for r in found] == [address]


@pytest.mark.parametrize(
    ("fields", "action", "status", "permanent"),
    [
        ("Action: failed\nStatus: 5.2.2 (mailbox full)", "failed", "5.2.2", True),
        ("Action: FAILED (fatal)\nStatus: 5.2.2", "failed", "5.2.2", True),
        ("Action: failed\nStatus: 4.4.7", "failed", "4.4.7", False),  # RFC 3463 §2: may succeed later
        ("Action: failed\nDiagnostic-Code: smtp; 550-5.7.1 no", "failed", "5.7.1", True),
        ("Action: failed\nStatus: junk", "failed", "", True),
        ("Action: delayed\nStatus: 4.0.0", "delayed", "4.0.0", False),
        ("Action: delivered\nStatus: 2.1.5", "delivered", "2.1.5", False),
        ("Status: 5.1.1", "failed", "5.1.1", True),
        ("Status: 4.1.1", "delayed", "4.1.1", False),
    ],
)
def test_what_became_of_them(fields: str, action: str, status: str, permanent: bool) -> None:
    (found,) = recipients(f"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b.example\n{fields}\n")
    assert (found.action, found.status, found.permanent) == (action, status, permanent)


def test_groups_in_disorder() -> None:
    without_first = (
        "Final-Recipient: rfc822; a@b.example\nAction: failed\n\n\n \nFinal-Recipient: rfc822; c@d.example\n"
    )
    assert [r.address for r in recipients(without_first)] == ["a@b.example", "c@d.example"]
    assert recipients("Reporting-MTA: dns; x\n") == ()
    assert recipients("") == ()


def test_diagnostics_are_bounded_and_harmless() -> None:
    (found,) = recipients(
        f"X: y\n\nFinal-Recipient: rfc822; a@b.example\nDiagnostic-Code: smtp; a\x00b\x1b[31m {'c' * 5_000}\n"
    )
    assert found.diagnostic.isprintable()
    assert len(found.diagnostic) <= 500


def test_thousands_of_recipients_are_cut() -> None:
    many = "".join(f"\nFinal-Recipient: rfc822; a{n}@b.example\nAction: failed\n" for n in range(3_000))
    assert len(recipients("Reporting-MTA: dns; x\n" + many)) == 1_000


# ---------------------------------------------------------------- which mail it is about


@pytest.mark.parametrize(
    "returned",
    [
        RETURNED,
        part("text/rfc822-headers", "Message-ID: <probe.1@ids.network.example>\r\n"),
        part("message/global-headers", "Message-Id: probe.1@ids.network.example\r\n"),
        part("text/plain", "--- Original\r\n\r\n> Subject: x\r\n> Message-ID: <probe.1@ids.network.example>\r\n"),
        part(
            "text/plain",
            "Message-ID: =3Cprobe.1@ids.network.example>\r\n",
            "Content-Transfer-Encoding: quoted-printable",
        ),
    ],
)
def test_the_original_message_id(returned: bytes) -> None:
    assert original_message_id(report("Reporting-MTA: dns; x\n", returned), LIMITS) == "<probe.1@ids.network.example>"


def test_no_original_message_id() -> None:
    assert original_message_id(report("Reporting-MTA: dns; x\n"), LIMITS) is None
    assert original_message_id(tree(part("text/plain", "the Message-ID: <a@b> was")), LIMITS) is None


# ---------------------------------------------------------------- no standard form

EXIM = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. The following address(es) failed:

  desk@de.example
    host mail.de.example: 550 5.1.1 User unknown
"""
QMAIL = (
    "Hi. This is the qmail-send program at mx.example.\n\n<desk@de.example>:\nSorry, no mailbox 5.1.1\n\n--- Below\n"
)
DELAYED = """This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.example.
The address to which the message has not yet been delivered is:

  desk@de.example

No action is required on your part.
"""


def test_flufl_finds_the_failed() -> None:
    assert guess(tree(part("text/plain", QMAIL))) == Bounce(
        (BouncedRecipient("desk@de.example", "failed", "5.1.1", permanent=True, diagnostic="Sorry, no mailbox 5.1.1"),)
    )


def test_flufl_finds_the_delayed() -> None:
    bounce = guess(tree(part("text/plain", DELAYED)))
    assert bounce is not None
    assert [(r.action, r.permanent) for r in bounce.recipients] == [("delayed", False)]


def test_the_field_of_exim() -> None:
    bounce = guess(tree(part("text/plain", EXIM), "X-Failed-Recipients: desk@de.example, b@c.example"))
    assert bounce is not None
    assert [r.address for r in bounce.recipients] == ["desk@de.example", "b@c.example"]


def test_a_letter_is_no_bounce() -> None:
    assert guess(tree(part("text/plain", "Please write to desk@de.example.\r\n"))) is None


# ---------------------------------------------------------------- bounds, secrets

TRIGGERS = ["failed addresses follow:\r\n", "Hi. This is the\r\n\r\n", "not yet been delivered\r\n", ""]
FLOODS = ["a", "<", "@", "a@", " ", "\r\n", "<a@b>", "a@b.example\r\n"]


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize("content_type", ["text/plain", "multipart/report; boundary=b\r\n\r\n--b\r\n"])
def test_hostile_bounces_take_little_time(trigger: str, content_type: str) -> None:
    began = time.monotonic()
    for flood in FLOODS:
        guess(tree(part(content_type, trigger + flood * (300_000 // len(flood)))))
    assert time.monotonic() - began < 8


def test_a_failing_detector_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """flufl.bounce logs what its detectors raise, and an exception's text may quote the mail."""
    octets = b"X-Failed-Recipients: a" + b":\r\n a" * 2_500 + b"\r\n\r\nbody"  # too deep for getaddresses()
    with caplog.at_level(logging.DEBUG):
        assert guess(read_tree(octets, LIMITS)) is None
    assert not caplog.records
