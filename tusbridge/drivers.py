"""What the databases' drivers say of an error, by its code.

Never by its text: that may hold the name of a host or of a database, and be in any language.
"""

import re
import sqlite3
from collections.abc import Callable
from typing import Any

# What SQLite says where its disk is full: of writing, and, when the file is opened anew, of the
# shared memory beside a write-ahead log (sqlite.org/rescode.html).
_SQLITE_FULL = {sqlite3.SQLITE_FULL, getattr(sqlite3, "SQLITE_IOERR_SHMSIZE", 4874)}
# What it refuses before anything is written. After other errors, of a sync say, a log that is read
# anew may hold the transaction all the same.
_SQLITE_REFUSED = _SQLITE_FULL | {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL),
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL_FULL = "53100"
# serialization failures, deadlocks, locks and statements that were waited for too long, read-only
# transactions, servers that are starting; and class 53, resources
_POSTGRESQL_REFUSED = {"40001", "40P01", "55P03", "57014", "25006", "57P03"}
_POSTGRESQL_RESOURCES = "53"
# ER_DISK_FULL, ER_RECORD_FILE_FULL
_MYSQL_FULL = {1021, 1114}
# What passes an error of the operating system on, whose number is in the text: EE_WRITE,
# ER_CANT_CREATE_FILE, ER_CANT_CREATE_TABLE, ER_ERROR_ON_WRITE, ER_GET_ERRNO. 28 is ENOSPC.
_MYSQL_SYSTEM = {3, 1004, 1005, 1026, 1030}
_MYSQL_NO_SPACE = re.compile(r"\b(?:error|errno|errcode):? 28\b", re.IGNORECASE)
# locks that were waited for too long, deadlocks, read-only servers; and what is said of connections
# that do not come about
_MYSQL_REFUSED = {1205, 1213, 1290} | {2002, 2003, 2005, 1040, 1044, 1045, 1049}

_SQLITE_TAKEN = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
_POSTGRESQL_TAKEN, _POSTGRESQL_EMPTY = "23505", "23502"
# character_not_in_repertoire, untranslatable_character
_POSTGRESQL_TEXT = {"22021", "22P05"}
# ER_DUP_ENTRY, ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
_MYSQL_TAKEN, _MYSQL_TEXT = 1062, 1366
# Names of columns are the site's own; nothing else of such a text is used.
_EMPTY_COLUMN = re.compile(
    r"NOT NULL constraint failed: \w+\.(\w+)|Column '(\w+)' cannot be null|"
    r"Field '(\w+)' doesn't have a default value"
)


def is_full(vendor: str, error: BaseException) -> bool:
    """Whether the database's disk is full. ``error`` is Django's, with the driver's behind it."""
    return _ask(_FULL, vendor, error)


def is_refused(vendor: str, error: BaseException) -> bool:
    """Whether the statement had no effect, and will have none. False where that cannot be told:
    an answer may be lost, and a server may go on with what its client has given up."""
    return _ask(_REFUSED, vendor, error)


def is_taken(vendor: str, error: BaseException) -> bool:
    """Whether a unique key is taken."""
    return _ask(_TAKEN, vendor, error)


def is_about_text(vendor: str, error: BaseException) -> bool:
    """Whether it is a character that the connection or a column cannot hold."""
    cause = error.__cause__ or error
    return isinstance(cause, UnicodeError) or _ask(_ABOUT_TEXT, vendor, error)


def empty_column(vendor: str, error: BaseException) -> str:
    """The column that has to have a value, and got none; empty where the error is another one."""
    cause: Any = error.__cause__ or error
    if vendor == "postgresql" and _sqlstate(cause) == _POSTGRESQL_EMPTY:
        return str(getattr(getattr(cause, "diag", None), "column_name", None) or "")
    texts = [arg for arg in cause.args if isinstance(arg, str)]
    found = _EMPTY_COLUMN.search(texts[-1]) if texts else None
    return next(filter(None, found.groups()), "") if found else ""


def _ask(table: dict[str, Callable[[Any], bool]], vendor: str, error: BaseException) -> bool:
    judge = table.get(vendor)
    return judge is not None and judge(error.__cause__ or error)


def _sqlite_code(error: Any) -> int:
    return int(getattr(error, "sqlite_errorcode", 0))


def _is_sqlite_full(error: Any) -> bool:
    return _sqlite_code(error) in _SQLITE_FULL


def _is_sqlite_refused(error: Any) -> bool:
    code = _sqlite_code(error)
    # extended codes have the primary one in their last byte
    return code in _SQLITE_REFUSED or code & 0xFF in _SQLITE_REFUSED


def _sqlstate(error: Any) -> str:
    # psycopg's name for it, and psycopg2's
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


def _is_postgresql_full(error: Any) -> bool:
    return _sqlstate(error) == _POSTGRESQL_FULL


def _is_postgresql_refused(error: Any) -> bool:
    code = _sqlstate(error)
    # psycopg names the connection in errors of an attempt to connect, and in no others
    is_unconnected = getattr(error, "pgconn", None) is not None
    is_refused = code in _POSTGRESQL_REFUSED or code.startswith(_POSTGRESQL_RESOURCES)
    return is_unconnected or is_refused


def _is_mysql_full(error: Any) -> bool:
    code, text = (*error.args, None, None)[:2]
    is_passed_on = code in _MYSQL_SYSTEM and bool(_MYSQL_NO_SPACE.search(str(text)))
    return code in _MYSQL_FULL or is_passed_on


def _is_mysql_refused(error: Any) -> bool:
    return not _MYSQL_REFUSED.isdisjoint(error.args[:1]) or _is_mysql_full(error)


def _is_sqlite_taken(error: Any) -> bool:
    return _sqlite_code(error) in _SQLITE_TAKEN


def _is_postgresql_taken(error: Any) -> bool:
    return _sqlstate(error) == _POSTGRESQL_TAKEN


def _is_mysql_taken(error: Any) -> bool:
    return bool(error.args[:1] == (_MYSQL_TAKEN,))


def _is_about_postgresql_text(error: Any) -> bool:
    # for NUL both drivers raise an error of their own, before the server is asked
    is_theirs = not _sqlstate(error) and "NUL" in str(error)
    return _sqlstate(error) in _POSTGRESQL_TEXT or is_theirs


def _is_about_mysql_text(error: Any) -> bool:
    return bool(error.args[:1] == (_MYSQL_TEXT,))


_TAKEN: dict[str, Callable[[Any], bool]] = {
    "sqlite": _is_sqlite_taken,
    "postgresql": _is_postgresql_taken,
    "mysql": _is_mysql_taken,
}
_ABOUT_TEXT: dict[str, Callable[[Any], bool]] = {
    "postgresql": _is_about_postgresql_text,
    "mysql": _is_about_mysql_text,
}
_FULL: dict[str, Callable[[Any], bool]] = {
    "sqlite": _is_sqlite_full,
    "postgresql": _is_postgresql_full,
    "mysql": _is_mysql_full,
}
_REFUSED: dict[str, Callable[[Any], bool]] = {
    "sqlite": _is_sqlite_refused,
    "postgresql": _is_postgresql_refused,
    "mysql": _is_mysql_refused,
}
