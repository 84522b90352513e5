"""No step reads a whole table that grows: asked of the databases themselves, for every statement of every step."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from mailbot.core.decision import Decision, Entry, Event, Folder, Intent, Occasion
from mailbot.core.mail import Bounce, Delivery, MailClass, Refused, Sent, TryLater
from mailbot.core.postings import Report, Reported
from mailbot.core.records import Cause, HeldState, Part, PartEvent, PartStage
from mailbot.core.tags import Tag, Word
from mailbot.store import schema
from mailbot.store.engine import writing
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory, Original
from mailbot.store.outbox import Outbox
from tests.store.samples import NOW, digest, exchange, held_mail, intent, network, opened, outgoing, question, relay_of

Statement = tuple[str, Any]
FEW_ROWS = {"suspensions", "alembic_version", "CONSTANT"}


@contextmanager
def overheard(engine: Engine) -> Iterator[list[Statement]]:
    """Every statement that reads or changes rows."""
    statements: list[Statement] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if re.match(r"SELECT (?!pg_)|UPDATE|DELETE", statement):
            statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", hear)
    yield statements
    event.remove(engine, "before_cursor_execute", hear)


def one_of_each(memory: Memory, outbox: Outbox, journal: Journal) -> None:
    """Every step of a day."""
    receive(memory)
    pass_time(memory)
    send(outbox)
    journal.head()
    list(journal.rows())
    memory.counts(NOW)
    memory.latest_exchanges()
    memory.latest_exchanges(open_only=True)
    outbox.depth()
    outbox.postings("2026-0001")
    follow_up(memory)


def receive(memory: Memory) -> None:
    memory.folder_of(digest("mail"))
    memory.count_try(digest("mail"), NOW)
    reference = memory.fresh_reference(NOW)
    parts = (Part("DE", PartStage.PASSED_ON), Part("IT", PartStage.WAITING, Cause.NO_CERTIFICATE))
    opening = Decision(exchanges=(exchange(reference, parts=parts),), entries=(Entry(Event.OPENED),))
    mails = [outgoing(message_id="<known@hub>", tracking="known"), outgoing(urgent=True), outgoing()]
    memory.record(digest("mail"), opening, mails, NOW, Original(b"sealed"))
    asked = Decision(Folder.HELD, held=held_mail(state=HeldState.ASKED), question=question(), noticed="a@b")
    memory.record(question().digest, asked, [], NOW)
    known = memory.recall(everything_quoted(reference), network())
    assert known.exchange
    assert known.coded
    assert known.threaded
    assert known.addressed
    assert known.question
    changed = known.exchange.with_part(known.exchange.parts[0].move(PartEvent.ANSWER, NOW))
    answer = Decision(exchanges=(changed,), answered=known.question, consumed=("key",), noticed="a@b")
    memory.record(digest("answer"), answer.with_rejudged(question().digest, Decision()), [], NOW)
    assert memory.original(digest("mail"))
    assert memory.held_mail(1)
    memory.held_mails()


def everything_quoted(reference: str) -> Intent:
    """A mail that points to the exchange in every way there is."""
    return intent(
        opened(references=("<known@hub>", "<unknown@hub>"), identity="key"),
        tag=Tag(Word.REPLY, reference=reference),
        codes=(exchange(reference).reply_code, "R-AAAAA-AAAAA"),
        words=(question().word, "AAAA-AAAA-AAAA"),
        returned_to="known",
        speaker=relay_of("FR"),
    )


def pass_time(memory: Memory) -> None:
    late = NOW + timedelta(days=9)
    memory.as_suspended(network())
    memory.half_passed(late, 1)
    memory.deadline_passed(late, 2)
    memory.waiting()
    memory.open_since(NOW)
    memory.undone([Occasion("overview FR", "2026-11-24")])
    memory.journal_head()


def send(outbox: Outbox) -> None:
    outcomes: list[Delivery] = [Sent(), TryLater("4.7.1"), Refused("5.1.1")]
    for queued, delivery in zip(outbox.claim(NOW, limit=3), outcomes, strict=True):
        assert outbox.renew(queued, NOW)
        outbox.settle((queued, delivery, NOW))
    outbox.next_due()


def follow_up(memory: Memory) -> None:
    memory.failed()
    memory.delayed(NOW + timedelta(days=9), network().terms)
    first, *_, last = (posting.id for posting in memory.postings("2026-0001"))
    report = Reported(first, Report.UNDELIVERABLE, "5.1.1")
    memory.record(None, Decision(reports=(report,), followed_up=(first,), warned=(last,)), [], NOW)
    bounce = Bounce((), "<known@hub>", "unknown")
    assert memory.recall(intent(replace(opened(), mail_class=MailClass.BOUNCE, bounce=bounce)), network()).returned


def plan(engine: Engine, statement: Statement, *, freely: bool = False) -> str:
    """The steps by which the database would carry the statement out, one a line; `freely`: as it really would now."""
    words, parameters = statement
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            return "\n".join(
                row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", parameters)
            )
        # Else it reads a small table whole, and rightly so. A condition on the second column of an index alone looks
        # like a search here; SQLite shows it as the scan that it is.
        connection.exec_driver_sql(f"SET enable_seqscan = {'on' if freely else 'off'}")
        connection.exec_driver_sql(f"SET enable_bitmapscan = {'on' if freely else 'off'}")
        return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {words}", parameters))


# A table read from end to end, or an index of it where nothing says which part.
WHOLE = {
    "sqlite": r"^SCAN (?P<table>\w+)(?: USING (?:COVERING )?INDEX (?P<index>\w+))?",
    "postgresql": r"(?:Seq Scan|Index (?:Only )?Scan using (?P<index>\w+)) on (?P<table>\w+)[^\n]*+(?!\n *Index Cond)",
}
OF_THE_PRESENT = re.compile(r"ix_(outbox_(turn|lane|due|oldest|un\w+)|exchanges_open|parts_(owing|half|deadline))")


def read_whole(engine: Engine, statement: Statement) -> set[str]:
    """Tables of all time that are read without a bound: no LIMIT on an index, and no index of the present alone."""
    found = set()
    for scan in re.finditer(WHOLE[engine.dialect.name], plan(engine, statement), re.MULTILINE):
        in_order = scan["index"] or scan["table"] == "journal"  # SQLite's tables are in the order of their numbers
        if not OF_THE_PRESENT.match(scan["index"] or "") and not (in_order and "LIMIT" in statement[0]):
            found.add(scan["table"])
    return found - FEW_ROWS


def test_no_step_reads_a_growing_table_whole(engine: Engine, memory: Memory, outbox: Outbox) -> None:
    with overheard(engine) as statements:
        one_of_each(memory, outbox, Journal(engine))
    assert len({words for words, _ in statements}) > 40
    whole = {statement[0]: tables for statement in statements if (tables := read_whole(engine, statement))}
    assert whole == {}


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("SELECT * FROM outbox WHERE recipient = 'a'", "outbox"),
        ("SELECT count(*) FROM exchanges", "exchanges"),
        ("SELECT event FROM journal", "journal"),
        ("UPDATE parts SET reminders = 0 WHERE cause = 'suspended'", "parts"),
    ],
)
def test_a_step_that_did_would_be_noticed(engine: Engine, statement: str, table: str) -> None:
    assert read_whole(engine, (statement, ())) == {table}


def test_statistics_of_a_quiet_hour_do_not_make_a_busy_one_slow(engine: Engine, memory: Memory, outbox: Outbox) -> None:
    """PostgreSQL, told that nothing waits, would read the whole queue to find one mail of it by its number."""
    memory.record(None, Decision(), [outgoing() for _ in range(2000)], NOW)
    with writing(engine) as connection:
        connection.execute(schema.outbox.update().values(state="sent", settled_at=NOW))
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    memory.record(None, Decision(), [outgoing() for _ in range(1000)], NOW)
    with overheard(engine) as statements:
        send(outbox)
    for statement in statements:
        if re.match(r"UPDATE outbox|SELECT .* outbox\.id = ", statement[0], re.DOTALL):
            assert re.search(r"pk_outbox|INTEGER PRIMARY KEY", plan(engine, statement, freely=True)), statement[0]
