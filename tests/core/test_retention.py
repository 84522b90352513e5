"""When a kept mail goes: one row for each thing that it may still be needed for."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mailbot.core.records import HeldState, Part, PartStage, Stage
from mailbot.core.retention import Kept, Retention, entry, loses_its_chance, plan
from mailbot.core.tags import Word
from tests.store.samples import NOW, exchange, held_mail

DAYS = {n: timedelta(days=n) for n in (1, 2, 3, 7, 30, 90, 180)}
RETENTION = Retention(originals=DAYS[30], abandoned=DAYS[180], held=DAYS[90], warning=DAYS[7])
DEADLINE = NOW + timedelta(hours=4)

ANSWERED = Part("DE", PartStage.ANSWERED, answered_at=NOW + DAYS[3])
EXPIRED, WAITING = Part("IT", PartStage.EXPIRED), Part("IT", PartStage.WAITING)
UNDELIVERABLE = Part("IT", PartStage.UNDELIVERABLE)
CLOSED = exchange(stage=Stage.CLOSED, closed_at=NOW + DAYS[2])


@pytest.mark.parametrize(
    ("kept", "goes_at"),
    [
        ({"exchange": CLOSED}, NOW + DAYS[2] + DAYS[30]),
        ({"exchange": CLOSED, "delivered_at": NOW + DAYS[7]}, NOW + DAYS[7] + DAYS[30]),
        ({"exchange": CLOSED, "delivered_at": NOW}, NOW + DAYS[2] + DAYS[30]),
        ({"exchange": CLOSED, "queued": True}, None),
        ({"exchange": replace(CLOSED, parts=(ANSWERED, WAITING))}, None),
        ({"exchange": exchange()}, DEADLINE + DAYS[180] + DAYS[30]),
        ({"exchange": exchange(), "queued": True}, None),
        ({"exchange": exchange(kind=Word.INFO)}, DEADLINE + DAYS[30]),
        ({"exchange": exchange(kind=Word.INFO, parts=(WAITING,))}, None),
        ({"exchange": exchange(parts=(ANSWERED, EXPIRED))}, NOW + DAYS[3] + DAYS[30]),
        ({"exchange": exchange(parts=(EXPIRED,))}, DEADLINE + DAYS[30]),
        ({"exchange": exchange(parts=(ANSWERED, UNDELIVERABLE))}, DEADLINE + DAYS[180] + DAYS[30]),
        ({"held": held_mail()}, NOW + DAYS[90]),
        ({"held": held_mail(state=HeldState.RELEASED), "exchange": CLOSED}, NOW + DAYS[2] + DAYS[30]),
        ({}, NOW + DAYS[90]),
    ],
)
def test_when_a_mail_goes(kept: dict[str, object], goes_at: datetime | None) -> None:
    mail = Kept("d", NOW, 1000, **kept)  # type: ignore[arg-type]
    assert mail.goes_at(RETENTION) == goes_at


def test_what_goes_now_and_what_soon() -> None:
    mails = tuple(Kept(f"{days}", NOW - timedelta(days=days), 1) for days in (0, 82, 83, 84, 90, 91))
    planned = plan(mails, RETENTION, NOW)
    assert [mail.digest for mail in planned.now] == ["91", "90"]
    assert [mail.digest for _, mail in planned.soon] == ["84", "83"]


@pytest.mark.parametrize("state", HeldState)
def test_only_what_is_still_held_loses_its_chance(state: HeldState) -> None:
    still = state in {HeldState.WAITING, HeldState.ASKED}
    assert loses_its_chance(Kept("d", NOW, 1, held=held_mail(state=state))) is still


def test_the_journal_names_the_mail_and_never_more() -> None:
    said = entry(Kept("d", NOW, 1000, held=replace(held_mail(), number=12)), "robot")
    assert said.facts == {"mail": "d", "octets": "1000", "by": "robot", "held": "H-12"}
