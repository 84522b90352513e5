"""Programs end with the tests that started them, whatever happens to these."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.programs import (
    MissingServerError,
    Program,
    answers,
    find_program,
    free_ports,
    ordinary_user,
    short_folder,
    wait_until,
)


def gone(pid: int) -> bool:
    """Ended; an orphan may wait for its new parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(MissingServerError, match="apt-get install dovecot-core"):
        find_program("/usr/sbin/dovecot-that-is-not-there", "dovecot-core")
    with pytest.raises(MissingServerError, match="apt-get install openssl"):
        find_program("openssl-that-is-not-there", "openssl")


def test_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20
    assert not answers(free_ports(1)[0], b"")


def test_a_program_that_does_not_start_says_why() -> None:
    user = ordinary_user()
    folder = short_folder(user)
    program = Program(["/bin/sh", "-c", "echo the reason >&2; exit 3"], folder, user)
    with pytest.raises(RuntimeError, match="the reason"):
        program.start(lambda: False)
    assert not folder.exists()


def test_runs_as_an_ordinary_user() -> None:
    user = ordinary_user()
    folder = short_folder(user)
    program = Program(["/bin/sh", "-c", "id -u; id -G; exec sleep 100"], folder, user)
    program.start(lambda: program.said.count("\n") == 2)
    uid, groups = program.said.splitlines()
    program.remove()
    assert int(uid) != 0
    assert "0" not in groups.split()


_STARTER = """
import os, signal, sys
from tests.servers.programs import Program, ordinary_user, short_folder
user = ordinary_user()
folder = short_folder(user)
program = Program(["/bin/sh", "-c", "trap '' INT; sleep 100 & echo $$ $!; wait"], folder, user, end=signal.SIGINT)
program.start(lambda: "\\n" in program.said)
print(program.said.strip(), folder, flush=True)
os.kill(os.getpid(), int(sys.argv[1]))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_nothing_is_left_when_the_tests_are_killed(how: signal.Signals) -> None:
    root = str(Path(__file__).parents[2])
    run = subprocess.run(
        [sys.executable, "-c", _STARTER, str(how.value)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    )
    parent, child, folder = run.stdout.split()
    wait_until(lambda: gone(int(parent)) and gone(int(child)) and not Path(folder).exists(), "the end of all")
