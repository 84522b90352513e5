"""What digest and report are made from, as the database has it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text

from mailbot.core.decision import Decision, Entry, Event, Folder, Occasion
from mailbot.core.digest import NAME
from mailbot.core.mail import OutgoingMail, Refused, Sent
from mailbot.core.postings import Report, Reported
from mailbot.core.records import Cause, HeldState, Part, PartStage, Stage
from mailbot.core.report import Period
from mailbot.core.retention import Retention
from mailbot.core.roll import call
from mailbot.core.rounds.records import Round, RoundStage
from mailbot.core.situation import Situation
from mailbot.core.tags import Urgency, Word
from mailbot.store.engine import Clash, writing
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory, Original
from mailbot.store.outbox import Outbox
from tests.core.test_reach import probe, round_of
from tests.store.samples import NOW, digest, exchange, held_mail, outgoing

HOUR = timedelta(hours=1)
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
PARIS = ZoneInfo("Europe/Paris")


def record(memory: Memory, decision: Decision, *mails: OutgoingMail, at: timedelta = timedelta()) -> None:
    memory.record(None, decision, mails, NOW + at)


def situation(memory: Memory, at: timedelta = HOUR) -> Situation:
    return memory.situation(NOW + at)


# ---------------------------------------------------------------- the situation


def test_an_empty_database_has_nothing_to_tell(memory: Memory) -> None:
    found = situation(memory)
    assert (found.exchanges, found.held, found.failures, found.rounds, found.queued) == ((), (), (), (), 0)
    assert (found.oldest, found.sent_at, found.mailbox_at, found.journal_head) == (None, None, None, (0, ""))
    assert (found.journal_broken, found.clock_doubted, found.retried) == (None, False, 0)
    assert found.since == NOW + HOUR - timedelta(days=1)


def test_kept_mail_of_ended_exchanges_is_told_before_it_goes(memory: Memory) -> None:
    """A week before, as by default; a held mail is told by itself."""
    ended = exchange(original=digest("kept")).close(NOW)
    decision = Decision(Folder.DONE, exchanges=(ended,), keep_original=True)
    memory.record(digest("kept"), decision, [], NOW, Original(b"sealed"))
    memory.record(digest("held"), Decision(Folder.HELD, held=held_mail()), [], NOW, Original(b"sealed"))
    day = timedelta(days=1)
    assert [situation(memory, days * day).going for days in (22, 24, 29)] == [0, 1, 1]
    assert situation(memory, 24 * day).going_at == NOW + 30 * day


def test_requests_that_somebody_has_not_answered_come_by_deadline(memory: Memory) -> None:
    answered = (Part("DE", PartStage.ANSWERED, passed_on_at=NOW, answered_at=NOW),)
    waiting = (Part("DE", PartStage.WAITING, Cause.NO_CERTIFICATE),)
    record(memory, Decision(exchanges=(exchange("2026-0001", deadline=NOW + 9 * HOUR),)))
    record(memory, Decision(exchanges=(exchange("2026-0002"),)))
    record(memory, Decision(exchanges=(exchange("2026-0003", parts=answered),)))
    record(memory, Decision(exchanges=(exchange("2026-0004", kind=Word.INFO),)))
    record(memory, Decision(exchanges=(exchange("2026-0005", parts=waiting, deadline=NOW + 8 * HOUR),)))
    record(memory, Decision(exchanges=(exchange("2026-0006").close(NOW),)))
    found = situation(memory)
    assert [e.reference for e in found.exchanges] == ["2026-0002", "2026-0005", "2026-0001"]
    assert found.open_exchanges == 5
    assert [e.reference for e in situation(memory, 5 * HOUR).overdue] == ["2026-0002"]


def test_held_mail_is_that_which_is_held_still(memory: Memory) -> None:
    for name, state in (("a", HeldState.WAITING), ("b", HeldState.ASKED), ("c", HeldState.DROPPED)):
        memory.record(digest(name), Decision(held=held_mail(name, state=state)), [], NOW)
    assert [mail.digest for mail in situation(memory).held] == [digest("a"), digest("b")]


def test_failures_are_told_from_one_digest_to_the_next(memory: Memory, outbox: Outbox) -> None:
    record(memory, Decision(exchanges=(exchange(),)), outgoing(), outgoing(), outgoing())
    refused, bounced, sent = outbox.claim(NOW)
    outbox.settle((refused, Refused("5.1.1", 550), NOW), (bounced, Sent(), NOW), (sent, Sent(), NOW))
    claim = Reported(bounced.id, Report.UNDELIVERABLE, "5.2.2")
    record(memory, Decision(reports=(claim,)), at=HOUR)
    found = situation(memory, 2 * HOUR)
    assert [posting.id for posting in found.failures] == [refused.id, bounced.id]
    assert found.sent_at == NOW
    record(memory, Decision(occasions=(Occasion(NAME, "2026-03-04"),)), at=HOUR / 2)
    later = situation(memory, 2 * HOUR)
    assert (later.since, [posting.id for posting in later.failures]) == (NOW + HOUR / 2, [bounced.id])


def test_what_is_queued_and_since_when(memory: Memory) -> None:
    record(memory, Decision(exchanges=(exchange(),)), outgoing())
    record(memory, Decision(), outgoing(), at=HOUR)
    assert (situation(memory).queued, situation(memory).oldest) == (2, NOW)


def test_mails_that_are_tried_again_are_counted(memory: Memory) -> None:
    memory.count_try(digest("poison"), NOW)
    assert situation(memory).retried == 0, "it may just be at work, as a mail that asks for the digest is"
    memory.count_try(digest("poison"), NOW)
    assert situation(memory).retried == 1


def test_the_rounds_of_thirty_days_and_the_last_one_however_old(memory: Memory) -> None:
    for number, days in ((1, -40), (2, -3)):
        at = NOW + timedelta(days=days)
        record(memory, Decision(rounds=(numbered(number, at),)), at=timedelta(days=days))
    assert [r.number for r in situation(memory).rounds] == [2]
    assert [r.number for r in situation(memory, timedelta(days=99)).rounds] == [2]


def numbered(number: int, at: datetime) -> Round:
    made = round_of(
        replace(probe("FR", 5), round=number, token=f"{number}AAA-AAAA-AAAA", backup_token=f"{number}BBB-BBBB-BBBB"),
        at=at,
    )
    return replace(made, number=number)


def test_a_doubted_clock_and_a_journal_that_was_changed(memory: Memory, engine: Engine) -> None:
    journal = Journal(engine)
    journal.record([Entry(Event.ALIVE), Entry(Event.CLOCK_DOUBTED), Entry(Event.ALIVE)], NOW)
    found = situation(memory)
    assert (found.clock_doubted, found.journal_broken, found.journal_head) == (True, None, journal.head())
    journal.record([Entry(Event.CLOCK_TRUSTED)], NOW)
    assert not situation(memory).clock_doubted
    tamper(engine, "UPDATE journal SET party = 'XX' WHERE number = 2")
    assert situation(memory).journal_broken == 2


def tamper(engine: Engine, statement: str) -> None:
    """As somebody who has the database, and takes its locks off first."""
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
        else:
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            for name in names:
                connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(statement))


def test_the_day_of_a_digest_is_settled_once(memory: Memory) -> None:
    todays = Decision(occasions=(Occasion(NAME, "2026-03-04"),))
    record(memory, todays, outgoing(reference=None))
    with pytest.raises(Clash):
        record(memory, todays, outgoing(reference=None))
    assert situation(memory).queued == 1


def test_kept_mail_that_will_go_is_announced(memory: Memory, outbox: Outbox) -> None:
    ended = exchange(stage=Stage.CLOSED, closed_at=NOW)
    memory.record(ended.original, Decision(exchanges=(ended,)), [], NOW, Original(b"sealed"))
    held = held_mail(held_at=NOW - timedelta(days=85))
    memory.record(held.digest, Decision(held=held), [], NOW - timedelta(days=85), Original(b"sealed"))
    assert situation(memory, timedelta(days=22)).going == 0
    found = situation(memory, timedelta(days=24))
    assert (found.going, found.going_at) == (1, NOW + timedelta(days=30))
    assert memory.situation(NOW, Retention(originals=timedelta(days=5))).going == 1


# ---------------------------------------------------------------- the report


def test_a_report_counts_what_was_opened_in_its_period(memory: Memory) -> None:
    for number, days in ((1, -4), (2, 0), (3, 20), (4, 40)):
        opened = exchange(f"2026-{number:04}", opened_at=NOW + timedelta(days=days))
        record(memory, Decision(exchanges=(opened,)), at=timedelta(days=days))
    found = memory.report(MARCH, PARIS, NOW + timedelta(days=60))
    assert found.tallies.months == {date(2026, 3, 1): (2, 0)}
    assert found.tallies.answers[Urgency.URGENT].asked == 4
    assert memory.report(MARCH, PARIS, NOW + timedelta(days=1)).tallies.requests == 1


def test_a_report_reads_page_after_page(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailbot.store.report._PAGE", 2)
    for number in range(1, 6):
        record(memory, Decision(exchanges=(exchange(f"2026-{number:04}"),)))
    assert memory.report(MARCH, PARIS, NOW + HOUR).tallies.requests == 5


def test_a_round_counts_when_it_is_over(memory: Memory) -> None:
    made = numbered(1, NOW)
    record(memory, Decision(rounds=(replace(made, stage=RoundStage.RUNNING),)))
    assert memory.report(MARCH, PARIS, NOW + HOUR).rounds == ()


def test_an_absence_is_noted_when_it_ends(memory: Memory, engine: Engine) -> None:
    for minutes in (0, 4, 9, 15, 16):
        memory.note_contact(NOW + timedelta(minutes=minutes))
    assert situation(memory).mailbox_at == NOW + timedelta(minutes=16)
    (away,) = memory.report(MARCH, ZoneInfo("UTC"), NOW + HOUR).absences
    assert away == (NOW + timedelta(minutes=9), NOW + timedelta(minutes=15))
    assert [row.event for row in Journal(engine).rows()] == [Event.AWAY]


def test_the_roll_is_remembered(memory: Memory) -> None:
    first = call((), ["FR", "DE"], NOW)
    assert first is not None
    record(memory, first)
    moves = memory.report(MARCH, PARIS, NOW + HOUR).moves
    assert {(move.party, move.joined, move.at) for move in moves} == {
        ("FR", True, NOW.replace(microsecond=0)),
        ("DE", True, NOW.replace(microsecond=0)),
    }
    assert moves[0].at.tzinfo == UTC
    assert call(moves, ["DE", "FR"], NOW) is None
