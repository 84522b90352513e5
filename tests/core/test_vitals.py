"""What monitoring is told: the verdict, why, and the numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailbot.core.records import HeldMail, HeldState, Reason
from mailbot.core.situation import Situation
from mailbot.core.troubles import Alarm, Ringing
from mailbot.core.vitals import Verdict, vitals

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
CALM = Situation(at=NOW, since=NOW - timedelta(days=1), mailbox_at=NOW - timedelta(seconds=20), open_exchanges=2)
HELD = HeldMail(12, "d", Reason.NOT_SIGNED, HeldState.WAITING, NOW, "a@b.example", None, 1)


def ringing(alarm: Alarm, **more: datetime) -> Ringing:
    return replace(Ringing(alarm, "", NOW, "", told_at=NOW), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("situation", "rings", "verdict", "said"),
    [
        (CALM, [], Verdict.OK, "OK: 2 open exchanges, 0 mails in the outbox |"),
        (replace(CALM, held=(HELD,)), [], Verdict.WARNING, "WARNING: 1 held |"),
        (CALM, [ringing(Alarm.ROBOT_KEY)], Verdict.WARNING, "WARNING: alarm: robot key |"),
        (CALM, [ringing(Alarm.MAILBOX)], Verdict.CRITICAL, "CRITICAL: alarm: mailbox |"),
        (CALM, [ringing(Alarm.MAILBOX, over_at=NOW)], Verdict.OK, "OK: "),
        (replace(CALM, mailbox_at=None), [], Verdict.CRITICAL, "CRITICAL: the mailbox was never reached |"),
        (
            replace(CALM, mailbox_at=NOW - timedelta(minutes=7)),
            [],
            Verdict.CRITICAL,
            "CRITICAL: the mailbox was last reached 7 minutes ago |",
        ),
    ],
)
def test_the_verdict(situation: Situation, rings: list[Ringing], verdict: Verdict, said: str) -> None:
    found = vitals(situation, rings)
    assert found.verdict is verdict
    assert found.line.startswith(said)


def test_the_numbers() -> None:
    numbers = {sign.name: sign.value for sign in vitals(replace(CALM, journal_broken=7), []).signs}
    assert numbers["mailbox_age_seconds"] == 20
    assert numbers["sent_age_seconds"] == -1
    assert (numbers["exchanges_open"], numbers["journal_sound"], numbers["clock_believed"]) == (2, 0, 1)
