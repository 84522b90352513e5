"""Little to do: how long a start takes, and what it costs to wait."""

from collections.abc import Iterator
from time import sleep

from mailbot.bench.measures import Measure
from mailbot.bench.robot import Running
from mailbot.bench.stage import START, Play, Stage
from mailbot.bench.witness import said

_REST = 20.0  # seconds
_CALM = 3.0  # seconds after the start
_MIB = 1024 * 1024


def start(stage: Stage, rounds: int) -> Iterator[Measure]:
    """From the operator's command to the robot's first IDLE; the very first start makes keyring and database."""
    took = []
    with stage.play() as play:
        for _ in stage.rounds(rounds + 1):
            begin = play.witness.now
            with Running(play.config) as running:
                idle = play.witness.wait(begin, said("IDLE"), seconds=START).at
                took.append(idle - running.began)
    yield Measure(
        "start", "start to first IDLE", "s", tuple(took[1:]), target=1.5, notes=(f"the first: {took[0]:.2f} s",)
    )


def idle(stage: Stage, rounds: int) -> Iterator[Measure]:
    """What the robot's processes use while nothing happens, gpg's agent included."""
    with stage.play() as play:
        with play.robot():
            pass  # the first start makes the database, and keeps what that needs in its memory
        yield from _resting(stage, play, rounds)


def _resting(stage: Stage, play: Play, rounds: int) -> Iterator[Measure]:
    cpu, wakes, resident = [], [], []
    with play.robot() as running:
        sleep(_CALM)
        for _ in stage.rounds(rounds):
            before = running.use()
            sleep(_REST)
            after = running.use()
            seconds = after.at - before.at
            cpu.append(100 * (after.cpu - before.cpu) / seconds)
            wakes.append((after.wakes - before.wakes) / seconds)
            resident.append(after.resident / _MIB)
    yield Measure("idle-cpu", "idle: of one core", "%", tuple(cpu), target=0.2)
    yield Measure("idle-wakes", "idle: wake-ups of all its threads", "a second", tuple(wakes), target=1.0)
    yield Measure(
        "idle-memory", "idle: resident memory, supervisor and gpg's agent included", "MiB", tuple(resident), target=120
    )
