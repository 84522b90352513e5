"""People, and a place for the robots."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.world import Cast, gathered


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
