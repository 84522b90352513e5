"""Alembic, which runs the versions: loaded only where there is something to run, for it is large and slow to load."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def climb(connection: Connection) -> None:
    """Run every version above the database's, in the transaction of this connection."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def above(version: str | None) -> tuple[str, ...]:
    """What climb() would run, in order: version and what it is about."""
    path = ScriptDirectory.from_config(configuration()).walk_revisions(version or "base", "heads")
    return tuple(f"{step.revision}: {step.doc}" for step in reversed(list(path)) if step.revision != version)


def configuration() -> Config:
    """What Alembic would read from a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
