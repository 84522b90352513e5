"""Disk and database out of order: the robot takes no mail, says so once, and goes on by itself when they are mended."""

import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from mailbot import wiring
from mailbot.cli import mailbot
from mailbot.config import load
from mailbot.core.decision import Folder
from mailbot.core.mail import IncomingMail, OpenedMail
from mailbot.playground.stage import Stage, robot_at_work, set_up
from mailbot.store.engine import StoreUnavailable, open_store, reading
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.outbox import Outbox, Settlement
from mailbot.store.schema import attempts
from mailbot.workers.failures import Unable
from mailbot.workers.receive import MOST_TRIES
from tests.servers.postgres import Postgres
from tests.sharing import show
from tests.workers.disks import Disk, filling_up, read_only_between_starts, turning_read_only

ROOT = Path(__file__).parents[2]
SOON = 40.0  # seconds: the longest pause that an outage of a few seconds leads to, and the mail's way
PAGE = 4096


@dataclass
class Robot:
    """`mailbot run` in a process of its own, whose log is read."""

    process: "subprocess.Popen[bytes]"
    _said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        """Through a pipe, which no limit on files hinders."""
        assert self.process.stderr
        for line in self.process.stderr:
            self._said.append(line.decode("utf-8", "replace"))

    @property
    def log(self) -> str:
        return "".join(self._said)

    @property
    def pids(self) -> list[int]:
        """The process that does the work, and the one that watches over it."""
        return [self.worker, self.process.pid]

    @property
    def worker(self) -> int:
        """The process that does the work."""
        until(self._children, "a child")
        return int(self._children()[0])

    def _children(self) -> list[str]:
        return Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()

    def says(self, words: str) -> None:
        until(lambda: words in self.log, words)


def until(holds: Callable[[], object], what: str = "it") -> None:
    """Wait until it holds; the test fails if that takes too long."""
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The playground."""
    with set_up() as stage:
        yield stage


@contextmanager
def robot(stage: Stage, disk: Disk | None = None) -> Iterator[Robot]:
    """`mailbot run`; it must end in order."""
    command = [*(disk.prefix() if disk else []), sys.executable, "-P", "-m", "mailbot", "run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "--config", str(stage.config)], stderr=subprocess.PIPE, cwd=ROOT, env=environment
    )
    running = Robot(process)
    try:
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
    assert process.returncode == 0, running.log


def database(stage: Stage) -> Path:
    return stage.folder / "state" / "mailbot.sqlite"


def ask(stage: Stage, words: str) -> None:
    """FR writes to IT."""
    stage.post("fr", stage.people["fr"].write("[REQUEST IT] x", f"{words}\n"))


def arrived(stage: Stage) -> list[str]:
    return [stage.people["it"].read(octets).text for octets in stage.mailbox("it")]


def require_all_done_once(stage: Stage, *texts: str, url: str = "") -> None:
    """IT has each mail once, FR a receipt for each; nothing is held, no try is counted, and the journal is unbroken."""
    until(lambda: len(stage.mailbox("it")) >= len(texts) and len(stage.mailbox("fr")) >= len(texts), str(texts))
    until(lambda: not stage.mailbox("robot"), "INBOX is empty")
    assert sorted(arrived(stage)) == sorted(f"{text}\n" for text in texts)
    assert len(stage.mailbox("fr")) == len(texts)
    engine = open_store(url or f"sqlite:///{database(stage)}")
    try:
        assert Memory(engine).held_mails() == ()
        assert len(Memory(engine).latest_exchanges()) == len(texts)
        assert Journal(engine).verify().findings == ()
        with reading(engine) as connection:
            assert connection.execute(select(attempts)).all() == []
    finally:
        engine.dispose()


# ---------------------------------------------------------------- the disk


def test_a_full_disk(stage: Stage) -> None:
    """No file may grow beyond 24 KiB for a while: the try is counted, what comes after it cannot be written."""
    with robot(stage) as running:
        ask(stage, "before")
        until(lambda: stage.mailbox("it"))
        until(lambda: not stage.mailbox("robot"))
        usual = resource.prlimit(running.worker, resource.RLIMIT_FSIZE, (24 * 1024, resource.RLIM_INFINITY))
        ask(stage, "while full")
        running.says("ALARM no mail is taken")
        time.sleep(5)  # several tries
        assert running.log.count("ALARM no mail is taken") == 1
        assert len(stage.mailbox("robot")) == 1
        resource.prlimit(running.worker, resource.RLIMIT_FSIZE, usual)
        require_all_done_once(stage, "before", "while full")
        assert running.log.count("mended") >= 1


def test_a_disk_without_room(stage: Stage, request: pytest.FixtureRequest) -> None:
    with filling_up(stage.folder / "state") as disk, robot(stage) as running:
        show(request.node, "storage", [f"a disk without room: {disk.way}"])
        ask(stage, "before")
        until(lambda: stage.mailbox("it"))
        until(lambda: not stage.mailbox("robot"))
        disk.fail(running.pids)
        ask(stage, "while full")
        running.says("ALARM no mail is taken")
        disk.mend(running.pids)
        require_all_done_once(stage, "before", "while full")


def test_a_file_system_that_turns_read_only_at_work(stage: Stage, request: pytest.FixtureRequest) -> None:
    """As Linux makes one on which it finds an error: whatever is open stays open, and nothing can be written."""
    with turning_read_only(stage.folder / "state") as disk:
        show(request.node, "storage", [f"a file system that turns read-only at work: {disk.way}"])
        with robot(stage) as running:
            ask(stage, "before")
            until(lambda: stage.mailbox("it"))
            until(lambda: not stage.mailbox("robot"))
            disk.fail(running.pids)
            ask(stage, "while read-only")
            running.says("ALARM no mail is taken")
            time.sleep(2)  # several tries
            assert running.log.count("ALARM no mail is taken") == 1
            assert len(stage.mailbox("robot")) == 1
        disk.mend()  # the operator's work: the robot is stopped, the disk looked through
        with robot(stage):
            require_all_done_once(stage, "before", "while read-only")


def test_a_read_only_disk_is_waited_for(stage: Stage, request: pytest.FixtureRequest) -> None:
    with read_only_between_starts(stage.folder / "state") as disk:
        show(request.node, "storage", [f"a read-only disk at the start: {disk.way}"])
        with robot(stage):
            ask(stage, "before")
            until(lambda: stage.mailbox("it"))
        disk.fail()
        with robot(stage, disk) as running:
            ask(stage, "while read-only")
            running.says("ALARM ")
            assert len(stage.mailbox("robot")) == 1
            disk.mend(running.pids)
            require_all_done_once(stage, "before", "while read-only")


# ---------------------------------------------------------------- SQLite's file


def test_a_locked_database(stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(wiring, "open_store", partial(open_store, patience=1))
    with robot_at_work(stage.config):
        ask(stage, "before")
        until(lambda: stage.mailbox("it"))
        with closing(sqlite3.connect(database(stage), isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            ask(stage, "while locked")
            until(lambda: "ALARM no mail is taken" in caplog.text)
            time.sleep(3)
            other.execute("ROLLBACK")
        assert caplog.text.count("ALARM no mail is taken") == 1
        require_all_done_once(stage, "before", "while locked")


def spoil(path: Path) -> None:
    """Write nonsense over every page but the first, where nobody has a copy of them any more."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as other:
        other.execute("INSERT INTO notices VALUES ('somebody@else.example', '2026-01-01T00:00:00.000000Z')")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xff" * (size - PAGE))
        os.fsync(file.fileno())


def test_a_damaged_page_at_work(stage: Stage, tmp_path: Path) -> None:
    """The robot goes on with the backup that takes the place of the damaged file, and never writes to that one."""
    with robot(stage) as running:
        ask(stage, "before")
        until(lambda: stage.mailbox("it"))
        require_all_done_once(stage, "before")
        until(lambda: not owed(stage))
        command(stage, "backup", str(tmp_path / "copy"))
        spoil(database(stage))
        ask(stage, "while damaged")
        running.says("ALARM no mail is taken")
        assert len(stage.mailbox("robot")) == 1
        (tmp_path / "copy").replace(database(stage))
        require_all_done_once(stage, "before", "while damaged")


def test_a_damaged_page_at_the_start(stage: Stage, tmp_path: Path) -> None:
    with robot(stage):
        ask(stage, "before")
        until(lambda: stage.mailbox("it"))
        until(lambda: not owed(stage))
    command(stage, "backup", str(tmp_path / "copy"))
    spoil(database(stage))
    with robot(stage) as running:
        ask(stage, "while damaged")
        running.says("damaged")
        assert len(stage.mailbox("robot")) == 1
        told = command(stage, "check", "--json", code=1)
        assert '"store.damaged"' in told or '"store.unavailable"' in told
        command(stage, "restore", "--yes", str(tmp_path / "copy"))
        require_all_done_once(stage, "before", "while damaged")


def test_a_vanished_file_is_not_taken_for_a_new_beginning(stage: Stage) -> None:
    path = database(stage)
    with robot(stage) as running:
        ask(stage, "before")
        until(lambda: stage.mailbox("it"))
        until(lambda: not owed(stage))
        path.rename(path.with_name("elsewhere"))
        ask(stage, "while gone")
        running.says("ALARM no mail is taken")
        assert not path.exists()
        path.with_name("elsewhere").rename(path)
        require_all_done_once(stage, "before", "while gone")


def owed(stage: Stage) -> int:
    engine = open_store(f"sqlite:///{database(stage)}")
    try:
        return Outbox(engine).depth().queued
    finally:
        engine.dispose()


def command(stage: Stage, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(mailbot, [*words, "--config", str(stage.config)], standalone_mode=False)
    assert result.exception is None, (words, result.exception, result.output)
    assert (result.return_value or 0) == code, (words, result.output)
    return result.stdout


# ---------------------------------------------------------------- PostgreSQL


@pytest.fixture
def url(stage: Stage, postgres_url: str) -> str:
    """The same network with its memory on PostgreSQL."""
    text = stage.config.read_text("utf-8")
    stage.config.write_text(f'{text}\n[store]\nurl = "{postgres_url}"\n', "utf-8")
    return postgres_url


def test_connections_that_are_cut(stage: Stage, url: str, postgres: Postgres) -> None:
    """Every half second for a while, so that transactions are cut, too."""
    with robot(stage):
        ask(stage, "before")
        until(lambda: stage.mailbox("it"))
        for number in range(3):
            ask(stage, f"while cut {number}")
            for _ in range(3):
                time.sleep(0.2)
                postgres.cut_connections()
        require_all_done_once(stage, "before", *(f"while cut {number}" for number in range(3)), url=url)


def test_a_server_that_is_away(stage: Stage, url: str, postgres: Postgres) -> None:
    with robot(stage) as running:
        ask(stage, "before")
        until(lambda: stage.mailbox("it"))
        postgres.stop()
        try:
            ask(stage, "while away")
            running.says("ALARM no mail is taken")
            time.sleep(3)
            assert len(stage.mailbox("robot")) == 1
        finally:
            postgres.start()
        require_all_done_once(stage, "before", "while away", url=url)


# ---------------------------------------------------------------- what was sent and could not be written down


class _Flaky(Outbox):
    """An outbox whose database is out of reach for the first tries to settle."""

    failures = 3

    def settle(self, *settlements: Settlement) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
        super().settle(*settlements)


def test_a_mail_that_was_sent_is_not_sent_again_because_nobody_could_write_it_down(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailbot.workers.send.SETTLE_EVERY", 0.1)
    monkeypatch.setattr(wiring, "Outbox", _Flaky)
    with robot_at_work(stage.config):
        ask(stage, "once")
        require_all_done_once(stage, "once")
        until(lambda: not owed(stage))
    assert len(arrived(stage)) == 1


# ---------------------------------------------------------------- who is to blame


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left"), OSError(errno.EROFS, "Read-only"), None])
def test_three_outages_do_not_make_a_poisonous_mail(stage: Stage, fault: OSError | None) -> None:
    """The disk fails, or the database (None) so badly that even taking a try back must wait."""
    mail = IncomingMail(written := stage.people["fr"].write("[REQUEST IT] x", "x\n"), sha256(written).hexdigest())
    with wiring.Robot(load(stage.config)) as robot:
        memory = _Away(robot.engine)
        receiver = replace(robot.receiver(), memory=memory)
        broken = replace(receiver, open_mail=_failing(fault or StoreUnavailable("away")))
        for _ in range(MOST_TRIES + 2):
            memory.away = fault is None
            with pytest.raises(Unable):
                broken.receive(mail)
            memory.away = False
            assert broken.begin([mail]) == frozenset()
            broken.stand_down()
        assert receiver.receive(mail) is Folder.DONE
        assert robot.memory.held_mails() == ()


def test_a_mail_that_alone_brings_a_fault_about_runs_out_of_tries(stage: Stage) -> None:
    mail = IncomingMail(b"From: a@b.example\r\n\r\n", "d" * 64)
    with wiring.Robot(load(stage.config)) as robot:
        broken = replace(robot.receiver(), open_mail=_failing(OSError(errno.E2BIG, "too long")))
        for _ in range(MOST_TRIES):
            with pytest.raises(OSError, match="too long"):
                broken.receive(mail)
        assert broken.receive(mail) is Folder.HELD


class _Away(Memory):
    """A memory whose database cannot take a try back for a while."""

    away = False

    def uncount_try(self, digest: str) -> None:
        if self.away:
            raise StoreUnavailable("away")
        super().uncount_try(digest)


def _failing(fault: Exception) -> Callable[[IncomingMail], OpenedMail]:
    def fail(_mail: IncomingMail) -> OpenedMail:
        raise fault

    return fail
