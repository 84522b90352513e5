"""The tables of moves: every pair of stage and event, allowed or not."""

from datetime import UTC, datetime
from itertools import product

import pytest

from mailbot.core.records import PART_MOVES, ForbiddenMove, Part, PartEvent, PartStage, Stage
from tests.core.cast import NOW, exchange

LATER = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(("stage", "event"), product(PartStage, PartEvent))
def test_a_part_moves_as_the_table_says_or_not_at_all(stage: PartStage, event: PartEvent) -> None:
    part = Part("DE", stage)
    if (stage, event) in PART_MOVES:
        assert part.move(event, NOW).stage is PART_MOVES[stage, event]
    else:
        with pytest.raises(ForbiddenMove):
            part.move(event, NOW)


def test_every_stage_can_be_reached() -> None:
    assert set(PART_MOVES.values()) | {PartStage.WAITING} == set(PartStage)


def test_the_first_answer_keeps_its_time() -> None:
    part = Part("DE", PartStage.PASSED_ON).move(PartEvent.ANSWER, NOW).move(PartEvent.ANSWER, LATER)
    assert part.answered_at == NOW


def test_closing_twice_keeps_the_first_time() -> None:
    closed = exchange().close(NOW).close(LATER)
    assert (closed.stage, closed.closed_at) == (Stage.CLOSED, NOW)
