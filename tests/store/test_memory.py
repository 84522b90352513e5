"""Recall gives what one mail needs; record does everything or nothing."""

import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select

from mailbot.core import tags
from mailbot.core.decision import Decision, Entry, Event, Folder
from mailbot.core.records import Cause, HeldMail, HeldState, Part, PartStage, Reason, Stage
from mailbot.core.tags import Options, Tag, Urgency, Word
from mailbot.store import schema
from mailbot.store.engine import Clash, reading, writing
from mailbot.store.holding import word_hash
from mailbot.store.journal import Journal
from mailbot.store.memory import Counts, Memory, Original, Recorded
from mailbot.store.outbox import Outbox
from tests.store.samples import (
    NOW,
    SECRET,
    digest,
    exchange,
    held_mail,
    intent,
    network,
    opened,
    outgoing,
    question,
    relay_of,
)

LATER = NOW + timedelta(minutes=10)
MAIL = digest("the mail")
ASKED = Decision(
    folder=Folder.HELD,
    entries=(Entry(Event.ASKED, party="FR"),),
    held=held_mail(state=HeldState.ASKED),
    question=question(),
)


def rows(engine: Engine) -> dict[str, int]:
    """How many rows each table has, empty ones left out."""
    with reading(engine) as connection:
        counted = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in schema.metadata.sorted_tables
        }
    return {name: count for name, count in counted.items() if count}


# ---------------------------------------------------------------- one mail


def test_a_mail_is_known_once_it_is_recorded(memory: Memory) -> None:
    assert memory.folder_of(MAIL) is None
    memory.record(MAIL, Decision(folder=Folder.HELD), [], NOW)
    assert memory.folder_of(MAIL) is Folder.HELD
    assert memory.folder_of(digest("another")) is None


def test_a_mail_is_recorded_once(engine: Engine, memory: Memory) -> None:
    memory.record(MAIL, Decision(), [], NOW)
    before = rows(engine)
    with pytest.raises(Clash, match="incoming"):
        memory.record(MAIL, Decision(Folder.HELD, (exchange(),), entries=(Entry(Event.OPENED),)), [outgoing()], NOW)
    assert rows(engine) == before
    assert memory.folder_of(MAIL) is Folder.DONE


def test_tries_are_counted_each_for_its_mail(memory: Memory) -> None:
    assert [memory.count_try(MAIL, NOW) for _ in range(3)] == [1, 2, 3]
    assert memory.count_try(digest("another"), NOW) == 1


def test_tries_are_forgotten_when_the_mail_is_handled(engine: Engine, memory: Memory) -> None:
    memory.count_try(MAIL, NOW)
    memory.count_try(digest("another"), NOW)
    memory.record(MAIL, Decision(), [], NOW)
    assert rows(engine) == {"incoming": 1, "attempts": 1}


def test_what_passing_time_led_to_is_recorded_without_a_mail(engine: Engine, memory: Memory) -> None:
    reminder = Decision(entries=(Entry(Event.REMINDED, "2026-0001", "DE"),))
    for _ in range(2):
        memory.record(None, reminder, [outgoing()], NOW)
    assert rows(engine) == {"journal": 2, "outbox": 2}


# ---------------------------------------------------------------- all or nothing

EVERYTHING = Decision(
    folder=Folder.HELD,
    exchanges=(exchange(),),
    entries=(Entry(Event.OPENED, "2026-0001", "FR"), Entry(Event.HELD)),
    held=held_mail("one", state=HeldState.ASKED),
    question=question("one", word="AAAA-AAAA-AAAA"),
    consumed=("replay-key",),
    noticed="desk@fr.example",
    keep_original=True,
)
ALL_ROWS = {
    "incoming": 1,
    "exchanges": 1,
    "parts": 2,
    "held": 1,
    "questions": 1,
    "replays": 1,
    "notices": 1,
    "originals": 1,
    "outbox": 2,
    "bodies": 1,
    "journal": 2,
}


def test_everything_is_recorded(engine: Engine, memory: Memory) -> None:
    memory.record(MAIL, EVERYTHING, [outgoing(), outgoing()], NOW, Original(b"sealed"))
    assert rows(engine) == ALL_ROWS


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Decision(exchanges=(exchange(),)), EVERYTHING),
        (Decision(exchanges=(exchange("2026-0009", reply_code=exchange().reply_code),)), EVERYTHING),
        (Decision(), replace(EVERYTHING, exchanges=(exchange(version=3),))),
        (Decision(consumed=("replay-key",)), EVERYTHING),
        (Decision(held=held_mail("one")), EVERYTHING),
        (
            Decision(held=held_mail("two"), question=question("two", word="AAAA-AAAA-AAAA")),
            EVERYTHING,
        ),
        (Decision(), replace(EVERYTHING, answered=question("never asked"))),
    ],
    ids=["reference", "reply code", "version", "replay", "held", "word", "answered"],
)
def test_whoever_is_second_at_anything_records_nothing(
    engine: Engine, memory: Memory, first: Decision, second: Decision
) -> None:
    memory.record(digest("first"), first, [], NOW)
    before, head = rows(engine), Journal(engine).head()
    with pytest.raises(Clash):
        memory.record(MAIL, second, [outgoing()], NOW, Original(b"sealed"))
    assert rows(engine) == before
    assert Journal(engine).head() == head
    assert memory.folder_of(MAIL) is None


def test_a_tracking_that_is_taken_undoes_all_of_it(engine: Engine, memory: Memory) -> None:
    memory.record(None, Decision(), [outgoing(tracking="taken")], NOW)
    before = rows(engine)
    with pytest.raises(Clash, match="outbox"):
        memory.record(MAIL, EVERYTHING, [outgoing(), outgoing(tracking="taken")], NOW)
    assert rows(engine) == before


def test_a_fault_of_ours_undoes_all_of_it(engine: Engine, memory: Memory) -> None:
    unwritable = replace(EVERYTHING, question=question("one", tag=Tag(Word.HELP, targets=("DE",))))
    with pytest.raises(ValueError, match="no HELP tag"):
        memory.record(MAIL, unwritable, [outgoing()], NOW)
    assert rows(engine) == {}


def test_the_journal_is_written_in_the_order_of_the_decision(engine: Engine, memory: Memory) -> None:
    memory.record(MAIL, EVERYTHING, [], NOW)
    assert [(row.event, row.reference, row.at) for row in Journal(engine).rows()] == [
        (Event.OPENED, "2026-0001", NOW),
        (Event.HELD, None, NOW),
    ]
    with reading(engine) as connection:
        row = connection.execute(select(schema.incoming)).one()
    assert (row.event, row.reference, row.handled_at) == (Event.OPENED, "2026-0001", NOW)


# ---------------------------------------------------------------- held mail


def test_held_mail_is_numbered_upwards(memory: Memory) -> None:
    for number in (1, 2, 3):
        given = held_mail(str(number), sender=f"{number}@x.example", party=None if number == 2 else "FR")
        assert memory.record(given.digest, Decision(Folder.HELD, held=given), [], NOW) == Recorded(number)
        assert memory.held_mail(number) == replace(given, number=number)
    assert memory.held_mail(4) is None
    assert [mail.label for mail in memory.held_mails()] == ["H-1", "H-2", "H-3"]


def test_a_decision_that_holds_nothing_has_no_number(memory: Memory) -> None:
    assert memory.record(MAIL, Decision(), [], NOW) == Recorded(None)


def test_a_number_is_never_used_again(engine: Engine, memory: Memory) -> None:
    for name in ("one", "two"):
        memory.record(None, Decision(held=held_mail(name)), [], NOW)
    with writing(engine) as connection:
        connection.execute(schema.held.delete())
    assert memory.record(None, Decision(held=held_mail("three")), [], NOW).held_number == 3


def test_the_journal_names_the_held_mail(engine: Engine, memory: Memory) -> None:
    held = Decision(held=held_mail(), entries=(Entry(Event.HELD, facts={"reason": "untagged"}), Entry(Event.ASKED)))
    memory.record(MAIL, held, [], NOW)
    assert [row.facts for row in Journal(engine).rows()] == ['{"held":"H-1","reason":"untagged"}', "{}"]


def test_held_mails_by_state(memory: Memory) -> None:
    for state in HeldState:
        memory.record(None, Decision(held=held_mail(state, state=state)), [], NOW)
    assert [mail.state for mail in memory.held_mails()] == [HeldState.WAITING, HeldState.ASKED]
    assert [mail.state for mail in memory.held_mails([HeldState.DROPPED])] == [HeldState.DROPPED]
    assert len(memory.held_mails(list(HeldState), limit=3)) == 3


@pytest.mark.parametrize("sender", ["", "nul\0@x", "\udce9@x", "x" * 10_000, "'\"; DROP TABLE held; --"])
def test_a_hostile_sender_can_be_held(memory: Memory, sender: str) -> None:
    hostile = held_mail(sender=sender, reason=Reason.UNREADABLE, size=50_000_000)
    memory.record(MAIL, Decision(Folder.HELD, held=hostile), [], NOW)
    (held,) = memory.held_mails()
    assert held.sender == schema.storable(sender)


# ---------------------------------------------------------------- originals


@pytest.mark.parametrize("original", [Original(b"it", came_sealed=True), Original(b"sealed"), Original(b"")])
def test_an_original_comes_back_as_it_came(memory: Memory, original: Original) -> None:
    memory.record(MAIL, Decision(), [], NOW, original)
    assert memory.original(MAIL) == original
    assert memory.original(digest("another")) is None


def test_an_original_of_many_megabytes(memory: Memory) -> None:
    original = Original(bytes(range(256)) * 100_000)
    memory.record(MAIL, Decision(), [], NOW, original)
    assert memory.original(MAIL) == original


def test_an_original_does_not_show_its_octets() -> None:
    assert SECRET.decode() not in repr(Original(SECRET))


def test_a_fault_while_recording_shows_no_octets(memory: Memory) -> None:
    memory.record(MAIL, Decision(), [], NOW)
    with pytest.raises(Clash) as clash:
        memory.record(MAIL, EVERYTHING, [outgoing(tail=SECRET)], NOW, Original(SECRET))
    assert SECRET.decode() not in "".join(traceback.format_exception(clash.value))


# ---------------------------------------------------------------- recalling: exchanges


def test_of_an_empty_memory_nothing_is_recalled(memory: Memory) -> None:
    known = memory.recall(intent(), network())
    assert (known.exchange, known.coded, known.threaded, known.addressed, known.question) == (None, (), (), None, None)
    assert (known.replayed, known.last_notice, known.journal_head) == (False, None, (0, ""))
    assert known.network == network()


@pytest.fixture
def three(memory: Memory) -> Memory:
    """Three exchanges; two mails went out for the second, one for the third, one for none."""
    references = ("2026-0001", "2026-0002", "2026-0003")
    mails = [
        outgoing(message_id="<two@hub>", tracking="two", reference="2026-0002"),
        outgoing(message_id="<two.again@hub>", reference="2026-0002"),
        outgoing(message_id="<three@hub>", tracking="three", reference="2026-0003"),
        outgoing(message_id="<notice@hub>", tracking="notice", reference=None),
    ]
    memory.record(None, Decision(exchanges=tuple(exchange(r) for r in references)), mails, NOW)
    return memory


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        (None, None),
        (Tag(Word.REPLY, reference="2026-0002"), "2026-0002"),
        (Tag(Word.REPLY, reference="2026-0009"), None),
        (Tag(Word.REQUEST, targets=("DE",)), None),
    ],
)
def test_the_exchange_that_the_tag_names(three: Memory, tag: Tag | None, found: str | None) -> None:
    known = three.recall(intent(tag=tag), network())
    assert (known.exchange.reference if known.exchange else None) == found
    if known.exchange:
        assert known.exchange == three.exchange("2026-0002")


def test_the_exchanges_whose_codes_are_quoted(three: Memory) -> None:
    codes = ("R-XXXXX-XXXXX", exchange("2026-0003").reply_code, exchange("2026-0001").reply_code)
    known = three.recall(intent(codes=codes), network())
    assert [one.reference for one in known.coded] == ["2026-0001", "2026-0003"]
    assert known.coded[0].targets == ("DE", "IT")


@pytest.mark.parametrize(
    ("references", "found"),
    [
        (("<two@hub>",), ["2026-0002"]),
        (("<two@hub>", "<two.again@hub>"), ["2026-0002"]),
        (("<three@hub>", "<two@hub>", "<strange@elsewhere>"), ["2026-0002", "2026-0003"]),
        (("<notice@hub>",), []),
        (("<TWO@hub>", "\0", "\ud800", "'"), []),
        ((*(f"<{n}@x>" for n in range(49)), "<two@hub>"), ["2026-0002"]),
        ((*(f"<{n}@x>" for n in range(50)), "<two@hub>"), []),  # a bound on what a hostile header may cost
    ],
)
def test_the_exchanges_that_threading_points_to(three: Memory, references: tuple[str, ...], found: list[str]) -> None:
    for mail in (
        opened(references=references),
        replace(opened(), protected=opened(references=references).outer),
    ):
        known = three.recall(intent(mail), network())
        assert [one.reference for one in known.threaded] == found


@pytest.mark.parametrize(
    ("returned_to", "found"), [("three", "2026-0003"), ("notice", None), ("nonsense", None), (None, None)]
)
def test_the_exchange_that_the_return_path_points_to(three: Memory, returned_to: str | None, found: str | None) -> None:
    known = three.recall(intent(returned_to=returned_to), network())
    assert (known.addressed.reference if known.addressed else None) == found


def test_the_hints_do_not_mix(three: Memory) -> None:
    known = three.recall(
        intent(
            opened(references=("<two@hub>",)),
            tag=Tag(Word.REPLY, reference="2026-0001"),
            codes=(exchange("2026-0002").reply_code,),
            returned_to="three",
        ),
        network(),
    )
    hints = (known.exchange, *known.coded, *known.threaded, known.addressed)
    assert [one.reference if one else None for one in hints] == ["2026-0001", "2026-0002", "2026-0002", "2026-0003"]


# ---------------------------------------------------------------- recalling: whom an exchange reached


@pytest.fixture
def sent(memory: Memory) -> Memory:
    """Two exchanges; the first was written to a desk and its relay, the second to the desk alone."""
    mails = [
        outgoing(recipient="Desk@de.example"),
        outgoing(recipient="Police@de.example"),
        outgoing(recipient="desk@de.example", reference="2026-0002"),
    ]
    memory.record(None, Decision(exchanges=(exchange("2026-0001"), exchange("2026-0002"))), mails, NOW)
    return memory


@pytest.mark.parametrize(
    "hint",
    [
        {"tag": Tag(Word.REPLY, reference="2026-0001")},
        {"codes": (exchange("2026-0001").reply_code,)},
    ],
)
def test_a_relays_reply_recalls_whom_the_exchange_was_written_to(sent: Memory, hint: dict[str, Any]) -> None:
    known = sent.recall(intent(speaker=relay_of("DE"), **hint), network())
    assert known.reached == {("2026-0001", "desk@de.example"), ("2026-0001", "police@de.example")}


def test_an_exchange_reached_nobody_but_those_it_was_written_to(sent: Memory) -> None:
    reply = intent(speaker=relay_of("DE"), tag=Tag(Word.REPLY, reference="2026-0002"))
    assert sent.recall(reply, network()).reached == {("2026-0002", "desk@de.example")}
    assert sent.recall(intent(speaker=relay_of("DE")), network()).reached == frozenset()


# ---------------------------------------------------------------- recalling: questions


@pytest.mark.parametrize(
    "tag",
    [
        Tag(Word.REQUEST, targets=("IT", "XX")),
        Tag(Word.REQUEST, targets=("ALL",), options=Options(Urgency.URGENT, timedelta(minutes=90), "fr", blind=True)),
        Tag(Word.REPLY, reference="2026-0042", origin="FR", targets=("DE",)),
    ],
)
def test_a_question_is_recalled_by_its_word(memory: Memory, tag: Tag) -> None:
    asked = question(tag=tag)
    memory.record(MAIL, replace(ASKED, question=asked), [], NOW)
    known = memory.recall(intent(words=("AAAA-BBBB-CCCC", asked.word)), network())
    assert known.question == asked


@pytest.mark.parametrize(
    ("words", "speaker"),
    [((), "FR"), (("AAAA-BBBB-CCCC",), "FR"), ((question().word,), "DE"), ((question().word,), None)],
)
def test_a_question_is_answered_by_its_word_and_its_party_alone(
    memory: Memory, words: tuple[str, ...], speaker: str | None
) -> None:
    memory.record(MAIL, ASKED, [], NOW)
    assert memory.recall(intent(words=words, speaker=speaker), network()).question is None


def test_of_two_questions_the_newer_counts(memory: Memory) -> None:
    older, newer = question("one"), question("two", word="AAAA-AAAA-AAAA", asked_at=LATER)
    for name, asked in (("one", older), ("two", newer)):
        decision = Decision(Folder.HELD, held=held_mail(name, state=HeldState.ASKED), question=asked)
        memory.record(digest(name), decision, [], NOW)
    assert memory.recall(intent(words=(older.word, newer.word)), network()).question == newer
    assert memory.recall(intent(words=(older.word,)), network()).question == older


def answer(memory: Memory, still: HeldMail | None = None, mail: str = "answer") -> None:
    known = memory.recall(intent(words=(question().word,)), network())
    later = Decision(exchanges=() if still else (exchange(),), held=still, consumed=("of the held mail",))
    confirmed = Decision(answered=known.question, consumed=("of the answer",))
    memory.record(digest(mail), confirmed.with_rejudged(question().digest, later), [], LATER)


def asked(memory: Memory) -> None:
    memory.record(question().digest, ASKED, [], NOW)


def test_an_answered_question_lets_its_mail_go(engine: Engine, memory: Memory) -> None:
    asked(memory)
    assert memory.folder_of(question().digest) is Folder.HELD
    answer(memory)
    held = memory.held_mail(1)
    assert held is not None
    assert (held.state, held.reason) == (HeldState.RELEASED, Reason.TAG_NOT_SIGNED)
    assert memory.folder_of(held.digest) is Folder.DONE
    assert memory.recall(intent(words=(question().word,)), network()).question is None
    assert rows(engine)["replays"] == 2


def test_a_mail_judged_again_may_be_held_on_for_another_reason(engine: Engine, memory: Memory) -> None:
    asked(memory)
    answer(memory, still=held_mail(reason=Reason.STALE))
    held = memory.held_mail(1)
    assert held == replace(held_mail(reason=Reason.STALE), number=1)
    assert memory.folder_of(question().digest) is Folder.HELD
    assert memory.recall(intent(words=(question().word,)), network()).question is None
    assert rows(engine)["held"] == 1


def test_an_answered_question_whose_mail_is_not_judged_again_leaves_it_to_an_operator(memory: Memory) -> None:
    asked(memory)
    memory.record(MAIL, Decision(answered=question()), [], LATER)
    assert [mail.state for mail in memory.held_mails()] == [HeldState.WAITING]


def test_a_question_is_answered_once(engine: Engine, memory: Memory) -> None:
    asked(memory)
    known = memory.recall(intent(words=(question().word,)), network())
    answer(memory)
    before = rows(engine)
    with pytest.raises(Clash, match="question"):
        memory.record(MAIL, Decision(answered=known.question, exchanges=(exchange("2026-0002"),)), [], LATER)
    assert rows(engine) == before


@pytest.mark.parametrize("state", [HeldState.DROPPED, HeldState.WAITING, HeldState.RELEASED])
def test_a_mail_that_no_longer_waits_for_its_answer_stays_as_it_is(
    engine: Engine, memory: Memory, state: HeldState
) -> None:
    asked(memory)
    with writing(engine) as connection:
        connection.execute(schema.held.update().values(state=state))
    assert memory.recall(intent(words=(question().word,)), network()).question is None
    with pytest.raises(Clash, match="held"):
        memory.record(MAIL, Decision(answered=question()), [], LATER)


def test_a_dropped_mail_is_not_judged_again(engine: Engine, memory: Memory) -> None:
    dropped = held_mail(state=HeldState.DROPPED)
    memory.record(dropped.digest, Decision(Folder.DROPPED, held=dropped), [], NOW)
    with pytest.raises(Clash, match="held"):
        memory.record(MAIL, Decision().with_rejudged(dropped.digest, Decision()), [], LATER)


def test_the_word_itself_is_stored_nowhere(engine: Engine, memory: Memory) -> None:
    memory.record(None, ASKED, [], NOW)
    with reading(engine) as connection:
        stored = connection.execute(select(schema.questions)).mappings().one()
    assert stored["word_hash"] == word_hash(question().word)
    assert question().word not in str(dict(stored))
    assert question().word.replace("-", "") not in str(dict(stored))


def test_a_tag_is_stored_as_it_is_written(engine: Engine, memory: Memory) -> None:
    memory.record(None, ASKED, [], NOW)
    with reading(engine) as connection:
        assert connection.execute(select(schema.questions.c.tag)).scalar_one() == tags.write(question().tag)


# ---------------------------------------------------------------- recalling: replays, notices, suspensions, the journal


def test_signed_content_that_was_acted_on_is_known_again(memory: Memory) -> None:
    memory.record(MAIL, Decision(exchanges=(exchange(),), consumed=("key", "another key")), [], NOW)
    assert memory.recall(intent(opened(identity="key")), network()).replayed
    assert memory.recall(intent(opened(identity="another key")), network()).replayed
    assert not memory.recall(intent(opened(identity="third")), network()).replayed
    assert not memory.recall(intent(opened()), network()).replayed
    assert not memory.recall(intent(replace(opened(identity="key"), signatures=())), network()).replayed


def test_the_last_notice_to_an_address(memory: Memory) -> None:
    memory.record(MAIL, Decision(noticed="Desk@FR.example"), [], NOW)
    memory.record(digest("later"), Decision(noticed="desk@fr.example"), [], LATER)
    assert memory.recall(intent(opened(sender="DESK@fr.example")), network()).last_notice == LATER
    assert memory.recall(intent(opened(sender="desk@de.example")), network()).last_notice is None
    assert memory.recall(intent(opened(sender="")), network()).last_notice is None


def test_neither_of_two_from_addresses_escapes_its_notice(memory: Memory) -> None:
    memory.record(MAIL, Decision(noticed="outer@fr.example"), [], NOW)
    outer, inner = opened(sender="outer@fr.example"), opened(sender="inner@fr.example").outer
    assert memory.recall(intent(replace(outer, protected=inner)), network()).last_notice == NOW


def test_suspensions_are_applied_to_the_directory(engine: Engine, memory: Memory) -> None:
    given = network("FR", "DE", "IT")
    with writing(engine) as connection:
        for code in ("DE", "GONE"):
            connection.execute(insert(schema.suspensions).values(party=code, since=NOW, ordered_by="SEC"))
    known = memory.recall(intent(), given)
    assert {code for code, party in known.network.directory.parties.items() if party.suspended} == {"DE"}
    assert known.network == replace(given, directory=known.network.directory)


def test_suspensions_are_applied_for_the_clocks_work_as_well(engine: Engine, memory: Memory) -> None:
    assert memory.as_suspended(network()) == network()
    with writing(engine) as connection:
        connection.execute(insert(schema.suspensions).values(party="DE", since=NOW, ordered_by="SEC"))
    assert memory.as_suspended(network()) == memory.recall(intent(), network()).network != network()


def test_the_journals_head_as_it_stood(engine: Engine, memory: Memory) -> None:
    memory.record(MAIL, EVERYTHING, [], NOW)
    assert memory.recall(intent(), network()).journal_head == Journal(engine).head() != (0, "")


# ---------------------------------------------------------------- counts


def test_counts(memory: Memory) -> None:
    assert memory.counts(NOW) == Counts(0, 0, 0, 0, 0)
    waiting = (Part("DE", PartStage.WAITING, Cause.NO_CERTIFICATE),)
    decisions: list[Callable[[], Decision]] = [
        lambda: Decision(exchanges=(exchange("2026-0001"),)),
        lambda: Decision(exchanges=(exchange("2026-0002", parts=waiting, deadline=NOW + timedelta(days=9)),)),
        lambda: Decision(exchanges=(exchange("2026-0003", stage=Stage.CLOSED),)),
        lambda: Decision(held=held_mail("one")),
        lambda: Decision(held=held_mail("two")),
        lambda: Decision(held=held_mail("three", state=HeldState.ASKED)),
        lambda: Decision(held=held_mail("four", state=HeldState.DROPPED)),
    ]
    for decision in decisions:
        memory.record(None, decision(), [], NOW)
    assert memory.counts(NOW) == Counts(2, 0, 1, 2, 1)
    assert memory.counts(NOW + timedelta(days=1)) == Counts(2, 1, 1, 2, 1)


def test_another_robot_sees_it_all(engine: Engine, memory: Memory) -> None:
    memory.record(MAIL, EVERYTHING, [outgoing(), outgoing()], NOW)
    engine.dispose()  # every connection anew
    assert memory.exchange("2026-0001") is not None
    assert isinstance(memory.held_mail(1), HeldMail)
    assert Outbox(engine).depth().queued == 2
