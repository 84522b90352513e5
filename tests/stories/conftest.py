"""Whole correspondences: the people, and a fresh network for each story."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.stories.world import Cast, World, gathered, new_world


@pytest.fixture(scope="session")
def cast() -> Iterator[Cast]:
    """Everybody, with keys."""
    with _short_folder() as folder, gathered(Path(folder, "people")) as people:
        yield people


@pytest.fixture(scope="module")
def world(cast: Cast, dovecot: Dovecot, postfix: Postfix) -> Iterator[World]:
    """A network on Dovecot and Postfix, shared by the tests of one file."""
    with _short_folder() as folder:
        yield new_world(Path(folder), cast, dovecot, postfix)


def _short_folder() -> "tempfile.TemporaryDirectory[str]":
    """Short enough for the sockets of gpg-agent, which vanish while it is removed."""
    return tempfile.TemporaryDirectory(prefix="mb", dir="/tmp", ignore_cleanup_errors=True)
