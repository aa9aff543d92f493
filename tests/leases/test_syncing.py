"""What SQLite waits for the disk for: what was acknowledged, and not who is at work just now."""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from tusbridge import leases
from tusbridge.errors import DatabaseUnavailable
from tusbridge.models import Upload
from tusbridge.rows import insert_row

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="it is about SQLite"),
]

OFF, NORMAL, FULL, EXTRA = range(4)
TOKEN = "1" * 32
Statement = Callable[[Upload], object]


def acquire(upload: Upload) -> bool:
    return leases.acquire(Upload, upload.pk, offset=0, token=TOKEN, ttl=60)


def acquire_unchanged(upload: Upload, **given: Any) -> bool:
    length = upload.length
    return leases.acquire_unchanged(
        Upload, upload.pk, offset=0, length=length, token=TOKEN, ttl=60, **given
    )


def commit(upload: Upload) -> bool:
    return leases.commit(
        Upload, upload.pk, token=TOKEN, old=0, new=5, ttl=60, values={}, release=True
    )


OF_HOLDERS: dict[str, Statement] = {
    "acquire": acquire,
    "acquire to append": acquire_unchanged,
    "renew": lambda upload: leases.renew(Upload, upload.pk, token=TOKEN, ttl=60),
    "release": lambda upload: leases.release(Upload, upload.pk, token=TOKEN),
    "beat": lambda upload: leases.beat(Upload, {upload.pk: TOKEN}, ttl=60),
}
OF_CLIENTS: dict[str, Statement] = {
    "acquire with a length": lambda upload: acquire_unchanged(upload, new_length=10),
    "commit": commit,
    "commit of the first bytes": lambda upload: leases.commit_first(
        Upload, upload.pk, length=upload.length, token=TOKEN, new=5, ttl=None, values={}
    ),
    "complete": lambda upload: leases.complete(Upload, upload.pk, token=TOKEN, values={}),
    "terminate": lambda upload: leases.terminate(Upload, upload.pk),
    "insert": lambda _: insert_row(Upload(length=10)),
}


def level() -> int:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        return int(cursor.fetchone()[0])


def set_to(name: str, value: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}={value}")


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = level()
    yield
    set_to("journal_mode", "WAL")
    set_to("synchronous", before)


def during(statement: Statement, upload: Upload) -> list[int]:
    """The level under each statement that changes something."""
    levels: list[int] = []

    def look(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith(("UPDATE", "INSERT")):
            levels.append(level())
        return execute(sql, *rest)

    with connection.execute_wrapper(look):
        statement(upload)
    return levels


@pytest.mark.parametrize("name", OF_HOLDERS)
@pytest.mark.parametrize("configured", [FULL, EXTRA])
def test_what_tells_of_a_holder_does_not_wait_for_the_disk(name: str, configured: int) -> None:
    upload = Upload.objects.create()
    set_to("synchronous", configured)
    assert during(OF_HOLDERS[name], upload) == [NORMAL]
    assert level() == configured


@pytest.mark.parametrize("name", OF_CLIENTS)
def test_what_a_client_is_told_does(name: str) -> None:
    upload = Upload.objects.create()
    set_to("synchronous", FULL)
    assert during(OF_CLIENTS[name], upload) == [FULL]


def test_a_journal_that_a_power_cut_breaks_is_synced() -> None:
    upload = Upload.objects.create()
    set_to("journal_mode", "DELETE")
    set_to("synchronous", FULL)
    assert during(acquire, upload) == [FULL]


def test_who_never_waits_does_not_begin_to() -> None:
    upload = Upload.objects.create()
    set_to("synchronous", OFF)
    assert during(acquire, upload) == [OFF]
    assert level() == OFF


def test_a_transaction_of_the_sites_is_as_it_made_it() -> None:
    upload = Upload.objects.create()
    set_to("synchronous", FULL)
    with transaction.atomic():
        assert during(acquire, upload) == [FULL]


def test_after_an_error_it_waits_again() -> None:
    upload = Upload.objects.create()
    set_to("synchronous", FULL)

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    with connection.execute_wrapper(fail), pytest.raises(ZeroDivisionError):
        acquire(upload)
    assert level() == FULL


@pytest.mark.parametrize("name", OF_HOLDERS)
def test_an_error_of_the_database_is_told_as_one(name: str) -> None:
    upload = Upload.objects.create()
    set_to("synchronous", FULL)

    def fail(*_: Any) -> Any:
        raise OperationalError("disk I/O error")

    with connection.execute_wrapper(fail), pytest.raises(DatabaseUnavailable):
        OF_HOLDERS[name](upload)


@pytest.mark.parametrize("name", OF_HOLDERS)
def test_so_is_one_that_comes_before_the_statement(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = Upload.objects.create()
    with monkeypatch.context() as patch:
        patch.setattr(connections[connection.alias], "connection", Locked())
        with pytest.raises(DatabaseUnavailable):
            OF_HOLDERS[name](upload)


class Locked:
    """SQLite's connection to a file that somebody holds."""

    in_transaction = False

    def execute(self, *_: Any) -> Any:
        raise sqlite3.OperationalError("database is locked")

    def close(self) -> None:
        """Nothing."""
