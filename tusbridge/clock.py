"""The time by a database's clock: leases end by it, and so uploads expire by it, whatever the
clock of the host says.

It is asked once a minute, and reckoned on from there by a clock that nobody sets.
"""

import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.conf import settings
from django.db import connections
from django.utils import timezone

from tusbridge.errors import UploadError
from tusbridge.models import AbstractUpload
from tusbridge.rows import database_errors, database_of

# Seconds until it is asked again, and until the next try where it could not be asked.
_MEASURE_SECONDS = 60.0
_TRY_SECONDS = 5.0

# Seconds since 1970 by the clock of each kind. SQLite's is the host's own.
_QUERIES = {
    "postgresql": "SELECT EXTRACT(EPOCH FROM CLOCK_TIMESTAMP())",
    "mysql": "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1000000",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What it said, when by our own clock, and when it is to be asked again; in seconds."""

    said: float
    at: float
    due: float


_measured: dict[str, _Measured] = {}
_lock = threading.Lock()


def database_now(model: type[AbstractUpload]) -> datetime:
    """The time by the clock of the database that the model's rows are in.

    :raises DatabaseUnavailable: it was never asked, and cannot be asked now.
    """
    using = database_of(model)
    if connections[using].vendor not in _QUERIES:
        return timezone.now()
    known = _known(using)
    now = datetime.fromtimestamp(known.said + time.monotonic() - known.at, UTC)
    if settings.USE_TZ:
        return now
    return timezone.make_naive(now, timezone.get_default_timezone())


def _known(using: str) -> _Measured:
    known = _measured.get(using)
    if known is None:
        known = _measured[using] = _measure(using)
    elif time.monotonic() >= known.due and _lock.acquire(blocking=False):
        # by one thread, and the others go on with what is known
        try:
            known = _measured[using] = _measure_again(using, known)
        finally:
            _lock.release()
    return known


def _measure_again(using: str, known: _Measured) -> _Measured:
    try:
        return _measure(using)
    except UploadError:
        # whatever asks for the time need not fail for that
        return replace(known, due=time.monotonic() + _TRY_SECONDS)


def _measure(using: str) -> _Measured:
    with database_errors(using), connections[using].cursor() as cursor:
        before = time.monotonic()
        cursor.execute(_QUERIES[connections[using].vendor])
        (said,) = cursor.fetchone()
        after = time.monotonic()
    return _Measured(said=float(said), at=(before + after) / 2, due=after + _MEASURE_SECONDS)


def forget() -> None:
    """Ask again at the next occasion."""
    _measured.clear()
