"""What became of a mail: our own server's word, a report's claim beside it, and status codes in our words."""

from itertools import pairwise

import pytest

from mailbot.core.postings import Hindrance, Report, State, hindrance
from tests.core.posts import posting


@pytest.mark.parametrize(
    ("status", "means"),
    [
        ("5.1.1", Hindrance.ADDRESS),
        ("4.2.2", Hindrance.MAILBOX),
        ("5.3.4", Hindrance.SYSTEM),
        ("4.4.1", Hindrance.NETWORK),
        ("5.5.1", Hindrance.PROTOCOL),
        ("5.6.7", Hindrance.CONTENT),
        ("5.7.26", Hindrance.POLICY),
        ("timeout", Hindrance.NETWORK),
        ("login", Hindrance.NETWORK),
        ("5.0.0", Hindrance.UNKNOWN),
        ("5.9.9", Hindrance.UNKNOWN),
        ("5.1.1 <desk@de.example>: no", Hindrance.UNKNOWN),
        ("", Hindrance.UNKNOWN),
        (None, Hindrance.UNKNOWN),
    ],
)
def test_a_status_in_our_words(status: str | None, means: Hindrance) -> None:
    assert hindrance(status) is means


def test_a_later_report_outweighs_an_earlier_one_only_if_it_says_more() -> None:
    assert all(more.outweighs(less) and not less.outweighs(more) for less, more in pairwise(Report))
    assert all(report.outweighs(None) and not report.outweighs(report) for report in Report)


@pytest.mark.parametrize(
    ("state", "reported", "failed", "standing"),
    [
        (State.QUEUED, None, False, "queued"),
        (State.QUEUED, Report.UNDELIVERABLE, False, "queued"),  # no report cancels a retry
        (State.SENT, None, False, "sent"),
        (State.SENT, Report.DELAYED, False, "sent, reported delayed"),
        (State.SENT, Report.DELIVERED, False, "sent, reported delivered"),
        (State.SENT, Report.UNDELIVERABLE, True, "undeliverable"),
        (State.REFUSED, Report.DELIVERED, True, "refused"),
        (State.EXPIRED, None, True, "expired"),
    ],
)
def test_what_our_own_server_said_comes_first(
    state: State, reported: Report | None, failed: bool, standing: str
) -> None:
    found = posting(state=state, reported=reported)
    assert (found.failed, found.standing) == (failed, standing)
