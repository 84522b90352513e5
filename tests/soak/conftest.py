"""People, a place for the robots, and the figures at the end of the run."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.world import Cast, gathered

FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def cast() -> Iterator[Cast]:
    """Everybody, with keys."""
    with _short_folder() as folder, gathered(Path(folder, "people")) as people:
        yield people


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder."""
    with _short_folder() as folder:
        yield Path(folder)


def _short_folder() -> "tempfile.TemporaryDirectory[str]":
    """Short enough for the sockets of gpg-agent, which vanish while it is removed."""
    return tempfile.TemporaryDirectory(prefix="mb", dir="/tmp", ignore_cleanup_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was done to the robots, and what came of it."""
    if lines := config.stash.get(FIGURES, []):
        terminalreporter.section("soak")
        terminalreporter.write("\n".join(lines) + "\n")
