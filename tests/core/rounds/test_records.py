"""The table of moves of a probe, what counts as reached, and how a probe is called."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from mailbot.core.records import Assurance, ForbiddenMove
from mailbot.core.rounds.records import (
    PROBE_MOVES,
    Answer,
    Copy,
    Obstacle,
    Probe,
    ProbeEvent,
    ProbeStage,
    Standing,
    read_round,
)
from tests.core.cast import NOW
from tests.core.rounds.ring import GIVEN, probe_of

PROBE = probe_of("FR")


def answer(assurance: Assurance, *, challenge: bool = False, minutes: float = 7) -> Answer:
    at = NOW + timedelta(minutes=minutes)
    return Answer(at, assurance, encrypted=challenge, challenge_quoted=challenge, copy=Copy.DESK, sender="x@fr.example")


SIGNED, PLAIN, TOKEN = (answer(a) for a in (Assurance.SIGNED, Assurance.ADDRESS, Assurance.TOKEN))


@pytest.mark.parametrize(("stage", "event"), list(product(ProbeStage, ProbeEvent)))
def test_a_probe_moves_as_the_table_says_or_not_at_all(stage: ProbeStage, event: ProbeEvent) -> None:
    probe = replace(PROBE, stage=stage)
    if (stage, event) in PROBE_MOVES:
        assert probe.move(event).stage is PROBE_MOVES[stage, event]
    else:
        with pytest.raises(ForbiddenMove):
            probe.move(event)


def test_every_stage_can_be_reached() -> None:
    assert set(PROBE_MOVES.values()) | {ProbeStage.PLANNED} == set(ProbeStage)


@pytest.mark.parametrize("assurance", Assurance)
@pytest.mark.parametrize("challenge", [True, False])
@pytest.mark.parametrize("certified", [True, False])
def test_what_counts_as_reached(assurance: Assurance, challenge: bool, certified: bool) -> None:
    """trust.md 9: of who has a certificate only what is signed, or quotes the challenge."""
    probe = replace(PROBE, certified=certified).answered(answer(assurance, challenge=challenge))
    proven = assurance is Assurance.SIGNED or challenge
    counts = proven or (not certified and assurance is not Assurance.NONE)
    assert (probe.stage is ProbeStage.REACHED) is counts
    assert (probe.stage is ProbeStage.UNCONFIRMED) is not counts
    assert (probe.reached_at is not None) is counts


def test_a_surer_answer_upgrades_and_a_weaker_one_changes_nothing() -> None:
    first = PROBE.answered(PLAIN)
    assert (first.standing, first.took) == (Standing.UNCONFIRMED, timedelta(minutes=7))
    surer = first.answered(answer(Assurance.SIGNED, minutes=30))
    assert (surer.standing, surer.took) == (Standing.REACHED, timedelta(minutes=30))
    assert surer.answered_at == first.answered_at
    assert surer.answer and surer.answer.assurance is Assurance.SIGNED
    assert surer.answered(TOKEN) == surer
    assert surer.answered(answer(Assurance.SIGNED, minutes=60)) == surer


def test_the_order_of_answers() -> None:
    rising = [
        answer(Assurance.NONE),
        answer(Assurance.TOKEN),
        answer(Assurance.ADDRESS),
        answer(Assurance.NONE, challenge=True),
        answer(Assurance.ADDRESS, challenge=True),
        answer(Assurance.SIGNED),
        answer(Assurance.SIGNED, challenge=True),
    ]
    assert sorted(rising, key=lambda a: a.rank) == rising
    assert len({a.rank for a in rising}) == len(rising)


def test_late_is_late_whatever_it_proves() -> None:
    late = answer(Assurance.SIGNED, minutes=241)
    assert PROBE.answered(late).standing is Standing.LATE
    assert not PROBE.answered(late).in_time
    assert PROBE.answered(answer(Assurance.ADDRESS, minutes=241)).standing is Standing.LATE
    assert PROBE.answered(PLAIN).answered(late).standing is Standing.LATE
    assert PROBE.answered(SIGNED).answered(late).standing is Standing.REACHED


def test_who_is_asked_later_than_planned_has_no_less_time() -> None:
    planned = replace(PROBE, stage=ProbeStage.PLANNED, sent_at=None)
    sent = planned.sent(NOW + timedelta(minutes=20))
    assert (sent.deadline, sent.took) == (NOW + GIVEN + timedelta(minutes=20), None)


@pytest.mark.parametrize("obstacle", Obstacle)
def test_an_obstacle_is_what_a_probe_is_called(obstacle: Obstacle) -> None:
    hindered = replace(PROBE, stage=ProbeStage.PLANNED).hindered(obstacle)
    assert hindered.standing.value == obstacle.value


def test_every_stage_has_a_standing() -> None:
    def standing(probe: Probe) -> Standing:
        return probe.standing

    stages = [replace(PROBE, stage=stage) for stage in ProbeStage if stage is not ProbeStage.REACHED]
    assert len(set(map(standing, stages))) == len(stages)


@pytest.mark.parametrize(
    ("label", "number"), [("P-12", 12), ("p12", 12), ("12", 12), (" P 12", 12), ("P-0", None), ("x", None), ("", None)]
)
def test_labels(label: str, number: int | None) -> None:
    assert read_round(label) == number
