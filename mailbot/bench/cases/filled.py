"""A database with years in it: each step of a mail's way beside the same step in an empty one."""

from collections.abc import Iterator
from contextlib import ExitStack
from time import perf_counter

from mailbot.bench.filling import fill
from mailbot.bench.inside import opened
from mailbot.bench.measures import Measure
from mailbot.bench.spans import Spans
from mailbot.bench.stage import Play, Stage
from mailbot.config import load
from mailbot.store.journal import Journal
from mailbot.wiring import Robot

_WARM = 2  # rounds that do not count
_STEPS = {
    "count_tries": "to count a try",
    "fresh_reference": "to find the next reference",
    "recall": "to recall what a mail needs",
    "record": "to record a decision",
    "claim": "to claim what is due",
    "settle": "to settle what was sent",
    "file_away": "to file a mail",
    "tick": "a round of the clock",
    "start": "to open the robot",
}


def steps(stage: Stage, rounds: int) -> Iterator[Measure]:
    """A million journal rows and 100,000 exchanges, unless the stage says otherwise."""
    with ExitStack() as closing:
        spans = closing.enter_context(Spans().watching())
        empty, filled = (closing.enter_context(stage.play()) for _ in range(2))
        _fill(filled, stage)
        took: dict[str, tuple[list[float], list[float]]] = {step: ([], []) for step in _STEPS}
        for play, which in ((empty, 1), (filled, 0)):
            for _ in range(rounds):
                began = perf_counter()
                with opened(play):
                    took["start"][which].append(perf_counter() - began)
        begun = [closing.enter_context(opened(play)) for play in (filled, empty)]
        for number in stage.rounds(rounds + _WARM):
            for which, robot in enumerate(begun):
                calls = {span.call: span.end - span.begin for span in reversed(robot.round(spans))}  # the first of each
                for step, seconds in (calls | {"tick": robot.ticked()}).items():
                    if number >= _WARM and step in took:
                        took[step][which].append(seconds)
    size = f"{stage.journal_rows:,} journal rows, {stage.exchanges:,} exchanges"
    for step, what in _STEPS.items():
        ours, raw = (tuple(1000 * seconds for seconds in found) for found in took[step])
        yield Measure(f"filled-{step.replace('_', '-')}", f"{what}: {size}", "ms", ours, raw, 1.3, "an empty database")


def _fill(play: Play, stage: Stage) -> None:
    with Robot(load(play.config)) as robot:  # makes the database
        fill(robot.engine, stage.exchanges, stage.journal_rows, [party.code for party in stage.network.parties])
        if Journal(robot.engine).verify_end(100).findings:
            raise RuntimeError("the made-up journal does not hold")
