"""Uploads expire by the database's clock, whatever that of the host says."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.service.test_service import NOBODY, make, row
from tusbridge import clock
from tusbridge.clock import database_now
from tusbridge.errors import DatabaseUnavailable, UploadGone
from tusbridge.models import Upload
from tusbridge.service import UploadService
from tusbridge.statements import DatabaseNow

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    clock.forget()
    yield
    clock.forget()


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    """The database's clock is so far ahead of the host's."""
    seconds = (datetime.now(UTC) + ahead).timestamp()
    monkeypatch.setitem(clock._QUERIES, connection.vendor, f"SELECT {seconds:f}")
    clock.forget()


def set_monotonic(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    monotonic = time.monotonic
    monkeypatch.setattr("tusbridge.clock.time.monotonic", lambda: monotonic() + ahead)


def test_it_is_the_databases() -> None:
    """As leases have it; asked of the database itself."""
    upload = Upload.objects.create(progress_at=DatabaseNow())
    upload.refresh_from_db()
    assert abs(database_now(Upload) - upload.progress_at) < timedelta(seconds=2)


@pytest.mark.parametrize("ahead", [-2 * DAY, 2 * DAY], ids=["behind", "ahead"])
def test_r14_an_upload_of_a_host_with_a_wrong_clock_lives_as_long_as_any(
    service: UploadService, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    set_clock(monkeypatch, ahead)
    upload = make(service)
    expires_at = row(upload).expires_at
    assert expires_at is not None
    now = datetime.now(UTC) + ahead
    assert abs(expires_at - now - DAY) < timedelta(seconds=30)
    assert service.sweep().removed == 0
    assert service.head(upload.upload_id, NOBODY).offset == 0
    set_clock(monkeypatch, ahead + DAY + timedelta(minutes=1))
    with pytest.raises(UploadGone):
        service.head(upload.upload_id, NOBODY)
    assert service.sweep().removed == 1


def test_a_clock_that_is_given_is_taken(media: Path) -> None:
    later = UploadService(clock=lambda: timezone.now() + 2 * DAY)
    assert later.clock() - timezone.now() > DAY


def test_it_is_asked_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    set_clock(monkeypatch, DAY)
    with django_assert_num_queries(1):
        first = database_now(Upload)
        assert all(database_now(Upload) >= first for _ in range(100))
    set_monotonic(monkeypatch, 59)
    with django_assert_num_queries(0):
        assert database_now(Upload) - first >= timedelta(seconds=58)
    set_monotonic(monkeypatch, 61)
    with django_assert_num_queries(1):
        database_now(Upload)


def test_r12_a_database_that_is_away_does_not_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An append that has bytes to commit tries that, and not this, again."""
    set_clock(monkeypatch, DAY)
    first = database_now(Upload)
    set_monotonic(monkeypatch, 61)
    asked: list[str] = []

    def away(using: str) -> Any:
        asked.append(using)
        raise DatabaseUnavailable

    monkeypatch.setattr(clock, "_measure", away)
    for _ in range(10):
        assert database_now(Upload) - first >= timedelta(seconds=60)
    assert len(asked) == 1
    clock.forget()
    with pytest.raises(DatabaseUnavailable):
        database_now(Upload)


def test_while_one_asks_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, DAY)
    database_now(Upload)
    set_monotonic(monkeypatch, 61)
    asks, hold = threading.Event(), threading.Event()
    measure = clock._measure

    def slow(using: str) -> Any:
        asks.set()
        hold.wait(10)
        try:
            return measure(using)
        finally:
            connection.close()

    monkeypatch.setattr(clock, "_measure", slow)
    thread = threading.Thread(target=database_now, args=(Upload,))
    thread.start()
    try:
        assert asks.wait(10)
        started = time.perf_counter()
        database_now(Upload)
        assert time.perf_counter() - started < 5
    finally:
        hold.set()
        thread.join(10)


def test_a_site_without_time_zones_has_naive_times(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.USE_TZ = False
    set_clock(monkeypatch, timedelta(0))
    now = database_now(Upload)
    assert now.tzinfo is None
    expected = timezone.make_naive(datetime.now(UTC), timezone.get_default_timezone())
    assert abs(now - expected) < timedelta(seconds=30)
