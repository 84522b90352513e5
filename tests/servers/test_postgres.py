"""PostgreSQL as the tests use it."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from tests.servers.postgres import Postgres


def test_every_test_has_an_empty_database(postgres: Postgres, postgres_url: str) -> None:
    assert postgres_url != postgres.database()
    engine = sa.create_engine(postgres_url)
    assert sa.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (x int)"))
    assert sa.inspect(sa.create_engine(postgres.database())).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_comes_back_with_what_was_committed(postgres: Postgres, postgres_url: str, end: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (x int)"))
    with engine.connect() as connection:
        getattr(postgres, end)()
        with pytest.raises(OperationalError):
            connection.execute(sa.text("SELECT 1"))
        connection.invalidate()
    with pytest.raises(OperationalError):
        sa.create_engine(postgres_url).connect()
    postgres.start()
    assert sa.inspect(engine).get_table_names() == ["t"]
    engine.dispose()


def test_cuts_connections(postgres: Postgres, postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        postgres.cut_connections()
        with pytest.raises(OperationalError):
            connection.execute(sa.text("SELECT 1"))
    engine.dispose()
