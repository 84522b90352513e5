"""Many requests that wait in INBOX when the robot starts: drained, recorded, sent and filed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from mailbot.bench.measures import Measure
from mailbot.bench.network import Network
from mailbot.bench.robot import Running
from mailbot.bench.stage import Play, Stage
from mailbot.bench.witness import said, taken

_YARDSTICK = "decrypt+verify, sign+encrypt twice, encrypt to oneself: one after the other, for each mail"
_PATIENCE = 1.0  # seconds for each mail


def hundred(stage: Stage, rounds: int) -> Iterator[Measure]:
    """100 of them, which the first moments of a start weigh upon: no target, for comparison."""
    yield _backlog(stage, rounds, 100, None)


def thousand(stage: Stage, rounds: int) -> Iterator[Measure]:
    """1,000 of them."""
    yield _backlog(stage, rounds, 1000, 1.2)


def _backlog(stage: Stage, rounds: int, count: int, target: float | None) -> Measure:
    ours, raw = [], []
    with stage.play() as play:
        with play.robot():
            pass  # the first start makes the database and the keyring
        for _ in stage.rounds(rounds):
            mails = requests(stage.network, count)
            raw.append(yardstick(play, mails[0], count) / count)
            ours.append(drained(play, mails) / count)
    return Measure(
        f"backlog-{count}",
        f"{count:,} requests in INBOX: drained, recorded, sent and filed; for each mail",
        "ms",
        tuple(1000 * seconds for seconds in ours),
        tuple(1000 * seconds for seconds in raw),
        target=target,
        yardstick=_YARDSTICK,
    )


def requests(network: Network, count: int) -> list[bytes]:
    """From everybody in turn, each to the next."""
    parties = network.parties

    def write(number: int) -> bytes:
        return network.request(parties[number % len(parties)], f"REQUEST {parties[(number + 1) % len(parties)].code}")

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(write, range(count)))


def drained(play: Play, mails: list[bytes]) -> float:
    """Seconds from the robot's first look into INBOX until it idles and everything is accepted."""
    play.box.put_all(mails)
    start = play.witness.now
    patience = 60 + _PATIENCE * len(mails)
    with Running(play.config):
        first = play.witness.wait(start, said("SELECT")).at
        idle = play.witness.wait(start, said("IDLE"), seconds=patience).at
        last = play.witness.wait(start, taken(), 2 * len(mails), seconds=patience).at
    if play.box.left():
        raise RuntimeError("the robot idles, and INBOX is not empty")
    return max(idle, last) - first


def yardstick(play: Play, mail: bytes, count: int) -> float:
    """Seconds of bare gpg for what so many mails call for: the mail, the relayed copy, the receipt, what is kept."""
    network = play.network
    home, robot, (asker, target, *_) = network.yardstick, network.robot, network.parties
    sealed, text = play.sealed(), network.entity("[REQUEST#2026-0001]", 2048)
    began = perf_counter()
    for _ in range(count):
        home.open(sealed)
        home.seal(text, robot, [target.fingerprint])
        home.seal(text, robot, [asker.fingerprint])
        home.seal(mail, None, [robot])
    return perf_counter() - began
