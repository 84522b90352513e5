"""The database's versions: upwards, once, all or nothing, and the same as schema.py says."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from mailbot.core.decision import Folder
from mailbot.store import migrations
from mailbot.store.engine import StatementRefused, open_store, reading, writing
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.migrations import (
    BackwardsRefused,
    SchemaTooNew,
    SchemaTooOld,
    check_schema,
    migrate,
    schema_version,
)
from mailbot.store.migrations.ladder import configuration
from mailbot.store.schema import metadata

ROOT = Path(__file__).parents[2]

PICTURE = {
    "sqlite": [  # not as they are written: a column that was added stands at the end of what made its table
        """SELECT t.name, t.strict, instr(made.sql, 'AUTOINCREMENT') > 0, c.cid, c.name, c.type, c."notnull",
        c.dflt_value, c.pk FROM pragma_table_list t JOIN sqlite_master made ON made.name = t.name
        JOIN pragma_table_xinfo(t.name) c WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite_%' ORDER BY 1, 4""",
        """SELECT t.name, f."from", f."table", f."to" FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f
        WHERE t.type = 'table' ORDER BY 1, 2""",
        """SELECT t.name, i.origin, (SELECT group_concat(name) FROM pragma_index_info(i.name)) FROM sqlite_master t
        JOIN pragma_index_list(t.name) i WHERE t.type = 'table' AND i.origin <> 'c' ORDER BY 1, 2, 3""",
        "SELECT type, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name",
    ],
    "postgresql": [
        """SELECT table_name, column_name,
        row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position),
        data_type, is_nullable, column_default, is_identity, identity_generation
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2""",
        """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
    ],
}


def picture(connection: Connection) -> list[tuple[Any, ...]]:
    """Every table, column, constraint and index of the database, as it describes them itself."""
    rows = [row for query in PICTURE[connection.dialect.name] for row in connection.execute(text(query))]
    seen = [tuple(row) for row in rows if not {"alembic_version", "trigger"} & set(row)]
    return [row for row in seen if row[1] != "alembic_version_pkc"]


def test_the_migrations_make_what_the_schema_says(engine: Engine) -> None:
    with writing(engine) as connection:
        migrated = picture(connection)
        metadata.drop_all(connection)
        metadata.create_all(connection)
        assert picture(connection) == migrated
        assert len(migrated) > 27 if connection.dialect.name == "sqlite" else len(migrated) > 100


def test_an_empty_database_is_too_old(bare: Engine) -> None:
    assert schema_version(bare) is None
    with pytest.raises(SchemaTooOld, match="version none"):
        check_schema(bare)


def test_a_migrated_database_fits_and_is_left_alone(engine: Engine) -> None:
    check_schema(engine)
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO attempts VALUES ('d', 1, '2026-01-01')"))
    migrate(engine)
    check_schema(engine)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM attempts")).scalar() == 1


def test_a_database_of_a_newer_mailbot_is_refused(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for step in (check_schema, migrate):
        with pytest.raises(SchemaTooNew, match="version 9999"):
            step(engine)


def test_the_newest_version_is_told_by_its_file_as_alembic_would() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert migrations.newest_version() == scripts.get_current_head()
    assert migrations._known() == {script.revision for script in scripts.walk_revisions()}


def test_there_is_no_way_back(engine: Engine) -> None:
    config = configuration()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        with pytest.raises(BackwardsRefused):
            command.downgrade(config, "base")
    check_schema(engine)


def test_a_migration_that_fails_leaves_nothing(bare: Engine) -> None:
    with writing(bare) as connection:
        connection.execute(text("CREATE TABLE journal (x integer)"))
    with pytest.raises(Exception, match=r"journal|DuplicateTable"):
        migrate(bare)
    assert schema_version(bare) is None
    with writing(bare) as connection:
        connection.execute(text("DROP TABLE journal"))
    migrate(bare)
    check_schema(bare)


def test_robots_that_start_together_take_turns(bare: Engine, url: str) -> None:
    faults: list[Exception] = []

    def start() -> None:
        engine = open_store(url)
        try:
            migrate(engine)
        except Exception as fault:  # noqa: BLE001  # whatever it is, the test fails
            faults.append(fault)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    check_schema(bare)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET event = 'x'",
        "UPDATE journal SET event = 'x' WHERE number = 1",
        "DELETE FROM journal",
        "DELETE FROM journal WHERE number = 1",
    ],
)
def test_the_journal_refuses_to_be_changed(engine: Engine, statement: str) -> None:
    insertion = "INSERT INTO journal VALUES ({}, '2026-01-01', 'e', NULL, NULL, '{{}}', '', 'h')"
    with writing(engine) as connection:
        connection.execute(text(insertion.format(1)))
    with pytest.raises(StatementRefused), writing(engine) as connection:
        connection.execute(text(statement))
    with reading(engine) as connection:
        assert connection.execute(text("SELECT number, event FROM journal")).all() == [(1, "e")]


def test_the_journal_refuses_to_be_emptied_or_replaced(engine: Engine) -> None:
    row = "INTO journal VALUES (1, '2026-01-01', 'e', NULL, NULL, '{}', '', 'h')"
    with writing(engine) as connection:
        connection.execute(text(f"INSERT {row}"))
    other_way = {"sqlite": f"INSERT OR REPLACE {row}", "postgresql": "TRUNCATE journal"}
    with pytest.raises(StatementRefused), writing(engine) as connection:
        connection.execute(text(other_way[engine.dialect.name]))


def test_what_the_first_version_kept_is_there_in_the_newest(bare: Engine) -> None:
    """A row in each table of the first version that people would miss, however many versions follow."""
    config = configuration()
    with writing(bare) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in FIRST:
            words = (
                {"octets": "BLOB", "no": "0"} if bare.dialect.name == "sqlite" else {"octets": "bytea", "no": "false"}
            )
            connection.execute(text(statement.format(**words)))
    migrate(bare)
    check_schema(bare)
    assert migrations.steps(bare) == ()
    memory = Memory(bare)
    assert memory.folder_of("d") is Folder.DONE
    original = memory.original("d")
    assert original is not None
    assert original.octets == b"sealed"
    assert [mail.label for mail in memory.held_mails()] == ["H-1"]
    assert Journal(bare).head() == (1, "h")


FIRST = (
    "INSERT INTO incoming (digest, folder, handled_at) VALUES ('d', 'Done', '2026-01-01T00:00:00Z')",
    (
        "INSERT INTO originals (digest, octets, sealed_by_robot, came_sealed, kept_at)"
        " SELECT 'd', CAST('sealed' AS {octets}), {no}, {no}, '2026-01-01T00:00:00Z'"
    ),
    (
        "INSERT INTO held (digest, reason, state, held_at, sender, size)"
        " VALUES ('d', 'untagged', 'waiting', '2026-01-01T00:00:00Z', 'a@b.example', 1)"
    ),
    "INSERT INTO journal VALUES (1, '2026-01-01T00:00:00Z', 'e', NULL, NULL, '{{}}', '', 'h')",
)


def test_a_robot_whose_database_is_up_to_date_loads_neither_alembic_nor_psycopg(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'db'}"
    engine = open_store(url)
    migrate(engine)
    engine.dispose()
    program = """
import sys
from mailbot.cli import running
from mailbot.store.engine import open_store
from mailbot.store.migrations import check_schema
check_schema(open_store(sys.argv[1]))
print([name for name in ("alembic", "psycopg", "matplotlib", "weasyprint") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
