"""The robot's process and the one that watches it: when another follows, when it is the end, and who hears signals."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WATCHED = """
import os, signal, sys, time
from pathlib import Path
from mailbot.cli.supervision import supervised

lives = Path(sys.argv[1])
code = supervised()
if code is not None:
    print("parent", code, flush=True)
    sys.exit(code)
lives.write_text(lives.read_text() + "x")
end = sys.argv[2:][len(lives.read_text()) - 1]
if end == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if end == "waits":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("waiting", flush=True)
    time.sleep(60)
sys.exit(int(end))
"""


@pytest.fixture
def lives(tmp_path: Path) -> Path:
    path = tmp_path / "lives"
    path.write_text("")
    return path


def start(lives: Path, *ends: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WATCHED, str(lives), *ends]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("code", ["0", "69", "75", "78"])
def test_end_in_order_is_the_end(code: str, lives: Path) -> None:
    process = start(lives, code)
    assert process.communicate(timeout=20)[0] == f"parent {code}\n"
    assert (process.returncode, lives.read_text()) == (int(code), "x")


def test_another_follows_the_one_that_was_killed_and_the_one_that_broke(lives: Path) -> None:
    process = start(lives, "killed", "1", "0")
    process.communicate(timeout=30)
    assert (process.returncode, lives.read_text()) == (0, "xxx")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_is_passed_on_and_no_other_follows(number: signal.Signals, lives: Path) -> None:
    process = start(lives, "waits")
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(number)
    assert process.communicate(timeout=20)[0] == "parent 0\n"
    assert (process.returncode, lives.read_text()) == (0, "x")


def test_stop_between_two_lives_is_the_end(lives: Path) -> None:
    process = start(lives, "killed", "waits")
    while not lives.read_text():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20)[0].splitlines()[-1] == "parent 0"


BUSY = """
from mailbot.cli.running import _kept_alive

def work(signals, _over):
    print("waiting", flush=True)
    while not signals.stop.wait(0):
        pass

raise SystemExit(_kept_alive(work, verbose=False))
"""


def test_many_signals_at_once_stop_it_as_one_does() -> None:
    """systemd tells every process of a unit, and the parent passes it on; whatever lock the robot's thread holds."""
    command = [sys.executable, "-c", BUSY]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    for _ in range(200):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    try:
        assert process.wait(10) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
