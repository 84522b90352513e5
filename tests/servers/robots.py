"""`mailbot run` as operators start it, in a process of its own that is killed without a word and begun again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class RobotProcess:
    """One robot; its log lies beside its configuration. Whoever begins it also ends it."""

    def __init__(self, config: Path) -> None:
        """Not yet begun."""
        self.config = config
        self.kills = 0
        self._running: subprocess.Popen[bytes] | None = None
        self._begun = 0  # how long its log was then

    def start(self) -> None:
        """Begin, or begin again."""
        temporary = self.config.parent / "tmp"
        temporary.mkdir(exist_ok=True)
        command = [sys.executable, "-P", "-m", "mailbot", "run", "--config", str(self.config)]
        with (self.config.parent / "log").open("ab") as log:
            self._begun = log.tell()
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
            self._running = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.config.parent, env=environment
            )

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return (self.config.parent / "log").read_text("utf-8", "replace")

    @property
    def is_at_work(self) -> bool:
        """Whether it came up since it was begun, or since its worker was killed."""
        said = (self.config.parent / "log").read_bytes()[self._begun :]
        return b"mailbox connected" in said or b"another robot watches" in said

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        assert self._running
        return self._running.poll()

    def kill(self) -> None:
        """Pull the plug: nothing is flushed, closed or told."""
        assert self._running
        assert self._running.poll() is None, self.log[-2000:]
        self._running.kill()
        self._running.wait()
        self.kills += 1

    def kill_child(self) -> None:
        """Kill the process that does the work, not the one that watches over it and bears another."""
        assert self._running
        pid = self._running.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children[:1]:
            self._begun = (self.config.parent / "log").stat().st_size
            os.kill(int(child), signal.SIGKILL)
            self.kills += 1

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM; its exit code. Raises TimeoutExpired."""
        assert self._running
        self._running.terminate()
        try:
            return self._running.wait(seconds)
        finally:
            self._running.kill()
            self._running.wait()

    def end(self) -> None:
        """Nothing of it is left: neither it nor the gpg-agent of a robot that was killed."""
        if self._running and self._running.poll() is None:
            self._running.kill()
            self._running.wait()
        for home in (self.config.parent / "state" / "gnupg").glob("*/"):
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
