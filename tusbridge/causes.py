"""Why a database refuses a statement, in words for operators.

The log gets the exception's class and text. Clients and probes do not: the text may name hosts and
users.
"""

import logging
import time
from typing import Any

from django.db import connections

from tusbridge import drivers

logger = logging.getLogger("tusbridge")

# The same class and reason is logged once in so many seconds.
_QUIET_SECONDS = 10.0

_AWAY = "the database cannot be reached or is locked"
_OTHER = "the database refused a statement"
_READ_ONLY = "the database is read-only; uploads need one that can be written"
_MISSING = "a table or column is missing; run manage.py migrate"
_DENIED = "the database refuses this user; check its password and its rights on the tables"
_CROWDED = "the database has too many connections"
_FULL = "the database's disk is full"

# sqlite.org/rescode.html: SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH, SQLITE_CANTOPEN. The plain
# SQLITE_ERROR has no code of its own for a name that is not there, and its text is English always.
_SQLITE = {8: _READ_ONLY, 3: _DENIED, 23: _DENIED, 14: _AWAY, 5: _AWAY, 6: _AWAY}
_SQLITE_MISSING = ("no such table", "no such column", "has no column named")
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL = {
    **{"25006": _READ_ONLY, "42P01": _MISSING, "42703": _MISSING, "3F000": _MISSING},
    **{"42501": _DENIED, "28P01": _DENIED, "28000": _DENIED, "53300": _CROWDED},
}
# ER_OPTION_PREVENTS_STATEMENT, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE;
# ER_NO_SUCH_TABLE, ER_BAD_FIELD_ERROR; ER_DBACCESS_DENIED, ER_ACCESS_DENIED, ER_TABLEACCESS_DENIED,
# ER_COLUMNACCESS_DENIED; ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS
_MYSQL = {
    **dict.fromkeys((1290, 1792, 1836), _READ_ONLY),
    **dict.fromkeys((1146, 1054), _MISSING),
    **dict.fromkeys((1044, 1045, 1142, 1143), _DENIED),
    **dict.fromkeys((1040, 1203), _CROWDED),
}

_logged: dict[tuple[type[BaseException], str], float] = {}


def reason(vendor: str, error: BaseException) -> str:
    """What is wrong and what to do, from the driver's code; ``error`` is Django's, with the
    driver's behind it."""
    cause: Any = error.__cause__ or error
    if drivers.is_full(vendor, error):
        return _FULL
    if vendor == "sqlite":
        return _of_sqlite(cause)
    if vendor == "postgresql":
        code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        return _POSTGRESQL.get(code or "", _AWAY if _lacks_code(code) else _OTHER)
    return _MYSQL.get(cause.args[0] if cause.args else 0, _AWAY)


def _lacks_code(code: str | None) -> bool:
    # class 08 is the connection, 57P the server's end or start, 55P03 and 40 locks
    return not code or code.startswith(("08", "57P", "55P03", "40"))


def _of_sqlite(cause: Any) -> str:
    if any(words in str(cause) for words in _SQLITE_MISSING):
        return _MISSING
    # extended codes have the primary one in their last byte
    return _SQLITE.get(int(getattr(cause, "sqlite_errorcode", 0)) & 0xFF, _OTHER)


def log(using: str, error: BaseException) -> None:
    """Log the class and text of a database's error, each kind once in ten seconds."""
    why = reason(connections[using].vendor, error)
    key, now = (type(error), why), time.monotonic()
    if now - _logged.get(key, float("-inf")) < _QUIET_SECONDS:
        return
    _logged[key] = now
    text = " ".join(str(error).split())
    facts = {"database": using, "error": type(error).__name__, "text": text, "why": why}
    logger.error("database-error", extra=facts)


def forget() -> None:
    """Log each kind anew."""
    _logged.clear()
