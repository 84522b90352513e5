"""The benchmark itself, on a small network, with real gpg, Dovecot, PostgreSQL and robots. No speed is tested."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from mailbot.bench import growing
from mailbot.bench.cases import CASES, filled, relaying, resting
from mailbot.bench.dovecot import Dovecot
from mailbot.bench.postgres import Postgres
from mailbot.bench.profiling import profile
from mailbot.bench.spans import STEPS
from mailbot.bench.stage import Stage, set_up
from mailbot.store.engine import open_store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with set_up(4, Dovecot) as found:
        found.journal_rows, found.exchanges = 300, 30
        yield found


def test_a_request_to_one_desk_and_to_everybody(stage: Stage) -> None:
    [one] = relaying.one(stage, 1)
    [everybody] = relaying.everybody(stage, 1)
    assert (one.case, everybody.case) == ("relay-one", "all-3")
    assert all(value > 0 for measure in (one, everybody) for value in (*measure.ours, *measure.raw))


def test_a_backlog_is_drained(stage: Stage) -> None:
    point = growing.backlog(stage, 5)
    assert point.ours > 0


def test_every_step_is_compared_with_an_empty_database(stage: Stage) -> None:
    measures = list(filled.steps(stage, 1))
    assert {measure.target for measure in measures} == {1.3}
    assert all(len(measure.ours) == len(measure.raw) == 1 for measure in measures)


def test_a_start_is_measured(stage: Stage) -> None:
    [started] = resting.start(stage, 1)
    assert 0 < started.ours[0] < 60


def test_a_profile_has_every_step(stage: Stage) -> None:
    found = profile(stage, 1)
    assert list(found.steps) == list(STEPS)
    assert all(took > 0 for took in found.steps.values())
    assert [bar.label for bar in found.chart().bars] == [*STEPS, "the whole"]


def test_postgresql_is_synced_and_leaves_nothing_behind() -> None:
    with Postgres() as server:
        engine = open_store(server.database())
        with engine.connect() as connection:
            assert connection.execute(text("SHOW fsync")).scalar() == "on"
        engine.dispose()
        folder = server.folder
    assert not folder.exists()


def test_machines_get_one_object() -> None:
    command = [sys.executable, "-m", "mailbot", "bench", "--only", "relay-one", "--rounds", "1", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    measure = json.loads(done.stdout)["data"]["measures"][0]
    assert (measure["case"], measure["is_ratio"], measure["target"]) == ("relay-one", True, 2.5)
    assert done.returncode == (0 if measure["met"] else 1)


def test_every_target_of_the_table_has_a_case() -> None:
    assert {"relay-one", "all-40", "backlog-1000", "ping-40", "ping-1000", "large", "filled", "start", "idle"} <= set(
        CASES
    )
