"""A database with years in it: each step of a mail's way beside the same step in an empty one."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter

from mailbot.bench.filling import fill
from mailbot.bench.measures import Measure
from mailbot.bench.spans import Spans
from mailbot.bench.stage import Play, Stage
from mailbot.config import load
from mailbot.store.journal import Journal
from mailbot.wire.imap import Mailbox
from mailbot.wiring import Robot
from mailbot.workers.draining import drain
from mailbot.workers.housekeeping import Housekeeper
from mailbot.workers.receive import Receiver
from mailbot.workers.send import send_due
from mailbot.workers.tick import tick
from mailbot.workers.timekeeping import Timekeeper

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
                with _open(play):
                    took["start"][which].append(perf_counter() - began)
        begun = [closing.enter_context(_open(play)) for play in (filled, empty)]
        for number in range(rounds + _WARM):
            for which, opened in enumerate(begun):
                seen = opened.round(spans)
                for step, seconds in seen.items():
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


@dataclass(frozen=True)
class _Opened:
    play: Play
    robot: Robot
    receiver: Receiver
    mailbox: Mailbox
    timekeeper: Timekeeper
    housekeeper: Housekeeper

    def round(self, spans: Spans) -> Mapping[str, float]:
        """One request, passed on; seconds of each step."""
        asker, target, *_ = self.play.network.parties
        self.play.box.put(self.play.network.request(asker, f"REQUEST {target.code}"))
        spans.clear()
        if drain(self.mailbox, self.receiver, self.robot.watch) != 1:
            raise RuntimeError("the mail was not filed")
        asyncio.run(send_due(self.robot.outbox, self.robot.postmen(), self.robot.clock))
        seen = {span.call: span.end - span.begin for span in reversed(spans.seen)}  # the first of each
        return seen | {"tick": _timed(self._tick)}

    def _tick(self) -> None:
        tick(self.receiver, self.timekeeper, self.housekeeper)


def _timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


@contextmanager
def _open(play: Play) -> Iterator[_Opened]:
    """As `mailbot run` does before it looks into its mailbox."""
    with Robot(load(play.config)) as robot:
        receiver, timekeeper = robot.receiver(), robot.timekeeper()
        timekeeper.believes(robot.clock())
        robot.watch.acquire()
        with robot.mailbox() as mailbox:
            yield _Opened(play, robot, receiver, mailbox, timekeeper, robot.housekeeper())
