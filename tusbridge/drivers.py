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


def is_full(vendor: str, error: BaseException) -> bool:
    """Whether the database's disk is full. ``error`` is Django's, with the driver's behind it."""
    return _ask(_FULL, vendor, error)


def is_refused(vendor: str, error: BaseException) -> bool:
    """Whether the statement had no effect, and will have none. False where that cannot be told:
    an answer may be lost, and a server may go on with what its client has given up."""
    return _ask(_REFUSED, vendor, error)


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
