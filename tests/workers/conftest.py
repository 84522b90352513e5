"""A stage for each database."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.stories.world import gathered
from tests.workers.plug import Database, Plug, Postgresql, Sqlite, plugged


@pytest.fixture(scope="session")
def plugs(dovecot: Dovecot, postgres: Postgres) -> Iterator[list[Plug]]:
    """The same network on SQLite and on PostgreSQL."""
    with ExitStack() as closing:
        folders = [Path(closing.enter_context(short_folder())) for _ in range(3)]
        cast = closing.enter_context(gathered(folders[0] / "people"))
        databases: list[Database] = [Sqlite(folders[1]), Postgresql(postgres)]
        stages = zip(folders[1:], databases, strict=True)
        yield [closing.enter_context(plugged(folder, cast, dovecot, database)) for folder, database in stages]


def short_folder() -> "tempfile.TemporaryDirectory[str]":
    """Short enough for the sockets of gpg-agent, which vanish while it is removed."""
    return tempfile.TemporaryDirectory(prefix="mb", dir="/tmp", ignore_cleanup_errors=True)
