"""The lock files: what run.py installs satisfies pyproject.toml, is pinned by hash, and names no server."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
RUNTIME = ROOT / "requirements.lock"
TESTS = ROOT / "tests" / "requirements.lock"
PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9][0-9a-z.]*)(?: ; [^\\]+)?(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})+)"
)


def entries(lock: Path) -> list[str]:
    """One line for each package, continuation lines joined, comments left out."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r" \\\n\s+", " ", "\n".join(lines))
    return [line for line in joined.splitlines() if line]


def pins(lock: Path) -> dict[str, Version]:
    found = [PIN.fullmatch(entry) for entry in entries(lock)]
    return {pin["name"]: Version(pin["version"]) for pin in found if pin}


def wanted(lock: Path) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = project["project"]["dependencies"] if lock == RUNTIME else project["dependency-groups"]["test"]
    return [Requirement(text) for text in named]


@pytest.mark.parametrize("lock", [RUNTIME, TESTS], ids=["runtime", "tests"])
class TestLock:
    def test_every_entry_is_one_version_with_hashes(self, lock: Path) -> None:
        assert [entry for entry in entries(lock) if not PIN.fullmatch(entry)] == []
        assert len(pins(lock)) == len(entries(lock)) > 10

    def test_satisfies_pyproject(self, lock: Path) -> None:
        locked = pins(lock)
        unsatisfied = [
            str(requirement)
            for requirement in wanted(lock)
            if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), Version("0")))
        ]
        assert unsatisfied == []

    @pytest.mark.parametrize("trace", ["http", "://", "--index-url", "--extra-index-url", "--find-links", "file:", "@"])
    def test_names_no_server(self, lock: Path, trace: str) -> None:
        assert trace not in lock.read_text()


def test_both_agree_on_what_they_share() -> None:
    runtime, tests = pins(RUNTIME), pins(TESTS)
    shared = runtime.keys() & tests.keys()
    assert {name: runtime[name] for name in shared} == {name: tests[name] for name in shared}
