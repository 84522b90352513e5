"""The database's versions: migrate() brings it to the newest, check_schema() says whether it is there.

Each version is a file in versions/, run by Alembic in one transaction. The only way is up: a backup is the way back.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from mailbot.store.engine import reading, writing

_TABLE = "alembic_version"


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
            from mailbot.store.migrations.ladder import climb  # noqa: PLC0415 - see there

            climb(connection)


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
    if not inspect(connection).has_table(_TABLE):
        return None
    version = connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar()  # noqa: S608 - a constant
    return None if version is None else str(version)


def steps(engine: Engine) -> tuple[str, ...]:
    """What migrate() would run, in order: version and what it is about. Raises SchemaTooNew."""
    with reading(engine) as connection:
        _refuse_newer(connection)
        version = _version(connection)
    from mailbot.store.migrations.ladder import above  # noqa: PLC0415 - see there

    return above(version)


def newest_version() -> str:
    """The version that this program needs."""
    return max(_known())


def _refuse_newer(connection: Connection) -> None:
    version = _version(connection)
    if version is not None and version not in _known():
        newest = newest_version()
        raise SchemaTooNew(f"the database is at version {version}, this mailbot knows versions up to {newest}")


def _known() -> frozenset[str]:
    """The files in versions/ begin with the versions that they lead to."""
    return frozenset(file.name.partition("_")[0] for file in (Path(__file__).parent / "versions").glob("[0-9]*_*.py"))
