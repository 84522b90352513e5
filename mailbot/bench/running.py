"""The whole benchmark: the cases that were asked for, one after the other, on stages that fit them."""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field

from mailbot.bench.cases import CASES
from mailbot.bench.machine import described
from mailbot.bench.measures import Measure
from mailbot.bench.stage import OpenImap, Stage, Tell, ignore, set_up

ROUNDS = 7


@dataclass
class Report:
    """What came of a run."""

    rounds: int
    machine: dict[str, str] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)


def run(
    names: Collection[str],
    rounds: int,
    playground: OpenImap,
    announce: Tell = ignore,
    tell: Tell = ignore,
    show: Callable[[Measure], None] = lambda _: None,
) -> Report:
    """Measure these cases: each is announced, each of its rounds told, and what came of it shown at once.

    Raises NothingSeen if the robot does not do what it should.
    """
    report = Report(rounds)
    with ExitStack() as closing:
        stages: dict[int, Stage] = {}
        for name in names:
            case = CASES[name]
            announce(f"{name}: {case.title}")
            stage = stages.get(case.parties) or closing.enter_context(set_up(case.parties, playground))
            stages[case.parties] = stage
            stage.tell = tell
            for measure in case.measure(stage, rounds):
                report.measures.append(measure)
                show(measure)
            report.machine = described(stage.imap_name, stage.folder)
    return report
