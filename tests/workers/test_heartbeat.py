"""The service manager hears of the robot as long as all of its loops turn."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailbot.workers.heartbeat import Heartbeat, say, watchdog


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What systemd listens with."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def test_ready_alive_and_stopping(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    heartbeat = Heartbeat()
    with heartbeat.heard():
        assert manager.recv(100) == b"READY=1"
        heartbeat.beat("receive")
        assert manager.recv(100) == b"WATCHDOG=1"
    said = [manager.recv(100)]
    while said[-1] == b"WATCHDOG=1":
        said.append(manager.recv(100))
    assert said[-1] == b"STOPPING=1"


def test_one_loop_that_stands_still_silences_all(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    heartbeat = Heartbeat()
    heartbeat.beat("receive")
    time.sleep(0.15)
    heartbeat.beat("send")
    assert heartbeat.stalled(0.1) == {"receive"}
    with heartbeat.heard():
        assert manager.recv(100) == b"READY=1"
        for _ in range(6):
            heartbeat.beat("send")
            time.sleep(0.05)
    assert manager.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("path", ["", "relative", "/nowhere/at/all", "@nobody-listens-there"])
def test_nobody_listens(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    say("READY=1")


def test_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0mailbot-test-notify")
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@mailbot-test-notify")
        say("READY=1")
        assert listener.recv(100) == b"READY=1"


@pytest.mark.parametrize(("written", "seconds"), [("", None), ("0", None), ("x", None), ("3000000", 3.0)])
def test_whether_it_is_asked_for(written: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", written)
    assert watchdog() == seconds
