"""No mail takes more than 10 seconds, or more memory than 64 MiB and ten times its size: measured, in a process."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.bombs import BOMBS, MIB, bomb
from tests.mail.mails import world
from tests.sharing import show

ROOT = Path(__file__).parents[2]
SECONDS = 10
MEMORY, TIMES = 64 * MIB, 10
# What must not go wrong with these: it is known what they are, or that they are too much.
TOO_MUCH = {"fifty thousand levels", "a hundred thousand parts", "compressed beyond measure"}
NOBODYS = {"compressed line feeds", "compressed lines", "compressed, inline", "sealed and not compressed"}


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """What each took. One process opens them all, so that what one leaves behind is seen as well."""
    folder, robot = tmp_path_factory.mktemp("bombs"), world().robot
    found: dict[str, Mapping[str, Any]] = {}
    fifo = [sys.executable, "-m", "tests.fuzz.measured", str(robot.key.home), robot.fingerprint]
    names = list(BOMBS)
    for first in range(0, len(names), 6):  # no more of them on the disk at a time
        files = {name: folder / str(number) for number, name in enumerate(names[first : first + 6])}
        for name, file in files.items():
            file.write_bytes(bomb(name))
        done = subprocess.run([*fifo, *map(str, files.values())], capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr[-2_000:]
        found |= dict(zip(files, map(json.loads, done.stdout.splitlines()), strict=True))
        for file in files.values():
            file.unlink()
    return found


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str, taken: Mapping[str, Mapping[str, Any]]) -> None:
    took = taken[name]
    assert took["took"] < SECONDS
    assert took["memory"] < MEMORY + TIMES * took["size"]
    assert (took["trouble"] == "limits") == (name in TOO_MUCH)
    assert took["vouched"] == (name in NOBODYS)


def test_the_worst_are_shown(taken: Mapping[str, Mapping[str, Any]], request: pytest.FixtureRequest) -> None:
    slow = sorted(taken, key=lambda name: -taken[name]["took"])[:3]
    large = sorted(taken, key=lambda name: -taken[name]["memory"] / (MEMORY + TIMES * taken[name]["size"]))[:3]
    lines = [f"{taken[name]['took']:.1f} s  {name} ({taken[name]['size'] // MIB} MiB)" for name in slow]
    lines += [f"{taken[name]['memory'] // MIB} MiB  {name} ({taken[name]['size'] // MIB} MiB)" for name in large]
    show(request.node, "The worst mails", lines)
