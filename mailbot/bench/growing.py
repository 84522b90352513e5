"""How costs grow: with parties, with waiting mails, with the size of a mail, with robots on PostgreSQL."""

import csv
import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median

from mailbot.bench import postgres
from mailbot.bench.cases.backlog import drained, requests, yardstick
from mailbot.bench.network import Server
from mailbot.bench.robot import Running
from mailbot.bench.stage import OpenImap, Play, Stage, Tell, set_up
from mailbot.bench.witness import said, taken
from mailbot.core.charts import Growth, Panel

PARTIES = (10, 100, 1000)
MAILS = (100, 1000, 10_000)
OCTETS = (2 << 10, 64 << 10, 1 << 20, 10 << 20, 50 << 20)
ROBOTS = (1, 2)
BACKLOG = 1000  # mails, where the number of robots is what varies
_OURS, _RAW = "mailbot", "raw gpg"
_PATIENCE = 600.0  # seconds for one step
_ROOM = {"imap": {"max_mail_mib": 128}}  # 50 MiB of text are 68 MiB when sealed and armoured


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement."""

    panel: str
    size: int
    name: str
    ours: float
    raw: float | None
    cpu: float | None = None  # seconds of all the robots' processes, of the same work as `ours`
    database: float | None = None  # seconds that PostgreSQL's sessions were at work, or waited for each other


def measure(most: int, playground: OpenImap, tell: Tell) -> list[Point]:
    """Sizes up to `most` parties and mails; payloads and robots always."""
    points: list[Point] = []
    for count in (count for count in PARTIES if count <= most):
        tell(f"a request to ALL of {count:,} desks")
        with set_up(count + 1, playground) as stage:
            points.append(_everybody(stage, count))
    with set_up(41, playground) as stage:
        for count in (count for count in MAILS if count <= most):
            tell(f"{count:,} requests in INBOX")
            points.append(backlog(stage, count))
        for octets in OCTETS:
            tell(f"a request of {_size(octets)} to one desk")
            points.append(_payload(stage, octets))
        points.extend(_robots(stage, tell))
    return points


def _everybody(stage: Stage, count: int) -> Point:
    """Announced until the last 250, for each reader."""
    asker, *others = stage.network.parties
    ours, raw = [], []
    with stage.play() as play, play.robot():
        sealed, text = play.sealed(), stage.network.entity("[REQUEST#2026-0001]", 2048)
        for _ in range(4):
            raw.append(play.pair(sealed, text, others))
            ours.append(_relayed(play, stage.network.request(asker, "REQUEST ALL"), count + 1))
    return Point("parties", count, f"{count:,}", 1000 * median(ours[1:]) / count, 1000 * median(raw[1:]) / count)


def _relayed(play: Play, mail: bytes, expected: int) -> float:
    start = play.witness.now
    play.box.put(mail)
    announced = play.witness.wait(start, said("EXISTS"), seconds=_PATIENCE).at
    accepted = play.witness.wait(start, taken(), expected, seconds=_PATIENCE).at
    play.witness.wait(start, said("IDLE"), seconds=_PATIENCE)
    return accepted - announced


def backlog(stage: Stage, count: int) -> Point:
    """For each mail: fetched, recorded, sent and filed."""
    with stage.play() as play:
        with play.robot():
            pass  # the first start makes the database and the keyring
        mails = requests(stage.network, count)
        sample = min(count, 100)
        raw = yardstick(play, mails[0], sample) / sample
        return Point("mails", count, f"{count:,}", 1000 * drained(play, mails) / count, 1000 * raw)


def _payload(stage: Stage, octets: int) -> Point:
    asker, target, *_ = stage.network.parties
    ours, raw = [], []
    with stage.play(_ROOM) as play, play.robot():
        for number in range(3):
            entity = stage.network.with_file(f"[REQUEST {target.code}] Vol AZ {number}", octets)
            sealed = stage.network.members.seal(entity, asker.fingerprint, [stage.network.robot])
            raw.append(play.pair(sealed, entity, [target]))
            ours.append(_relayed(play, stage.network.mail(asker, sealed), 2))
    return Point("payload", octets, _size(octets), 1000 * median(ours[1:]), 1000 * median(raw[1:]))


def _robots(stage: Stage, tell: Tell) -> Iterator[Point]:
    """Robots on one PostgreSQL: one watches the mailbox, all send. Left out where it is not installed."""
    if not postgres.is_installed():
        tell("PostgreSQL is not installed: one and two robots are left out")
        return
    with postgres.Postgres() as server:
        for count in ROBOTS:
            tell(f"{BACKLOG:,} requests in INBOX, {count} robot{'s' if count > 1 else ''} on PostgreSQL")
            yield _together(stage, server, count)


def _together(stage: Stage, server: postgres.Postgres, count: int) -> Point:
    database = server.database()
    with stage.play({"store": {"url": database}}) as play:
        with play.robot():
            pass
        configs = [play.config, *(_twin(stage, play, database, number) for number in range(1, count))]
        mails = requests(stage.network, BACKLOG)
        raw = yardstick(play, mails[0], 100) / 100
        play.box.put_all(mails)
        start, before = play.witness.now, server.busy(database)
        with ExitStack() as closing:
            robots = [closing.enter_context(Running(config)) for config in configs]
            first = play.witness.wait(start, said("SELECT")).at
            play.witness.wait(start, taken(), 2 * BACKLOG, seconds=_PATIENCE)
            idle = play.witness.wait(start, said("IDLE"), seconds=_PATIENCE).at
            last = max(sight.at for sight in play.witness.since(start) if sight.what == "TAKEN")
            cpu = sum(robot.use().cpu for robot in robots)
        busy = server.busy(database) - before
    took = max(idle, last) - first
    return Point("robots", count, str(count), 1000 * took / BACKLOG, 1000 * raw, cpu / BACKLOG, busy / BACKLOG)


def _twin(stage: Stage, play: Play, database: str, number: int) -> Path:
    """Another machine's robot: the same secret, a state folder of its own."""
    imap = Server(play.witness.imap_port, (play.config.parent / "password").read_text())
    more = {"store": {"url": database}}
    name = f"{play.config.parent.name}-{number}"
    config = stage.network.configure(name, imap, Server(play.witness.smtp_port), more)
    state = config.parent / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    shutil.copy2(play.config.parent / "state" / "secret", state / "secret")
    return config


# ---------------------------------------------------------------- told

TITLES = {
    "parties": "ms for each reader: 2 KiB to ALL of so many desks",
    "mails": "ms for each mail: so many requests wait in INBOX",
    "payload": "ms: one request of this size to one desk",
    "robots": "ms for each mail: robots on one PostgreSQL",
}


def picture(points: Sequence[Point]) -> Growth:
    """All panels, ours beside the yardstick."""
    return Growth(tuple(_panel(name, list(some)) for name, some in groupby(points, lambda point: point.panel)))


def _panel(name: str, points: Sequence[Point]) -> Panel:
    series = {_OURS: tuple(point.ours for point in points), _RAW: tuple(point.raw for point in points)}
    return Panel(TITLES[name], tuple(p.size for p in points), tuple(p.name for p in points), series)


def table(points: Sequence[Point]) -> str:
    """As CSV; milliseconds, and for each mail seconds of CPU and of the database where they were measured."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["what", "size", "mailbot_ms", "raw_gpg_ms", "ratio", "cpu_seconds", "database_seconds"])
    for p in points:
        ratio = f"{p.ours / p.raw:.2f}" if p.raw else ""
        raw, cpu, database = (f"{value:.4g}" if value is not None else "" for value in (p.raw, p.cpu, p.database))
        writer.writerow([p.panel, p.size, f"{p.ours:.4g}", raw, ratio, cpu, database])
    return out.getvalue()


def _size(octets: int) -> str:
    return f"{octets >> 20} MiB" if octets >= 1 << 20 else f"{octets >> 10} KiB"
