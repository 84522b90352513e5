"""A terminal with a program in it, under tmux: keys go in, what stands on the screen comes out."""

import os
import re
import subprocess
import time
from collections.abc import Mapping
from typing import Self

from tests.servers.programs import Program, User, find_program, short_folder

PATIENCE = 30.0  # seconds


def oneself() -> User:
    """Whoever runs the tests, root too: mail programs do not mind, and the keys are his."""
    return User("", os.getuid(), os.getgid())


class Terminal:
    """One window, high enough for a whole mail. Its program gets nothing of the environment but what it is given."""

    def __init__(self, command: str, environment: Mapping[str, str], *, columns: int = 120, rows: int = 120) -> None:
        """`command`: a line for the shell."""
        self._tmux = find_program("tmux", "tmux")
        self._folder = short_folder(oneself())
        self._socket = self._folder / "tmux"
        self._server = Program([*self._clean(environment), *self._base(), "-D"], self._folder, oneself())
        self._server.start(self._socket.exists)
        self._run("new-session", "-d", "-x", str(columns), "-y", str(rows), "--", command)

    def __enter__(self) -> Self:
        """It is open already."""
        return self

    def __exit__(self, _kind: object, problem: BaseException | None, _trace: object) -> None:
        """Close it; a failure is told with what stood on the screen."""
        if problem:
            problem.add_note("on the screen:\n" + re.sub(r"\n{3,}", "\n\n", self.shown))
        self._server.remove()

    @property
    def shown(self) -> str:
        """What stands on the screen, as text."""
        done = subprocess.run([*self._base(), "capture-pane", "-p"], capture_output=True, text=True, check=False)
        return done.stdout.rstrip() or f"(nothing) {done.stderr}"

    def press(self, *keys: str) -> None:
        """Press these keys, as tmux names them: `Enter`, `C-x`, `r`."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type this text; its line ends are the Enter key."""
        for number, line in enumerate(text.split("\n")):
            if number:
                self.press("Enter")
            if line:
                self._run("send-keys", "-l", "--", line)

    def wait_for(self, text: str) -> str:
        """The screen as soon as this stands on it. Raises TimeoutError."""
        end = time.monotonic() + PATIENCE
        while text not in (shown := self.shown):
            if time.monotonic() > end:
                raise TimeoutError(f"no {text!r} on the screen after {PATIENCE} s")
            time.sleep(0.05)
        return shown

    def _base(self) -> list[str]:
        return [self._tmux, "-u", "-f", os.devnull, "-S", str(self._socket)]

    @staticmethod
    def _clean(environment: Mapping[str, str]) -> list[str]:
        base = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "SHELL": "/bin/sh"}
        return ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in {**base, **environment}.items())]

    def _run(self, *words: str) -> None:
        subprocess.run([*self._base(), *words], check=True, capture_output=True, timeout=PATIENCE)
