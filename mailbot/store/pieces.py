"""Large octets on their way into SQLite, a piece at a time: bound whole they would lie in memory three times.

The driver copies them, SQLite makes a row of them, and the driver's kept statement holds its copy until it is used
again: at 25 MiB of mail a hundred MiB. The pieces go into the row's own pages, so that no octet is written twice more.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Connection, LargeBinary, Table, func, insert

LARGE = 1024 * 1024  # octets; what is smaller is bound as it is
_PIECE = 1024 * 1024


def are_by_pieces(connection: Connection, octets: bytes) -> bool:
    """Whether `insert_by_pieces` is the way to store them."""
    return connection.dialect.name == "sqlite" and len(octets) > LARGE


def insert_by_pieces(connection: Connection, table: Table, row: Mapping[str, Any], octets: bytes) -> int:
    """Insert the row, with these octets as its last column, `octets`; its number as SQLite counts rows."""
    zeros = func.zeroblob(len(octets), type_=LargeBinary)
    number = int(connection.execute(insert(table).values({**row, "octets": zeros})).lastrowid)
    driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    view = memoryview(octets)
    with driver.blobopen(table.name, "octets", number) as blob:
        for at in range(0, len(octets), _PIECE):
            blob.write(view[at : at + _PIECE])
    return number
