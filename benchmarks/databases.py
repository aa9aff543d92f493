"""Databases with very many uploads in them, made by SQL.

The rows are those of real uploads again and again, with other ids. The table is tusbridge's; its
columns are asked for, so that a new one is no change here.
"""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.failures import NotOffered

_TABLE = "tusbridge_upload"
# A fill waits so long for the server's own sweep to let go of the database.
_BUSY_SECONDS = 30


def fill_sqlite(path: Path, count: int) -> None:
    """Copy rows until there are ``count``. Nothing is left in the write-ahead log."""
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({_TABLE})")]
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {})"
        ((there,),) = database.execute(f"SELECT COUNT(*) FROM {_TABLE}")
        missing = max(0, count - there)
        names, values = _copied(columns, "lower(hex(randomblob(16)))")
        times = -(-missing // there)
        database.execute(
            f"INSERT INTO {_TABLE} ({names}) {numbers.format(times)} "
            f"SELECT {values} FROM n, {_TABLE} t LIMIT {missing}"
        )
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill_postgresql(url: str, count: int) -> None:
    """Likewise; then what autovacuum would do in a minute."""
    with closing(_connected(url)) as connection:
        asked = "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        columns = [row[0] for row in connection.execute(asked, [_TABLE])]
        ((there,),) = connection.execute(f"SELECT COUNT(*) FROM {_TABLE}")
        missing = max(0, count - there)
        names, values = _copied(columns, "replace(gen_random_uuid()::text, '-', '')")
        times = -(-missing // there)
        connection.execute(
            f"INSERT INTO {_TABLE} ({names}) SELECT {values} "
            f"FROM generate_series(1, {times}) n, {_TABLE} t LIMIT {missing}"
        )
        connection.execute(f"VACUUM ANALYZE {_TABLE}")


@contextmanager
def new_postgresql(server: str) -> Iterator[str]:
    """The URL of a new database beside the one that the URL ``server`` names; dropped at the end.

    :raises NotOffered: there is no such server, or no psycopg.
    """
    name = f"tusbridge_bench_{uuid.uuid4().hex[:12]}"
    try:
        connection = _connected(server)
    except Exception as error:
        raise NotOffered(f"no PostgreSQL there: {str(error).strip().splitlines()[0]}") from error
    with closing(connection):
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _copied(columns: list[str], new_id: str) -> tuple[str, str]:
    """The columns of a new row, and where each gets its value from."""
    kept = [name for name in columns if name not in {"id", "upload_id"}]
    quoted = [f'"{name}"' for name in kept]
    return ", ".join(["upload_id", *quoted]), ", ".join([new_id, *(f"t.{q}" for q in quoted)])


def _connected(url: str) -> Any:
    import psycopg

    return psycopg.connect(url, autocommit=True, connect_timeout=5)
