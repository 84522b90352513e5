"""A ping round, from the order until all of its probes lie in the outbox, each sealed with a challenge of its own."""

from collections.abc import Iterator, Sequence
from time import perf_counter

from mailbot.bench.measures import Measure
from mailbot.bench.network import Party
from mailbot.bench.stage import Play, Stage
from mailbot.config import load
from mailbot.core.rounds.starting import start_round
from mailbot.core.tags import Tag, Word
from mailbot.wiring import Robot
from mailbot.workers.receive import Receiver

_OCTETS = 1024  # of the text that the yardstick seals: a probe is no smaller
_WARM = 1  # rounds that do not count


def forty(stage: Stage, rounds: int) -> Iterator[Measure]:
    """Of 40 parties."""
    yield _round(stage, rounds, 40)


def thousand(stage: Stage, rounds: int) -> Iterator[Measure]:
    """Of 1,000 parties: the same for each of them, if it grows evenly."""
    yield _round(stage, rounds, 1000)


def _round(stage: Stage, rounds: int, count: int) -> Measure:
    parties = stage.network.parties[:count]
    ours, raw = [], []
    with stage.play() as play, Robot(load(play.config)) as robot:
        receiver = robot.receiver()
        for _ in stage.rounds(rounds + _WARM):
            raw.append(_yardstick(play, parties))
            ours.append(_started(robot, receiver, parties))
            raw.append(_yardstick(play, parties))
    return Measure(
        f"ping-{count}",
        f"a ping round of {count:,} parties: ordered, until all probes are in the outbox; for each",
        "ms",
        tuple(1000 * seconds / count for seconds in ours[_WARM:]),
        tuple(1000 * seconds / count for seconds in raw[2 * _WARM :]),
        target=1.2,
        yardstick="one sign+encrypt for each party, one after the other",
    )


def _started(robot: Robot, receiver: Receiver, parties: Sequence[Party]) -> float:
    """Seconds from the order until the transaction is on the disk."""
    order = Tag(Word.PING, targets=tuple(party.code for party in parties))
    began = perf_counter()
    moment, memory = receiver.moment(), robot.memory
    network = memory.as_suspended(robot.network)
    decision = start_round(order, network, moment, "SEC", "", memory.rounds.past()).decision
    memory.record(None, decision, receiver.write(decision, moment), moment.now)
    took = perf_counter() - began
    if len(decision.letters) != len(parties):
        raise RuntimeError("not everybody was asked")
    return took


def _yardstick(play: Play, parties: Sequence[Party]) -> float:
    home, robot, text = play.network.yardstick, play.network.robot, play.network.entity("[PING]", _OCTETS)
    began = perf_counter()
    for party in parties:
        home.seal(text, robot, [party.fingerprint])
    return perf_counter() - began
