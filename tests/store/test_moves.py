"""Held mail that was released or dropped is to be moved until it was."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from mailbot.core.decision import Decision, Folder
from mailbot.store.engine import Clash
from mailbot.store.memory import Memory
from mailbot.store.moves import Move, Moves, by_folder
from tests.store.samples import NOW, digest, held_mail

LATER = NOW + timedelta(minutes=10)
RELEASED, DROPPED, LEFT = (digest(name) for name in ("released", "dropped", "left"))
RELEASE = Decision().with_rejudged(RELEASED, Decision())


@pytest.fixture
def moves(engine: Engine, memory: Memory) -> Moves:
    """Three mails are held; one was dropped, then one released."""
    for number, name in enumerate(("released", "dropped", "left"), 1):
        memory.record(digest(name), Decision(Folder.HELD, held=held_mail(name, size=number)), [], NOW)
    memory.record(digest("first command"), Decision(dropped=(DROPPED,)), [], LATER)
    memory.record(digest("second command"), RELEASE, [], LATER + timedelta(seconds=1))
    return Moves(engine)


def test_they_are_wanted_oldest_first_with_what_they_are_found_by(moves: Moves) -> None:
    assert moves.wanted() == (Move(DROPPED, 2, Folder.DROPPED), Move(RELEASED, 1, Folder.DONE))
    assert by_folder(moves.wanted()) == {Folder.DROPPED: {DROPPED: 2}, Folder.DONE: {RELEASED: 1}}


def test_one_that_still_lies_in_inbox_goes_there_at_once(moves: Moves, memory: Memory) -> None:
    found = [memory.folder_of(mail) for mail in (RELEASED, DROPPED, LEFT)]
    assert found == [Folder.DONE, Folder.DROPPED, Folder.HELD]


def test_what_was_done_is_wanted_no_more_and_may_be_told_again(moves: Moves) -> None:
    moves.done([DROPPED])
    moves.done([DROPPED, LEFT])
    assert [move.digest for move in moves.wanted()] == [RELEASED]
    moves.done([])
    assert [move.digest for move in moves.wanted()] == [RELEASED]


def test_a_mail_belongs_elsewhere_once(moves: Moves, memory: Memory) -> None:
    for decision in (Decision(dropped=(RELEASED,)), Decision().with_rejudged(DROPPED, Decision())):
        with pytest.raises(Clash):
            memory.record(digest("late command"), decision, [], LATER)
    assert len(moves.wanted()) == 2
