"""25 MiB to everybody: what sealing takes, when everybody's server has it, what it costs in memory and on the disk."""

from collections.abc import Iterator
from contextlib import ExitStack
from time import perf_counter

from mailbot.bench.measures import Measure
from mailbot.bench.network import Network
from mailbot.bench.robot import Running
from mailbot.bench.stage import Play, Stage
from mailbot.bench.witness import said, taken
from mailbot.mail.armour import Sealed
from mailbot.mail.gpg import Gpg

MIB = 1024 * 1024
PAYLOAD = 25 * MIB
_PATIENCE = 300.0  # seconds
_YARDSTICK = "one armoured sign+encrypt of the same 25 MiB"


def everybody(stage: Stage, rounds: int) -> Iterator[Measure]:
    """Four lines of the table from the same rounds."""
    _, *others = stage.network.parties
    sealing, accepted, written, memory, raw, copy = [], [], [], [], [], 1
    with ExitStack() as closing:
        play = closing.enter_context(stage.play())
        with play.robot():
            pass  # the first start makes the database and the keyring
        gpg, entity = _sealer(stage.network), b""
        for number in stage.rounds(rounds):
            entity = stage.network.with_file(f"[REQUEST ALL] Vol AZ {number}", PAYLOAD)
            raw.append(_raw(stage.network, entity))
            sealing.append(_sealing(gpg, entity, stage.network))
            with play.robot() as running:
                _small(play)
                seconds, octets, peak = _passed_on(play, running, entity, len(others))
            accepted.append(seconds)
            written.append(octets)
            memory.append(peak)
            copy = len(gpg.seal(entity, [[others[0].fingerprint]])[0].octets)
    size = len(others)
    title = f"25 MiB to {size}"
    yield Measure("large-seal", f"{title}: sealing", "s", tuple(sealing), tuple(raw), 3.0, _YARDSTICK)
    said_when = f"{title}: from its announcement by IMAP until the sink has all {size}, {size * copy // MIB} MiB"
    yield Measure("large-all", said_when, "s", tuple(accepted), tuple(raw), 10.0, _YARDSTICK)
    disk = tuple(octets / copy for octets in written)
    yield Measure(
        "large-disk", f"{title}: written to disk, in sealed copies of {copy // MIB} MiB", "copies", disk, target=2.0
    )
    more = tuple(octets / PAYLOAD for octets in memory)
    yield Measure("large-memory", f"{title}: the robot's memory at its peak above idle", "payloads", more, target=6.0)


def _raw(network: Network, entity: bytes) -> float:
    began = perf_counter()
    network.yardstick.seal(entity, network.robot, [network.parties[1].fingerprint], armoured=True)
    return perf_counter() - began


def _sealer(network: Network) -> Gpg:
    gpg = Gpg(network.yardstick.path, network.robot)
    gpg.certificates()  # listed once, as by the robot
    return gpg


def _sealing(gpg: Gpg, entity: bytes, network: Network) -> float:
    began = perf_counter()
    copies: list[Sealed] = gpg.seal(entity, [[party.fingerprint] for party in network.parties[1:]])
    seconds = perf_counter() - began
    if len(copies) != len(network.parties) - 1:
        raise RuntimeError("not a copy for each")
    return seconds


def _small(play: Play) -> None:
    """A small mail first: what a running robot has loaded and connected is not the large one's cost."""
    start = play.witness.now
    play.box.put(play.network.request(play.network.parties[0], "REQUEST ALL"))
    play.witness.wait(start, taken(), len(play.network.parties))
    play.witness.wait(start, said("IDLE"))


def _passed_on(play: Play, running: Running, entity: bytes, readers: int) -> tuple[float, int, int]:
    """Seconds, octets written, and octets of memory above idle."""
    asker = play.network.parties[0]
    mail = play.network.mail(asker, play.network.members.seal(entity, asker.fingerprint, [play.network.robot]))
    running.forget_peak()
    start, before = play.witness.now, running.use()
    play.box.put(mail)
    announced = play.witness.wait(start, said("EXISTS"), seconds=_PATIENCE).at
    accepted = play.witness.wait(start, lambda seen: seen.size > MIB, readers, seconds=_PATIENCE).at
    play.witness.wait(start, said("IDLE"), seconds=_PATIENCE)
    after = running.use()
    return accepted - announced, after.written - before.written, after.peak - before.peak
