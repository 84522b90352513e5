"""What commands leave behind: suspensions, their own order, settled mail and where it goes; on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from mailbot.core.decision import Decision, Folder, Ordered
from mailbot.core.records import HeldState, Reason, Suspension
from mailbot.core.sight import Slice, Wanted
from mailbot.store import schema
from mailbot.store.contacts import MAILBOX, last_contacts, note_contact
from mailbot.store.engine import Clash, reading
from mailbot.store.memory import Memory
from mailbot.store.moves import Move, Moves, by_folder
from tests.store.samples import NOW, exchange, held_mail, intent, network, question

LATER = NOW + timedelta(seconds=1)
FRANCE = Suspension("FR", NOW, "SEC")


def seen(memory: Memory, *slices: Slice, **wanted: object) -> object:
    sight = memory.see(Wanted(frozenset(slices), **wanted), NOW)  # type: ignore[arg-type]
    return getattr(sight, slices[0].value) if slices else sight


def do(memory: Memory, decision: Decision) -> None:
    memory.record(None, decision, [], NOW)


# ---------------------------------------------------------------- suspensions


def test_a_suspension_lasts_until_it_is_ended(memory: Memory) -> None:
    do(memory, Decision(suspended=(FRANCE,)))
    assert seen(memory, Slice.SUSPENSIONS) == {"FR": FRANCE}
    known = memory.recall(intent(), network())
    assert known.network.directory.parties["FR"].suspended
    do(memory, Decision(resumed=("FR",)))
    assert seen(memory, Slice.SUSPENSIONS) == {}


def test_of_two_who_suspend_or_resume_one_stands_back(memory: Memory) -> None:
    do(memory, Decision(suspended=(FRANCE,)))
    with pytest.raises(Clash):
        do(memory, Decision(suspended=(FRANCE,)))
    do(memory, Decision(resumed=("FR",)))
    with pytest.raises(Clash):
        do(memory, Decision(resumed=("FR",)))


def test_ended_and_begun_anew_in_one_breath(memory: Memory) -> None:
    do(memory, Decision(suspended=(FRANCE,)))
    anew = Suspension("FR", LATER, "operator")
    do(memory, Decision(suspended=(anew,), resumed=("FR",)))
    assert seen(memory, Slice.SUSPENSIONS) == {"FR": anew}


# ---------------------------------------------------------------- the order of commands


def test_the_latest_signature_of_each_object_is_remembered(memory: Memory) -> None:
    do(memory, Decision(ordered=(Ordered("held H-1", NOW), Ordered("suspension FR", LATER))))
    do(memory, Decision(ordered=(Ordered("held H-1", LATER),)))
    sight = memory.see(Wanted(objects=frozenset({"held H-1", "held H-2"})), NOW)
    assert sight.ordered == {"held H-1": LATER}


@pytest.mark.parametrize("signed_at", [NOW, LATER])
def test_an_earlier_signature_clashes_with_the_one_that_was_faster(memory: Memory, signed_at: object) -> None:
    do(memory, Decision(ordered=(Ordered("held H-1", LATER),)))
    with pytest.raises(Clash):
        do(memory, Decision(ordered=(Ordered("held H-1", signed_at),)))  # type: ignore[arg-type]


# ---------------------------------------------------------------- held mail


def hold(memory: Memory, name: str = "held", **changed: object) -> str:
    mail = held_mail(name, **changed)
    memory.record(mail.digest, Decision(Folder.HELD, held=mail), [], NOW)
    return mail.digest


def test_a_released_mail_belongs_to_done_and_a_dropped_one_to_dropped(engine: Engine, memory: Memory) -> None:
    released, dropped = hold(memory, "one", size=11), hold(memory, "two", size=22)
    do(memory, Decision(dropped=(dropped,)).with_rejudged(released, Decision()))
    assert memory.held_mails() == ()
    assert (memory.folder_of(released), memory.folder_of(dropped)) == (Folder.DONE, Folder.DROPPED)
    wishes = Moves(engine).wanted()
    assert set(wishes) == {Move(released, 11, Folder.DONE), Move(dropped, 22, Folder.DROPPED)}
    assert by_folder(wishes) == {Folder.DONE: {released: 11}, Folder.DROPPED: {dropped: 22}}


def test_a_wish_is_forgotten_once_it_is_fulfilled(engine: Engine, memory: Memory) -> None:
    dropped = hold(memory)
    do(memory, Decision(dropped=(dropped,)))
    Moves(engine).done([dropped])
    assert Moves(engine).wanted() == ()


def test_what_is_settled_cannot_be_dropped(memory: Memory) -> None:
    digest_ = hold(memory, state=HeldState.RELEASED)
    with pytest.raises(Clash):
        do(memory, Decision(dropped=(digest_,)))


def test_a_mail_that_stays_held_is_held_for_what_holds_it_now(engine: Engine, memory: Memory) -> None:
    digest_ = hold(memory)
    still = held_mail(reason=Reason.STALE)
    do(memory, Decision().with_rejudged(digest_, Decision(held=still)))
    (held,) = memory.held_mails()
    assert (held.reason, held.state) == (Reason.STALE, HeldState.WAITING)
    assert Moves(engine).wanted() == ()


def test_a_question_that_is_asked_anew_can_be_answered(memory: Memory) -> None:
    digest_ = hold(memory)
    asked = Decision(held=held_mail(state=HeldState.ASKED), question=question())
    do(memory, Decision().with_rejudged(digest_, asked))
    assert memory.recall(intent(words=(question().word,)), network()).question == question()


def test_several_are_judged_again_in_one_mail(memory: Memory) -> None:
    first, second = hold(memory, "one"), hold(memory, "two")
    do(memory, Decision().with_rejudged(first, Decision()).with_rejudged(second, Decision()))
    assert memory.held_mails() == ()


# ---------------------------------------------------------------- what is seen


def test_only_what_is_wanted_is_looked_up(memory: Memory) -> None:
    hold(memory, "one")
    do(memory, Decision(exchanges=(exchange(),)))
    nothing = memory.see(Wanted(), NOW)
    assert (nothing.held, nothing.waiting, nothing.exchanges, nothing.situation) == ({}, (), {}, None)
    assert [m.label for m in seen(memory, Slice.WAITING)] == ["H-1"]  # type: ignore[attr-defined]
    held = seen(memory, Slice.HELD, held=frozenset({1, 9}))
    assert list(held) == [1]  # type: ignore[call-overload]
    found = seen(memory, Slice.EXCHANGES, references=frozenset({"2026-0001", "2026-0099"}))
    assert list(found) == ["2026-0001"]  # type: ignore[call-overload]


def test_a_party_takes_part_in_what_it_asked_and_what_it_was_asked(memory: Memory) -> None:
    made = (exchange("2026-0001"), exchange("2026-0002", "ES", asker="IT"), exchange("2026-0003", "ES"))
    closed = exchange("2026-0004").close(NOW)
    do(memory, Decision(exchanges=(*made, closed)))

    def own(code: str) -> set[str]:
        return {e.reference for e in seen(memory, Slice.OWN, code=code)}  # type: ignore[attr-defined]

    assert own("FR") == {"2026-0001", "2026-0003"}
    assert own("IT") == {"2026-0001", "2026-0002"}
    assert own("EU") == set()


# ---------------------------------------------------------------- contacts


def test_the_last_contact_is_remembered(engine: Engine) -> None:
    for at in (NOW, LATER):
        note_contact(engine, MAILBOX, at)
    assert last_contacts(engine) == {MAILBOX: LATER}


def test_nothing_of_a_command_but_codes_and_names_is_stored(engine: Engine, memory: Memory) -> None:
    do(memory, Decision(suspended=(FRANCE,), ordered=(Ordered("suspension FR", NOW),)))
    with reading(engine) as connection:
        assert connection.execute(select(schema.suspensions)).mappings().one() == {
            "party": "FR",
            "since": NOW,
            "ordered_by": "SEC",
        }
