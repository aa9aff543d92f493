"""Checks of the database's settings."""

import importlib.util
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, models
from django.test.utils import isolate_apps

from tests.checks.support import ids
from tests.support.serve import require
from tusbridge.checks import database
from tusbridge.conf import Options
from tusbridge.models import AbstractUpload


class ToChecked:
    """Sends uploads to the database that is looked at."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "checked"


class TestDatabase:
    @pytest.fixture
    def database(self, settings: Any) -> Iterator[Callable[..., None]]:
        def forget() -> None:
            if connections.settings.pop("checked", None):
                del connections["checked"]

        def configure(**values: Any) -> None:
            forget()
            all_ = connections.configure_settings({"default": {}, "checked": values})
            connections.settings["checked"] = all_["checked"]

        settings.DATABASE_ROUTERS = [f"{__name__}.ToChecked"]
        yield configure
        forget()

    @pytest.fixture
    def sqlite(self, database: Any, tmp_path: Path) -> Callable[..., None]:
        def configure(**values: Any) -> None:
            wal = {"init_command": "PRAGMA journal_mode=WAL;"}
            given = {"NAME": tmp_path / "db.sqlite3", "OPTIONS": wal} | values
            database(ENGINE="django.db.backends.sqlite3", **given)

        return configure

    @pytest.fixture
    def postgresql(self, database: Any) -> Callable[..., None]:
        require(importlib.util.find_spec("psycopg"), "psycopg")
        return lambda **values: database(ENGINE="django.db.backends.postgresql", NAME="x", **values)

    def test_databases_that_are_right(self, sqlite: Any) -> None:
        sqlite(CONN_MAX_AGE=None)
        assert ids() == []

    def test_E011_a_database_that_commits_nothing_by_itself(self, sqlite: Any) -> None:  # noqa: N802
        sqlite(AUTOCOMMIT=False)
        assert ids() == ["E011"]

    def test_atomic_requests_are_fine(self, sqlite: Any) -> None:
        sqlite(ATOMIC_REQUESTS=True)
        assert ids() == []

    def test_W003_sqlite_without_wal(self, sqlite: Any, tmp_path: Path) -> None:  # noqa: N802
        sqlite(OPTIONS={})
        assert ids() == ["W003"]
        with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as raw:
            raw.execute("CREATE TABLE t (x)")
            assert ids() == ["W003"]
            raw.execute("PRAGMA journal_mode=WAL")
        assert ids() == []

    @pytest.mark.parametrize(
        "command", ["PRAGMA journal_mode=WAL", "pragma Journal_Mode = 'wal'; PRAGMA x=1"]
    )
    def test_wal_in_many_spellings(self, sqlite: Any, command: str) -> None:
        sqlite(OPTIONS={"init_command": command})
        assert ids() == []

    @pytest.mark.parametrize("name", [":memory:", "file:shared?mode=memory&cache=shared"])
    def test_in_memory_there_is_no_wal(self, sqlite: Any, name: str) -> None:
        sqlite(NAME=name, OPTIONS={})
        assert ids() == []

    @pytest.mark.service
    def test_W004_statements_that_fail_instead_of_waiting(self, postgresql: Any) -> None:  # noqa: N802
        from django.db.backends.postgresql.psycopg_any import IsolationLevel

        postgresql(OPTIONS={"isolation_level": IsolationLevel.READ_COMMITTED})
        assert ids() == []
        for level in (IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE):
            postgresql(OPTIONS={"isolation_level": level})
            assert ids() == ["W004"]

    @pytest.mark.service
    @pytest.mark.parametrize("age", [None, 60])
    def test_W005_connections_that_may_be_dead(self, postgresql: Any, age: int | None) -> None:  # noqa: N802
        postgresql(CONN_MAX_AGE=0)
        assert ids() == []
        postgresql(CONN_MAX_AGE=age, CONN_HEALTH_CHECKS=True)
        assert ids() == []
        postgresql(CONN_MAX_AGE=age)
        assert ids() == ["W005"]


@isolate_apps("tests.gallery")
def test_columns_that_nothing_fills_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Demanding(AbstractUpload):
        campaign = models.IntegerField()
        note = models.CharField(max_length=9)
        maybe = models.IntegerField(null=True)
        zero = models.IntegerField(default=0)
        dated = models.DateField(auto_now_add=True)

        class Meta:
            app_label = "gallery"

    monkeypatch.setattr(database, "get_upload_model", lambda: Demanding)
    (found,) = database.check_model(Options())
    assert found.id == "tusbridge.W040"
    assert "default: campaign. " in found.msg


@isolate_apps("tests.gallery")
def test_a_save_of_the_sites_own_may_fill_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Filled(AbstractUpload):
        campaign = models.IntegerField()

        class Meta:
            app_label = "gallery"

        def save(self, *args: Any, **kwargs: Any) -> None:
            self.campaign = 7
            super().save(*args, **kwargs)

    monkeypatch.setattr(database, "get_upload_model", lambda: Filled)
    assert list(database.check_model(Options())) == []


def test_the_model_that_comes_along_needs_nothing() -> None:
    assert list(database.check_model(Options())) == []
