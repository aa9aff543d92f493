"""Reading one upload's row, with the SQL built once.

Building the query is what a read through the ORM costs (0.5 ms of 0.6); the statement itself
is still the ORM's, for whatever model and database the site has. ``database_errors`` is where
the database's errors become ours.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connections,
    router,
    transaction,
)
from django.db.models import DurationField
from django.db.models.signals import post_save, pre_save

from tusbridge import carrying, causes, drivers
from tusbridge.errors import DatabaseUnavailable, RowRefused, StoreFull, Unauthenticated
from tusbridge.models import AbstractUpload, owner_of
from tusbridge.statements import DatabaseNow, Insert, Slot, until

logger = logging.getLogger("tusbridge")

_PLACEHOLDER_ID = "0" * 32
# What stands for characters that a database does not know: tried in turn, from those that few know
# (MySQL's ``utf8`` of three bytes, PostgreSQL's text without NUL) to those beyond ASCII.
_REPLACEMENTS = (
    (re.compile("[\x00\ud800-\udfff\U00010000-\U0010ffff]"), "\ufffd"),
    (re.compile("[^\x01-\xff]"), "_"),
    (re.compile("[^\x01-\x7f]"), "_"),
)
# SQLite's level that syncs a write-ahead log at checkpoints alone
_SYNCHRONOUS_NORMAL = 1
_INSERT = Insert()
# no column of a site's model can have this name
_TTL = "lease ttl"
_INSERT_LEASED = Insert(
    {
        "lease_until": until(Slot(_TTL, output_field=DurationField())),
        "progress_at": DatabaseNow(),
    }
)


@dataclass(frozen=True, slots=True)
class _Select:
    sql: str
    names: tuple[str, ...]
    converters: tuple[tuple[int, tuple[Callable[..., Any], ...], Any], ...]


def database_of(model: type[AbstractUpload]) -> str:
    """The alias rows are read from and written to: replicas lag behind, and an offset may not."""
    return router.db_for_write(model)


@contextmanager
def database_errors(using: str) -> Iterator[None]:
    """Log why, and translate.

    :raises DatabaseUnavailable: it is away, locked or read-only.
    :raises StoreFull: its disk is full."""
    try:
        yield
    except ProgrammingError as error:
        causes.log(using, error)
        raise
    except (OperationalError, InterfaceError, InternalError) as error:
        _drop_broken(using)
        causes.log(using, error)
        vendor = connections[using].vendor
        if drivers.is_full(vendor, error):
            raise StoreFull from error
        raise DatabaseUnavailable(is_refused=drivers.is_refused(vendor, error)) from error


def is_certain(error: BaseException) -> bool:
    """Whether a statement that raised this had no effect, and will have none; what it was to name
    may go. An answer that was lost is not certain, nor is the end of a process in its midst."""
    if isinstance(error, DatabaseUnavailable):
        return error.is_refused
    refused = StoreFull | RowRefused | Unauthenticated
    return isinstance(error, refused | IntegrityError | DataError | ProgrammingError | ValueError)


def _drop_broken(using: str) -> None:
    """Close the thread's connection, so that the next statement makes a new one."""
    connection = connections[using]
    if not connection.in_atomic_block:
        connection.close()


@contextmanager
def outlasting_crashes_only(using: str) -> Iterator[None]:
    """Statements that need not outlast the machine, only its processes: SQLite does not wait for
    the disk, where its journal is one that a power cut leaves whole (sqlite.org/wal.html). What is
    committed next waits for these, too. Other databases outlive our processes, and do as ever.

    Raises what :func:`database_errors` does.
    """
    connection = connections[using]
    with database_errors(using):
        before = _synchronous(connection) if connection.vendor == "sqlite" else None
        if before is None:
            yield
            return
        sqlite = connection.connection
        _pragma(connection, "synchronous=NORMAL")
        try:
            yield
        finally:
            # one that was closed after an error is made anew, as it is configured
            if connection.connection is sqlite:
                _pragma(connection, f"synchronous={before}")


def _synchronous(connection: Any) -> int | None:
    """How SQLite syncs, where it does so at each commit and that can be changed just now."""
    connection.ensure_connection()
    if connection.connection.in_transaction:
        return None
    level = int(_pragma(connection, "synchronous"))
    is_whole = level > _SYNCHRONOUS_NORMAL and _pragma(connection, "journal_mode") == "wal"
    return level if is_whole else None


def _pragma(connection: Any, text: str) -> Any:
    with connection.wrap_database_errors:
        row = connection.connection.execute(f"PRAGMA {text}").fetchone()
    return row and row[0]


def is_within_transaction(using: str) -> bool:
    """Whether what is done now may be rolled back by the site; a test case's own does not count."""
    blocks: Any = connections[using].atomic_blocks
    return any(not block._from_testcase for block in blocks)


def after_commit(work: Callable[[], None], using: str) -> None:
    """Do what cannot be undone once the site's transaction is committed, if there is one."""
    if is_within_transaction(using):
        transaction.on_commit(work, using=using)
    else:
        work()


def release_connections() -> None:
    """Give this thread's database connections back before it waits for a client: all but those on
    which the site's middleware may have set something."""
    kept = carrying.kept()
    for connection in connections.all(initialized_only=True):
        if not (connection.in_atomic_block or connection.alias in kept):
            connection.close()


def insert_row(upload: AbstractUpload, *, lease_ttl: float | None = None) -> None:
    """Insert a new upload, with a lease for ``lease_ttl`` seconds from now. Where the database does
    not know a character of its name, that becomes a replacement character; ``metadata`` has the
    name as it was sent.

    :raises IntegrityError: a unique key is taken.
    :raises RowRefused: the database takes no such row.
    :raises Unauthenticated: its owner is not there any more.
    :raises DatabaseUnavailable: it may be there or not.
    """
    using = database_of(type(upload))
    vendor = connections[using].vendor
    with database_errors(using):
        for pattern, replacement in _REPLACEMENTS:
            try:
                _insert(upload, using, lease_ttl)
            except (DataError, OperationalError, ValueError) as error:
                if not drivers.is_about_text(vendor, error):
                    raise
                upload.filename = pattern.sub(replacement, upload.filename)
                upload.content_type = pattern.sub(replacement, upload.content_type)
            else:
                return
        _insert(upload, using, lease_ttl)


def _has_lost_owner(upload: AbstractUpload, using: str) -> bool:
    """Whether the row would be that of a user who was deleted, perhaps a moment ago."""
    if not owner_of(type(upload), upload.user_id) or upload.user_id is None:
        return False
    field: Any = upload._meta.get_field("user")
    users = field.remote_field.model._base_manager.using(using)
    return not users.filter(**{field.target_field.name: upload.user_id}).exists()


def _insert(upload: AbstractUpload, using: str, lease_ttl: float | None) -> None:
    try:
        _insert_as_it_is(upload, using, lease_ttl)
    except (IntegrityError, DataError) as error:
        vendor = connections[using].vendor
        if drivers.is_taken(vendor, error) or drivers.is_about_text(vendor, error):
            raise
        if _has_lost_owner(upload, using):
            raise Unauthenticated from error
        logger.exception("row-refused", extra={"model": upload._meta.label})
        raise RowRefused(drivers.empty_column(vendor, error)) from error


def _insert_as_it_is(upload: AbstractUpload, using: str, lease_ttl: float | None) -> None:
    is_inside = connections[using].in_atomic_block
    upload.note_owner()
    with transaction.atomic(using=using) if is_inside else nullcontext():
        if not _is_plain(upload):
            if lease_ttl is not None:
                upload.lease_until, upload.progress_at = until(lease_ttl), DatabaseNow()
            upload.save(using=using, force_insert=True)
        elif lease_ttl is None:
            _INSERT.run(upload, using, {})
        else:
            _INSERT_LEASED.run(upload, using, {_TTL: timedelta(seconds=lease_ttl)})


def _is_plain(upload: AbstractUpload) -> bool:
    """Whether saving it does no more than insert a row: the site has no ``save`` of its own, no
    model that derives from one with a table, no receiver, and nothing that the database makes."""
    model = type(upload)
    return not (
        model.save is not AbstractUpload.save
        or model._meta.parents
        or pre_save.has_listeners(model)
        or post_save.has_listeners(model)
        or any(field.generated for field in model._meta.local_concrete_fields)
        or any(hasattr(value, "resolve_expression") for value in vars(upload).values())
    )


def get_row(model: type[AbstractUpload], upload_id: str) -> AbstractUpload | None:
    """The upload's row, or None.

    :raises DatabaseUnavailable: the database does not answer.
    """
    using = database_of(model)
    with database_errors(using):
        connection = connections[using]
        select = _compile(model, using)
        with connection.cursor() as cursor:
            cursor.execute(select.sql, [upload_id])
            row = cursor.fetchone()
    if row is None:
        return None
    values = list(row)
    for index, converters, expression in select.converters:
        for convert in converters:
            values[index] = convert(values[index], expression, connection)
    return model.from_db(using, select.names, values)


@lru_cache(maxsize=32)
def _compile(model: type[AbstractUpload], using: str) -> _Select:
    queryset = model._base_manager.using(using).filter(upload_id=_PLACEHOLDER_ID)
    compiler = queryset.query.get_compiler(using)
    sql, params = compiler.as_sql()
    assert tuple(params) == (_PLACEHOLDER_ID,), "the only parameter is the id"
    columns = [column for column, _, _ in compiler.select]
    converters = compiler.get_converters(columns)
    return _Select(
        sql=sql,
        names=tuple(column.target.attname for column in columns),
        converters=tuple(
            (index, tuple(functions), expression)
            for index, (functions, expression) in converters.items()
        ),
    )
