"""Whole correspondences: the people, and a fresh network for each story."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailbot.playground.stage import Stage, set_up
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.stories.world import Cast, World, gathered, new_world


@pytest.fixture(scope="session")
def cast() -> Iterator[Cast]:
    """Everybody, with keys."""
    with _short_folder() as folder, gathered(Path(folder, "people")) as people:
        yield people


@pytest.fixture
def world(cast: Cast, dovecot: Dovecot, postfix: Postfix) -> Iterator[World]:
    """A network on Dovecot and Postfix."""
    with _short_folder() as folder:
        yield new_world(Path(folder), cast, dovecot, postfix)


@pytest.fixture(scope="module")
def lasting_world(cast: Cast, dovecot: Dovecot, postfix: Postfix) -> Iterator[World]:
    """The same, for all tests of one file; its mailboxes are those of `world`, so a file asks for one of the two."""
    with _short_folder() as folder:
        yield new_world(Path(folder), cast, dovecot, postfix)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The playground: its own servers and people; quicker."""
    with set_up() as stage:
        yield stage


def _short_folder() -> "tempfile.TemporaryDirectory[str]":
    """Short enough for the sockets of gpg-agent, which vanish while it is removed."""
    return tempfile.TemporaryDirectory(prefix="mb", dir="/tmp", ignore_cleanup_errors=True)
