"""status --monitor, and the page and the file for Prometheus."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailbot.cli import mailbot
from mailbot.core.vitals import Sign
from mailbot.playground.stage import Stage, set_up
from mailbot.workers.metrics import Metrics


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The playground."""
    with set_up() as stage:
        yield stage


def monitor(config: Path, *words: str) -> tuple[int, str]:
    said = CliRunner().invoke(mailbot, ["status", "--monitor", *words, "--config", str(config)], standalone_mode=False)
    assert said.exception is None
    return said.return_value, said.stdout


def test_what_cannot_be_looked_at_is_unknown(tmp_path: Path) -> None:
    code, said = monitor(tmp_path / "nothing.toml")
    assert code == 3
    assert said.startswith("UNKNOWN: ")


def test_a_robot_that_was_just_there(stage: Stage) -> None:
    once = CliRunner().invoke(mailbot, ["once", "--config", str(stage.config)], standalone_mode=False)
    assert once.exception is None
    code, said = monitor(stage.config)
    assert (code, said.partition(":")[0]) == (0, "OK")
    assert "exchanges_open=0" in said
    code, answer = monitor(stage.config, "--json")
    assert json.loads(answer)["data"]["verdict"] == "OK"


def test_prometheus(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics = Metrics(tmp_path / "mailbot.prom", port)
    metrics.publish([Sign("outbox_mails", 3, "Mails that are owed.")])
    metrics.publish([Sign("outbox_mails", 4, "Mails that are owed.")])
    assert "mailbot_outbox_mails 4.0" in (tmp_path / "mailbot.prom").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        assert b"mailbot_outbox_mails 4.0" in page.read()


def test_a_port_that_is_taken_is_no_reason_to_stop(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        Metrics(tmp_path / "no" / "such" / "folder", taken.getsockname()[1]).publish([Sign("x", 1, "X.")])
