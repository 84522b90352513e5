"""A round that starts by itself, from the schedule to its result, by the real robot with real gpg and database."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailbot.core.rounds.records import ProbeStage, RoundStage
from mailbot.core.rounds.schedule import scheduled
from mailbot.core.rounds.terms import PingTerms
from mailbot.store.engine import Clash
from mailbot.workers.duties.rounds import advance_rounds
from mailbot.workers.duties.schedule import start_scheduled
from mailbot.workers.receive import Receiver
from tests.stories.ping_desk import Desk, ping_desk
from tests.stories.world import Cast


@pytest.fixture
def desk(cast: Cast) -> Iterator[Desk]:
    place = tempfile.TemporaryDirectory(prefix="mb", dir="/tmp", ignore_cleanup_errors=True)
    with place as folder, ping_desk(Path(folder), cast) as desk:
        desk.at = datetime.now(UTC).replace(hour=12, minute=30, second=0, microsecond=0) + timedelta(days=1)
        yield desk


def scheduling(desk: Desk) -> Receiver:
    """The robot, which asks all parties every day at 12:40 UTC, within half an hour."""
    keeper = desk.robot.keeper
    network, directory = keeper.network, keeper.network.directory
    here = {code: replace(party, time_zone="Etc/UTC") for code, party in directory.parties.items()}
    keeper.network = replace(
        network,
        ping=PingTerms(schedule=("40 12 * * *",), window=timedelta(minutes=30), language="en"),
        terms=replace(network.terms, ping_deadline=timedelta(hours=2)),
        directory=replace(directory, parties=here),
    )
    return desk.receiver


def test_from_the_schedule_to_the_result(desk: Desk) -> None:
    robot = scheduling(desk)

    def turn() -> int:
        started = start_scheduled(robot, robot.moment())
        advance_rounds(robot, robot.moment())
        return started

    assert turn() == 0
    desk.later(minutes=11)
    assert turn() == 1
    [made] = desk.robot.memory.rounds.running()
    assert made.asked_by == "schedule"
    desk.later(minutes=30)
    assert turn() == 0, "never twice a night"
    probes = desk.round(made.number).probes
    assert {probe.stage for probe in probes} == {ProbeStage.SENT}
    assert len({probe.due_at for probe in probes}) == len(probes), "each at a moment of its own"
    assert {mail.letter for mail in desk.sent()} == {"probe"}

    desk.later(hours=1)
    turn()
    assert {mail.letter for mail in desk.sent()} == {"probe-reminder", "probe-backup"}

    desk.later(hours=2)
    turn()
    assert desk.round(made.number).stage is RoundStage.CLOSED
    assert [(mail.recipient, mail.letter) for mail in desk.sent()] == [("secretariat@network.example", "ping-result")]


def test_of_two_robots_one_starts_it(desk: Desk) -> None:
    robot, memory = scheduling(desk), desk.robot.memory
    desk.later(minutes=12)
    moment = robot.moment()
    both = [scheduled(robot.network, moment, memory.rounds.past(), frozenset()) for _ in range(2)]
    first, second = both
    assert first
    assert second
    memory.record(None, first, robot.write(first, moment), moment.now)
    with pytest.raises(Clash):
        memory.record(None, second, robot.write(second, moment), moment.now)
    assert len(memory.rounds.running()) == 1
    assert start_scheduled(robot, moment) == 0
