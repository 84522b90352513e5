"""The database's versions: migrate() brings it to the newest, check_schema() says whether it is there.

Each version is a file in versions/, run by Alembic in one transaction. The only way is up: a backup is the way back.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from mailbot.store.engine import reading, writing


class SchemaTooNew(Exception):
    """The database was made by a newer mailbot: run that one, or restore a backup of the time before."""


class SchemaTooOld(Exception):
    """The database is empty, `version` None, or was made by an older mailbot: run `mailbot migrate`."""

    def __init__(self, version: str | None) -> None:
        """What was found, and what is needed, become the text."""
        super().__init__(f"the database is at version {version or 'none'}, this mailbot needs {newest_version()}")
        self.version = version


class BackwardsRefused(Exception):
    """Migrations only go forward: restore a backup of the time before instead."""


def migrate(engine: Engine) -> None:
    """Bring the database to the newest version, in one transaction; an up-to-date one is left alone.

    Two robots that start together take turns. Raises SchemaTooNew, StoreUnavailable.
    """
    with writing(engine) as connection:
        if _version(connection) != newest_version():
            _refuse_newer(connection)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def check_schema(engine: Engine) -> None:
    """Raises SchemaTooOld or SchemaTooNew if the database is not at the version that this program knows."""
    with reading(engine) as connection:
        version = _version(connection)
        if version == newest_version():
            return
        _refuse_newer(connection)
        raise SchemaTooOld(version)


def schema_version(engine: Engine) -> str | None:
    """The version that the database is at, or None if it is empty."""
    with reading(engine) as connection:
        return _version(connection)


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def steps(engine: Engine) -> tuple[str, ...]:
    """What migrate() would run, in order: version and what it is about. Raises SchemaTooNew."""
    with reading(engine) as connection:
        _refuse_newer(connection)
        version = _version(connection)
    path = ScriptDirectory.from_config(_config()).walk_revisions(version or "base", "heads")
    return tuple(f"{step.revision}: {step.doc}" for step in reversed(list(path)) if step.revision != version)


def newest_version() -> str:
    """The version that this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _refuse_newer(connection: Connection) -> None:
    version = _version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if version is not None and version not in known:
        newest = newest_version()
        raise SchemaTooNew(f"the database is at version {version}, this mailbot knows versions up to {newest}")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
