"""Whether uploads can be taken now, asked without writing to the database."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from tusbridge import causes
from tusbridge.models import get_upload_model

# That nothing is wrong serves all probes within so many seconds; a problem is looked at anew.
_CACHE_SECONDS = 1.0
READ_ONLY = "the database is read-only; uploads need one that can be written"

_lock = threading.Lock()
_known: dict[Callable[[], str], float] = {}


def cached(check: Callable[[], str]) -> str:
    """Empty where ``check`` found nothing wrong within the last second, else what it says now; one
    thread asks at a time."""
    with _lock:
        if time.monotonic() - _known.get(check, float("-inf")) < _CACHE_SECONDS:
            return ""
        said = check()
        if not said:
            _known[check] = time.monotonic()
        return said


def check_database() -> str:
    """What is wrong with the database, in words that hold no secret; empty: nothing is."""
    try:
        return _check()
    except (DatabaseError, InterfaceError) as error:
        if not connection.in_atomic_block:
            connection.close()
        causes.log(connection.alias, error)
        return causes.reason(connection.vendor, error)


def _check() -> str:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "migrations are pending; run manage.py migrate"
    # names each column, whatever the table of migrations says
    list(get_upload_model()._base_manager.using(connection.alias).order_by()[:1])
    return READ_ONLY if _is_read_only() else ""


def _is_read_only() -> bool:
    if connection.vendor == "sqlite":
        return _is_file_read_only()
    if connection.vendor == "postgresql":
        # a standby says so, too
        return bool(_ask("SELECT current_setting('transaction_read_only') = 'on'"))
    variable = "tx_read_only" if _is_mariadb() else "transaction_read_only"
    return bool(_ask(f"SELECT @@global.read_only OR @@session.{variable}"))


def _is_mariadb() -> bool:
    return bool(getattr(connection, "mysql_is_mariadb", False))


def _is_file_read_only() -> bool:
    """SQLite writes its file, and a journal beside it. Asked of the file system: a statement would
    wait for the writer's lock, or hold it."""
    if _ask("PRAGMA query_only"):
        return True
    path = next((row[2] for row in _all("PRAGMA database_list") if row[1] == "main"), "")
    places = (path, os.path.dirname(path)) if path else ()
    return not all(os.access(place, os.W_OK) for place in places)


def _ask(sql: str) -> Any:
    return _all(sql)[0][0]


def _all(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
