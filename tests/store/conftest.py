"""Every test of the store runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mailbot.store.engine import open_store
from mailbot.store.memory import Memory
from mailbot.store.migrations import migrate
from mailbot.store.outbox import Outbox


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mailbot.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def bare(url: str) -> Iterator[Engine]:
    """The empty database, opened; two seconds of patience."""
    engine = open_store(url, patience=2)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(bare: Engine) -> Engine:
    """The same with its tables."""
    migrate(bare)
    return bare


@pytest.fixture
def memory(engine: Engine) -> Memory:
    return Memory(engine)


@pytest.fixture
def outbox(engine: Engine) -> Outbox:
    return Outbox(engine)
