"""The demo's own judgement: it finds nothing amiss in a good play, and everything that is amiss in a bad one."""

import io
import json
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace

import pytest
from rich.console import Console

from mailbot.core.records import PartEvent
from mailbot.playground.demo import Steps, look, perform
from mailbot.playground.facts import Outcome, Received, amiss, as_json
from mailbot.playground.keys import Verdict
from mailbot.playground.script import SCENES
from mailbot.playground.showing import show
from mailbot.playground.stage import robot_at_work, set_up


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    """Of a real play."""
    steps = Steps(Console(file=io.StringIO()))
    with set_up() as stage, robot_at_work(stage.config) as robot:
        assert perform(stage, robot, steps) == []
        yield look(stage, robot, steps)


def test_a_good_play(outcome: Outcome) -> None:
    assert amiss(outcome, SCENES) == []


def test_every_missing_mail_is_missed(outcome: Outcome) -> None:
    for number, received in enumerate(outcome.received):
        fewer = [*outcome.received[:number], *outcome.received[number + 1 :]]
        [problem] = amiss(replace(outcome, received=fewer), SCENES)
        assert received.reader.address in problem


def _changed(change: Callable[[Received], Received]) -> Callable[[Outcome], Outcome]:
    return lambda outcome: replace(outcome, received=[change(outcome.received[0]), *outcome.received[1:]])


def _with_parties_outside(received: Received) -> Received:
    headers = copy(received.mail.headers)
    del headers["Subject"]
    headers["Subject"] = "[REQUEST#2026-0001 FR>DE]"
    return replace(received, mail=replace(received.mail, headers=headers))


AMISS: dict[str, tuple[Callable[[Outcome], Outcome], str]] = {
    "opens with another key": (_changed(lambda r: replace(r, also_opened_by=("es",))), "opens with the key of es"),
    "does not open": (_changed(lambda r: replace(r, mail=replace(r.mail, decrypts=False))), "does not open"),
    "not signed": (
        _changed(lambda r: replace(r, mail=replace(r.mail, signature=Verdict()))),
        "not signed by the robot",
    ),
    "parties outside": (_changed(_with_parties_outside), "more outside"),
    "not held": (lambda outcome: replace(outcome, held=outcome.held[1:]), "2 mails should be held, and 1 are"),
    "broken chain": (lambda outcome: replace(outcome, journal_sound=False), "chain is broken"),
    "still owed": (lambda outcome: replace(outcome, owed=1), "1 mails are still in the outbox"),
    "no exchange": (lambda outcome: replace(outcome, exchanges=()), "remembers: nothing"),
}


@pytest.mark.parametrize("name", AMISS)
def test_what_is_amiss_is_told(name: str, outcome: Outcome) -> None:
    spoil, expected = AMISS[name]
    [problem] = amiss(spoil(outcome), SCENES)
    assert expected in problem


def test_a_wrong_stage_is_told(outcome: Outcome) -> None:
    [exchange] = outcome.exchanges
    part = exchange.part("IT")
    assert part
    moved = exchange.with_part(part.move(PartEvent.ANSWER, exchange.opened_at))
    [problem] = amiss(replace(outcome, exchanges=[moved]), SCENES)
    assert "IT answered" in problem


def test_the_facts_are_json(outcome: Outcome) -> None:
    facts = json.loads(json.dumps(as_json(outcome, ["a problem"])))
    assert (facts["ok"], facts["problems"]) == (False, ["a problem"])
    assert len(facts["mails"]) == len(outcome.received)
    assert all(isinstance(seconds, float) for seconds in facts["seconds"].values())


def test_the_outcome_is_shown_with_every_subject(outcome: Outcome) -> None:
    said = io.StringIO()
    show(outcome, Console(file=said, width=200))
    for received in outcome.received:
        assert received.mail.subject in said.getvalue()
        assert received.mail.outer_subject in said.getvalue()
    assert "\x1b" not in said.getvalue(), "plain when it is no terminal"
