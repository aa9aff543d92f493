"""The rows' model, and the database that it lies in."""

import re
from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.models.fields import AutoFieldMixin

from tusbridge.checks import catalogue
from tusbridge.conf import Options
from tusbridge.models import AbstractUpload, get_upload_model
from tusbridge.rows import database_of

_WAL = re.compile(r"journal_mode\s*=\s*['\"]?wal\b", re.IGNORECASE)
# Where a SQLite file says by which journal it is read and written; 2 is WAL (SQLite, "Database
# File Format", 1.3.3).
_VERSIONS = slice(18, 20)
_WAL_VERSIONS = b"\x02\x02"


def check_model(options: Options) -> Iterator[CheckMessage]:
    """Whether the model is one for uploads, of which tus can make rows."""
    try:
        model = get_upload_model()
    except ImproperlyConfigured as error:
        yield catalogue.WRONG_MODEL(why=error)
        return
    columns = [field.name for field in model._meta.concrete_fields if _stays_empty(field)]
    # the owner is asked for by a check of its own: anonymous uploads have none
    columns = [name for name in columns if name != "user"]
    if columns and model.save is AbstractUpload.save:
        yield catalogue.EMPTY_COLUMN(model=model._meta.label, columns=", ".join(columns))


def _stays_empty(field: Any) -> bool:
    """Whether an instance that is made without a value for the field cannot be stored."""
    is_filled = field.auto_created or field.generated or field.has_db_default()
    is_dated = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    is_key = field.primary_key and isinstance(field, AutoFieldMixin)
    return not (field.null or is_filled or is_dated or is_key or field.get_default() is not None)


def check_database(options: Options) -> Iterator[CheckMessage]:
    """Whether the database's settings suit single statements that many requests make at once."""
    try:
        alias = database_of(get_upload_model())
    except ImproperlyConfigured:
        return
    connection = connections[alias]
    config = connection.settings_dict
    if not config["AUTOCOMMIT"]:
        yield catalogue.NO_AUTOCOMMIT(alias=alias)
    if connection.vendor == "sqlite":
        if not _uses_wal(config):
            yield catalogue.NO_WAL(alias=alias)
    elif config["CONN_MAX_AGE"] != 0 and not config["CONN_HEALTH_CHECKS"]:
        yield catalogue.NO_HEALTH_CHECKS(alias=alias)
    if connection.vendor == "postgresql" and _is_isolated(config):
        yield catalogue.ISOLATION(alias=alias)


def _uses_wal(config: dict[str, Any]) -> bool:
    """By the settings, or because the file has been put into this mode, in which it stays."""
    name = str(config["NAME"])
    if ":memory:" in name or name.startswith("file:"):
        return True  # there is no such mode, or no telling
    if _WAL.search(str(config["OPTIONS"].get("init_command", ""))):
        return True
    try:
        with open(name, "rb") as file:
            return file.read(_VERSIONS.stop)[_VERSIONS] == _WAL_VERSIONS
    except OSError:
        return False


def _is_isolated(config: dict[str, Any]) -> bool:
    """Whether statements that meet at a row fail instead of waiting for each other."""
    from django.db.backends.postgresql.psycopg_any import (  # noqa: PLC0415 needs the driver
        IsolationLevel,
    )

    level = config["OPTIONS"].get("isolation_level", IsolationLevel.READ_COMMITTED)
    return level in {IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE}
