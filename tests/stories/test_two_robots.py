"""Two robots on one PostgreSQL and one mailbox: one watches, both send, and when the watcher dies the other takes over.

On SQLite there is room for one.
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mailbot.store import schema
from mailbot.store.engine import open_store, reading
from mailbot.store.journal import Journal
from tests.servers.badsmtp import Step, slow
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.servers.postgres import Postgres
from tests.servers.programs import wait_until
from tests.servers.robots import ROOT, RobotProcess
from tests.sharing import show
from tests.soak.network import Network, message_id, network
from tests.stories.world import Cast, World

TAKE_OVER = 30.0  # seconds
MOST_ASKED = 100  # requests
START = 60.0  # seconds: a busy machine took more than 20


@pytest.fixture
def two(cast: Cast, dovecot: Dovecot, postfix: Postfix, postgres: Postgres, world: World) -> Iterator[Network]:
    """Two robots, the first of which watches."""
    with network(world.folder / "two", cast, dovecot, postfix, postgres.database()) as two:
        first, second = two.robots
        first.start()
        wait_until(lambda: "mailbox connected" in first.log, "the first", START)
        second.start()
        wait_until(lambda: "another robot watches" in second.log, "the second", START)
        yield two


def ask(network: Network, *texts: str) -> None:
    for text in texts:
        octets = network.people["fr"].write("[REQUEST IT] x", text)
        network.post(network.people["fr"].address, octets)


def has(network: Network, *texts: str) -> Callable[[], bool]:
    """Whether IT has these words, each once."""
    italian = network.people["it"]

    def look() -> bool:
        octets = [mail.octets for mail in network.front.accepted if mail.recipients == (italian.address,)]
        return Counter(italian.read(each).text for each in octets) == Counter(texts)

    return look


def test_the_other_takes_over(two: Network, request: pytest.FixtureRequest) -> None:
    """Nothing is lost, nothing comes twice, and of the journal there is one."""
    first, second = two.robots
    ask(two, "1\n")
    wait_until(has(two, "1\n"), "the first request", 20)
    first.kill()
    begin = time.monotonic()
    ask(two, "2\n")
    wait_until(has(two, "1\n", "2\n"), "the second request", TAKE_OVER, pause=0.1)
    taken_over = f"the second robot's first mail was out {time.monotonic() - begin:.1f} s after the kill"
    show(request.node, "two robots", [taken_over])
    first.start()
    wait_until(lambda: first.log.count("another robot watches") == 1, "the first again", 20)
    second.kill()
    ask(two, "3\n", "4\n")
    wait_until(has(two, "1\n", "2\n", "3\n", "4\n"), "the other requests", TAKE_OVER, pause=0.1)
    assert first.stop() == 0
    assert two.dovecot.mails(two.address) == []
    engine = open_store(two.url)
    assert not Journal(engine).verify().findings
    engine.dispose()
    accepted = Counter(message_id(mail.octets) for mail in two.front.accepted)
    assert set(accepted.values()) == {1}


def test_a_watcher_that_loses_the_database_stops_and_one_of_them_goes_on(two: Network, postgres: Postgres) -> None:
    ask(two, "1\n")
    wait_until(has(two, "1\n"), "the first request", 20)
    postgres.cut_connections()
    ask(two, "2\n")
    wait_until(has(two, "1\n", "2\n"), "the second request", TAKE_OVER, pause=0.1)
    assert [robot.stop() for robot in two.robots] == [0, 0]


def test_both_send_and_none_sends_what_the_other_has(two: Network) -> None:
    """The server takes a while for each mail, so that some are left when the other robot looks, every five seconds.
    Mail comes until it did: how much that is depends on how busy the machine is.
    """
    two.front.misbehave(slow(Step.DOT, 0.3))
    texts = list[str]()
    while not all(senders(two)) and len(texts) < MOST_ASKED:
        texts.append(f"{len(texts)}\n")
        ask(two, texts[-1])
        time.sleep(0.1)
    wait_until(lambda: len(outgoing(two)) == 2 * len(texts), "a mail and a receipt for each", 60, pause=0.2)
    wait_until(lambda: set.union(*senders(two)) == outgoing(two), "all of them", 60, pause=0.2)
    assert has(two, *texts)()
    assert all(senders(two))
    assert not set.intersection(*senders(two))
    assert len(outgoing(two)) == len(two.front.accepted)


def senders(network: Network) -> list[set[str]]:
    """What each robot sent, by Message-ID."""
    return [set(re.findall(r"mailbot.workers.send (\S+) sent", robot.log)) for robot in network.robots]


def outgoing(network: Network) -> set[str]:
    engine = open_store(network.url)
    with reading(engine) as connection:
        found = set(connection.execute(select(schema.outbox.c.message_id)).scalars())
    engine.dispose()
    return found


def test_a_robot_with_another_secret_is_refused(two: Network) -> None:
    """It would not know the replays of the other, nor its return paths."""
    first, second = two.robots
    second.kill()
    (second.config.parent / "state" / "secret").write_bytes(b"x" * 32)
    second.start()
    wait_until(lambda: second.code is not None, "its end", 20)
    assert second.code == 78
    assert "state.secret" in second.log
    assert first.code is None


# ---------------------------------------------------------------- SQLite


@pytest.fixture
def alone(world: World) -> Iterator[RobotProcess]:
    """A robot on SQLite, at work."""
    robot = RobotProcess(world.config)
    robot.start()
    wait_until(lambda: "mailbox connected" in robot.log, "the robot", 20)
    yield robot
    robot.end()


def test_on_sqlite_a_second_one_is_refused(alone: RobotProcess, world: World) -> None:
    """`run` and `once` alike; and when the first was killed there is room again at once."""
    for command in ("once", "run"):
        refused = start(command, world.config)
        assert refused.returncode == 75
        assert "another robot is at work on this database" in refused.stderr
    alone.kill()
    assert start("once", world.config).returncode == 0


def start(command: str, config: Path) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-P", "-m", "mailbot", command, "--config", str(config)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30, check=False)
