"""One robot at a time watches: in one process, in two, and after a death, on both databases."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mailbot.store.engine import StoreUnavailable, open_store
from mailbot.store.watch import Watch, watch_of
from tests.servers.postgres import Postgres

ROOT = Path(__file__).parents[2]
ANOTHER = """
import sys
from mailbot.store.engine import open_store
from mailbot.store.watch import watch_of
watch = watch_of(open_store(sys.argv[1]))
print(watch.acquire(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def two(url: str) -> Iterator[tuple[Watch, Watch]]:
    """The watches of two robots on one database."""
    engines = [open_store(url, patience=2) for _ in range(2)]
    first, second = map(watch_of, engines)
    yield first, second
    for watch, engine in zip((first, second), engines, strict=True):
        watch.release()
        engine.dispose()


@contextmanager
def another(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another robot's process, which has the watch."""
    command = [sys.executable, "-c", ANOTHER, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def acquires(watch: Watch, seconds: float = 5.0) -> bool:
    """Whether it gets the watch in that time: the other's end needs a moment to be noticed."""
    end = time.monotonic() + seconds
    while not watch.acquire():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_one_at_a_time(two: tuple[Watch, Watch]) -> None:
    first, second = two
    assert first.acquire()
    assert not second.acquire()
    assert (first.held(), second.held()) == (True, False)
    first.release()
    assert not first.held()
    assert acquires(second)
    assert not first.acquire()


def test_asking_again_changes_nothing(two: tuple[Watch, Watch]) -> None:
    first, second = two
    assert [first.acquire() for _ in range(3)] == [True, True, True]
    first.release()
    first.release()
    assert acquires(second)


def test_of_many_who_want_it_one_gets_it(url: str) -> None:
    engines = [open_store(url) for _ in range(8)]
    watches = [watch_of(engine) for engine in engines]
    together = threading.Barrier(len(watches))

    def want(watch: Watch) -> None:
        together.wait()
        watch.acquire()

    threads = [threading.Thread(target=want, args=(watch,)) for watch in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [watch.held() for watch in watches].count(True) == 1
    for watch, engine in zip(watches, engines, strict=True):
        watch.release()
        engine.dispose()


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_its_holder(url: str, two: tuple[Watch, Watch], death: signal.Signals) -> None:
    mine, _ = two
    with another(url) as process:
        assert not mine.acquire()
        os.kill(process.pid, death)
        assert acquires(mine)


# ---------------------------------------------------------------- PostgreSQL


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = open_store(postgres_url, patience=2)
    yield engine
    engine.dispose()


def test_a_lost_connection_is_noticed_and_the_watch_taken_again(engine: Engine, postgres: Postgres) -> None:
    watch, other = watch_of(engine), watch_of(engine)
    assert watch.acquire()
    postgres.cut_connections()
    assert acquires(other)
    assert not watch.held()
    assert not watch.acquire()
    other.release()
    assert acquires(watch)
    watch.release()


def test_while_the_server_is_away_nobody_watches(engine: Engine, postgres: Postgres) -> None:
    watch = watch_of(engine)
    assert watch.acquire()
    postgres.kill()
    try:
        assert not watch.held()
        with pytest.raises(StoreUnavailable):
            watch.acquire()
    finally:
        postgres.start()
    assert acquires(watch)
    watch.release()


def test_transactions_go_on_beside_it(engine: Engine) -> None:
    """The lock is on a connection of its own: emptying the pool, or using it, does not touch it."""
    watch = watch_of(engine)
    assert watch.acquire()
    engine.dispose()
    assert watch.held()
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    assert watch.held()
    watch.release()


def test_watches_of_two_databases_are_two(engine: Engine, postgres: Postgres) -> None:
    elsewhere = open_store(postgres.database())
    watches = watch_of(engine), watch_of(elsewhere)
    assert all(watch.acquire() for watch in watches)
    for watch in watches:
        watch.release()
    elsewhere.dispose()
