"""What operators are told of a database that takes no uploads, on whatever database tests run."""

import logging
from collections.abc import Iterator

import pytest
from django.db import OperationalError, ProgrammingError, connection

from tusbridge import causes
from tusbridge.errors import DatabaseUnavailable
from tusbridge.models import Upload
from tusbridge.rows import database_errors
from tusbridge.server import readiness

pytestmark = pytest.mark.django_db(transaction=True)

READ_ONLY = {
    "sqlite": ("PRAGMA query_only=1", "PRAGMA query_only=0"),
    "postgresql": ("SET default_transaction_read_only=on", "SET default_transaction_read_only=off"),
    "mysql": ("SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE"),
}


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    causes.forget()
    readiness._known.clear()
    yield
    causes.forget()


def _say(which: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(READ_ONLY[connection.vendor][which])


@pytest.fixture
def _read_only() -> Iterator[None]:
    _say(0)
    yield
    _say(1)


@pytest.fixture
def _without_column() -> Iterator[None]:
    field = Upload._meta.get_field("metadata")
    with connection.schema_editor() as editor:
        editor.remove_field(Upload, field)
    yield
    with connection.schema_editor() as editor:
        editor.add_field(Upload, field)


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [r for r in caplog.records if r.getMessage() == "database-error"]


@pytest.mark.usefixtures("_read_only")
def test_a_read_only_database_is_not_ready() -> None:
    assert readiness._is_read_only()


def test_a_database_that_can_be_written_is_ready() -> None:
    assert not readiness._is_read_only()


@pytest.mark.usefixtures("_without_column")
def test_a_missing_column_is_said_to_be_missing(caplog: pytest.LogCaptureFixture) -> None:
    assert readiness.check_database() == "a table or column is missing; run manage.py migrate"
    (record,) = logged(caplog)
    assert "metadata" in vars(record)["text"]


@pytest.mark.usefixtures("_read_only")
def test_the_log_says_why_a_write_was_refused_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        # each error ends the connection, and the setting with it
        _say(0)
        with pytest.raises(DatabaseUnavailable) as raised, database_errors("default"):
            Upload._base_manager.update(length=1)
        assert "read" not in str(raised.value).replace("reached", "")
    (record,) = logged(caplog)
    assert vars(record)["why"] == readiness.READ_ONLY
    assert vars(record)["error"] in {"OperationalError", "InternalError"}
    assert vars(record)["text"]


def test_a_missing_table_is_told_from_a_database_that_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        pytest.raises((DatabaseUnavailable, ProgrammingError)),
        database_errors("default"),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1 FROM nothing_of_this_name")
    (record,) = logged(caplog)
    assert vars(record)["why"].startswith("a table or column is missing")


def test_an_error_without_a_code_is_a_database_that_is_away() -> None:
    for vendor in ("postgresql", "mysql"):
        assert causes.reason(vendor, OperationalError()).startswith("the database cannot be")
