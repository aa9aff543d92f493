"""What the databases say of their errors: by what the drivers really raise, wherever they are."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import InternalError, OperationalError, connection

from tests.faults.disks import fill, mounted
from tusbridge import drivers, leases
from tusbridge.errors import DatabaseUnavailable, StoreFull
from tusbridge.models import Upload
from tusbridge.rows import database_errors

FULL_NAME = "the-full.invalid"


def wrapped(error: BaseException, kind: type[Exception] = OperationalError) -> Exception:
    """As Django raises it."""
    try:
        raise kind(*error.args) from error
    except kind as outer:
        return outer


def fill_sqlite() -> None:
    def ask(name: str) -> int:
        cursor.execute(f"PRAGMA {name}")
        return int(cursor.fetchone()[0])

    with connection.cursor() as cursor:
        # of this connection, which goes with the error
        cursor.execute(f"PRAGMA max_page_count = {ask('page_count')}")
        size = (ask("freelist_count") + 100) * ask("page_size")
    with database_errors("default"):
        Upload.objects.create(metadata="x" * size)


def raise_in_postgresql() -> None:
    with database_errors("default"), connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$")


def fill_in_mysql() -> None:
    with database_errors("default"), connection.cursor() as cursor:
        cursor.execute("SET max_heap_table_size = 16384")
        cursor.execute("CREATE TEMPORARY TABLE small (a CHAR(255)) ENGINE = MEMORY")
        for _ in range(1000):
            cursor.execute("INSERT INTO small VALUES (REPEAT('x', 255))")


@pytest.mark.django_db(transaction=True)
def test_r11_a_database_without_room_is_full() -> None:
    raising: dict[str, Callable[[], None]] = {
        "sqlite": fill_sqlite,
        "postgresql": raise_in_postgresql,
        "mysql": fill_in_mysql,
    }
    with pytest.raises(StoreFull):
        raising[connection.vendor]()
    connection.close()
    assert Upload.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_r12_a_database_that_is_away_is_not_full_whatever_its_name() -> None:
    """Else a DELETE would remove the bytes before its record, to make room."""
    error = OperationalError(f"could not connect to {FULL_NAME}")
    with pytest.raises(DatabaseUnavailable) as caught, database_errors("default"):
        raise error
    assert not caught.value.is_refused


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_waited_for_in_vain_is_a_refusal() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("of SQLite's own")
    name = connection.settings_dict["NAME"]
    with closing(sqlite3.connect(name, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(DatabaseUnavailable) as caught:
            leases.renew(Upload, 1, token="x", ttl=1)
        other.execute("ROLLBACK")
    assert caught.value.is_refused


def insert_many(name: str) -> None:
    with closing(sqlite3.connect(name, isolation_level=None)) as opened:
        for _ in range(100):
            opened.execute("INSERT INTO t VALUES (?)", ["x" * 3000])


@pytest.mark.root
@pytest.mark.parametrize("leave", [0, 4096, 40960])
def test_r11_whatever_sqlite_says_on_a_full_disk(tmp_path: Path, leave: int) -> None:
    """One that has to be opened anew cannot even make its shared memory."""
    with mounted("tmpfs", tmp_path / "small", 1024 * 1024) as place:
        name = str(place / "full.sqlite3")
        with closing(sqlite3.connect(name, isolation_level=None)) as first:
            first.execute("PRAGMA journal_mode = WAL")
            first.execute("CREATE TABLE t (a)")
        fill(place, leave)
        with pytest.raises(sqlite3.Error) as caught:
            insert_many(name)
    assert drivers.is_full("sqlite", wrapped(caught.value))
    assert drivers.is_refused("sqlite", wrapped(caught.value))


def test_sqlite_that_fails_in_another_way(tmp_path: Path) -> None:
    (tmp_path / "full.sqlite3").write_bytes(os.urandom(4096))
    with (
        pytest.raises(sqlite3.DatabaseError) as caught,
        closing(sqlite3.connect(tmp_path / "full.sqlite3")) as opened,
    ):
        opened.execute("CREATE TABLE t (a)")
    assert not drivers.is_full("sqlite", wrapped(caught.value))
    assert not drivers.is_refused("sqlite", wrapped(caught.value))


def test_postgresql_that_cannot_be_reached() -> None:
    psycopg: Any = pytest.importorskip("psycopg")
    for place in (f"host={FULL_NAME}", "host=127.0.0.1 port=1 dbname=full"):
        with pytest.raises(psycopg.OperationalError) as caught:
            psycopg.connect(place, connect_timeout=5)
        assert not drivers.is_full("postgresql", wrapped(caught.value))
    assert drivers.is_refused("postgresql", wrapped(caught.value)), "nothing was ever asked"


@pytest.mark.parametrize(
    ("code", "is_full", "is_refused"),
    [
        ("53100", True, True),
        ("53300", False, True),
        ("40P01", False, True),
        ("57P01", False, False),
        ("08006", False, False),
        (None, False, False),
    ],
)
def test_postgresqls_codes(code: str | None, is_full: bool, is_refused: bool) -> None:
    error: Any = Exception("full")
    error.sqlstate = code
    assert drivers.is_full("postgresql", wrapped(error)) == is_full
    assert drivers.is_refused("postgresql", wrapped(error)) == is_refused


@pytest.mark.parametrize(
    ("arguments", "is_full", "is_refused"),
    [
        ((1114, "The table 't' is full"), True, True),
        ((1021, "Disk full"), True, True),
        ((1030, 'Got error 28 "No space left on device" from storage engine InnoDB'), True, True),
        ((3, 'Error writing file (Errcode: 28 "No space left on device")'), True, True),
        ((1030, 'Got error 281 "full" from storage engine InnoDB'), False, False),
        ((2005, f"Unknown server host '{FULL_NAME}' (-2)"), False, True),
        ((1049, "Unknown database 'full'"), False, True),
        ((1205, "Lock wait timeout exceeded"), False, True),
        ((2013, "Lost connection to server during query"), False, False),
        ((2006, "Server has gone away"), False, False),
        ((), False, False),
    ],
)
def test_mysqls_codes(arguments: tuple[Any, ...], is_full: bool, is_refused: bool) -> None:
    error = wrapped(Exception(*arguments), InternalError)
    assert drivers.is_full("mysql", error) == is_full
    assert drivers.is_refused("mysql", error) == is_refused


def test_of_a_database_that_is_not_known_nothing_is_said() -> None:
    assert not drivers.is_full("oracle", wrapped(Exception("full")))
    assert not drivers.is_refused("oracle", wrapped(Exception("full")))
