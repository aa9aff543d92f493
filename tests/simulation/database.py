"""SQLite at its edge: each statement is a step, may fail or lose its answer, and waits for locks in
simulated time. Connections are pooled beneath Django's, for making one is what a run would spend
most of its time on.
"""

import json
import random
import sqlite3
from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.db.backends.sqlite3 import base

from tests.simulation.world import Actor, Killed, Process, World, here

_real_execute = base.SQLiteCursorWrapper.execute
_real_new = base.DatabaseWrapper.get_new_connection
_real_commit = base.DatabaseWrapper._commit
_real_rollback = base.DatabaseWrapper._rollback
# Simulated seconds for which a statement waits for another's transaction.
_PATIENCE = 5.0
_pool: list[sqlite3.Connection] = []
_KINDS = {"SELECT": "sql", "INSERT": "change", "UPDATE": "change", "DELETE": "change"}
# connections whose commits do not wait for the disk just now
_careless: set[int] = set()
# by connection: Django's wrapper that has it, and whose it is
_used: dict[int, tuple[sqlite3.Connection, Any, Process | None]] = {}


def _strftime(template: str, moment: str = "now", *rest: str) -> str | None:
    world = here.world
    if world is None or moment.lower() != "now" or rest:
        return None
    now = datetime.fromtimestamp(world.wall, UTC)
    return now.strftime("%Y-%m-%d %H:%M:%S.") + f"{now.microsecond // 1000:03d}"


def _new(self: Any, params: Any) -> Any:
    world = here.world
    actor = world.current if world is not None else None
    if actor is not None and actor.is_dying:
        raise Killed
    if _pool:
        connection = _pool.pop()
    else:
        connection = _real_new(self, params)
        connection.create_function("strftime", -1, _strftime)
    _used[id(connection)] = connection, self, actor.process if actor else None
    return connection


def _close(self: Any) -> None:
    connection = self.connection
    if connection is not None and _used.get(id(connection), (0, 0))[1] is self:
        del _used[id(connection)]
        connection.rollback()
        _pool.append(connection)


def roll_back(process: Process) -> None:
    """The process is dead: what it had open goes."""
    for key, (connection, _, owner) in list(_used.items()):
        if owner is process:
            del _used[key]
            connection.rollback()
            _pool.append(connection)


def tidy(actor: Actor) -> None:
    """Leave the thread's connection as a new thread would find it."""
    for connection in connections.all(initialized_only=True):
        if actor.is_dying:
            _close(connection)
            del connections[connection.alias]
        else:
            connection.close()


def _execute(self: Any, query: str, params: Any = None) -> Any:
    world = here.world
    if world is None or world.current is None:
        return _real_execute(self, query, params)
    return _run(world, self, query, params)


def _run(world: World, cursor: Any, query: str, params: Any) -> Any:
    verb = query.split(" ", 1)[0]
    if verb == "PRAGMA":
        _notice_pragma(cursor, query)
        return _real_execute(cursor, query, params)
    kind = _KINDS.get(verb, "begin")
    fault = world.step(_told(verb, query, params) if world.story is not None else verb, kind)
    world.files.linger(verb)  # type: ignore[attr-defined]
    if fault is not None and fault[0] == "fail":
        raise sqlite3.OperationalError("the database fails")
    if fault is not None and fault[0] == "late":
        # within a transaction it would go with the connection
        if not cursor.connection.in_transaction:
            _later(world, query, params, fault[1])
        raise sqlite3.OperationalError("the connection was given up")
    if kind == "change":
        _keep_leases(world, cursor)
    deadline = world.now + _PATIENCE
    while True:
        try:
            result = _real_execute(cursor, query, params)
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or world.now >= deadline:
                raise
        world.sleep(0.05)
    if world.story is not None and verb in {"UPDATE", "DELETE"}:
        world.tell(f"   {cursor.rowcount} rows")
    if fault is not None and fault[0] == "lost":
        raise sqlite3.OperationalError("the connection is gone")
    return result


def _notice_pragma(cursor: Any, query: str) -> None:
    name, _, value = query.removeprefix("PRAGMA ").partition("=")
    if name == "synchronous" and value:
        (_careless.add if value == "NORMAL" else _careless.discard)(id(cursor.connection))


def _keep_leases(world: Any, cursor: Any) -> None:
    """Before a change that need not outlast a power cut: what there is if it does not. Whatever is
    committed with care keeps all that was before."""
    if id(cursor.connection) not in _careless or cursor.connection.in_transaction:
        world.leases = None
    elif world.leases is None:
        columns = "lease_token, lease_until, progress_at, id"
        found = cursor.connection.execute(f"SELECT {columns} FROM tusbridge_upload")
        world.leases = found.fetchall()


def cut(world: Any, rng: random.Random) -> None:
    """The power goes: the last changes of leases alone may be undone."""
    if world.leases is None or rng.random() < 0.5:
        return
    connection: Any = connections["default"]
    connection.ensure_connection()
    connection.connection.executemany(
        "UPDATE tusbridge_upload SET lease_token = ?, lease_until = ?, progress_at = ? "
        "WHERE id = ?",
        world.leases,
    )
    world.tell("   the last changes of leases are undone")
    world.leases = None


def _told(verb: str, query: str, params: Any) -> str:
    text = query.replace('"', "").replace("tusbridge_upload.", "")
    if verb == "SELECT":
        text = f"SELECT ... {text[text.find(' WHERE') :]}" if " WHERE" in text else text[:60]
    elif verb == "INSERT":
        text = "INSERT"
    return f"{text[:150]} {[p for p in params or () if p is not None]!r:.150}"


def _later(world: World, query: str, params: Any, seconds: float) -> None:
    """The statement takes effect when nobody waits for it any more."""
    process = Process("database")

    def work() -> None:
        world.sleep(seconds)
        with connections["default"].cursor() as cursor:
            try:
                _real_execute(cursor.cursor, query, params)
                world.tell("the late statement takes effect")
            except sqlite3.Error as error:
                world.tell(f"the late statement fails: {error}")

    world.spawn(f"late{world.count}", work, process)


def _commit(self: Any) -> None:
    world = here.world
    if world is None or world.current is None or self.connection is None:
        _real_commit(self)
        return
    fault = world.step("COMMIT", "commit")
    if fault is not None and fault[0] == "fail":
        with self.wrap_database_errors:
            raise sqlite3.OperationalError("the commit fails")
    _real_commit(self)
    if fault is not None and fault[0] == "lost":
        with self.wrap_database_errors:
            raise sqlite3.OperationalError("the commit's answer is lost")


def _rollback(self: Any) -> None:
    world = here.world
    if world is not None and world.current is not None and world.current.is_dying:
        raise Killed
    _real_rollback(self)


def install() -> None:
    """For all connections from now on."""
    base.SQLiteCursorWrapper.execute = _execute  # type: ignore[method-assign]
    wrapper: Any = base.DatabaseWrapper
    wrapper.get_new_connection, wrapper._close = _new, _close
    wrapper._commit, wrapper._rollback = _commit, _rollback


def reset(tables: tuple[str, ...]) -> None:
    """Empty tables."""
    connection: Any = connections["default"]
    connection.ensure_connection()
    raw = connection.connection
    raw.execute("BEGIN")
    for table in tables:
        raw.execute(f"DELETE FROM {table}")
    raw.execute("DELETE FROM sqlite_sequence")
    raw.execute("COMMIT")
    connection.close()


class Row:
    """A row of the table of uploads, as it is."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.upload_id: str = columns["upload_id"]
        self.status: int = columns["status"]
        self.offset: int = columns["offset"]
        self.length: int | None = columns["length"]
        self.concat: str = columns["concat"]
        self.file: str = columns["file"]
        self.storage_alias: str = columns["storage_alias"]
        self.store_state: dict[str, Any] = json.loads(columns["store_state"])
        self.lease_token: str | None = columns["lease_token"]
        self.is_finished = self.status == _COMPLETE and self.concat != "partial"
        self.is_complete = self.status == _COMPLETE

    def __str__(self) -> str:
        held = "held" if self.lease_token else "free"
        return (
            f"status {self.status}, offset {self.offset} of {self.length}, concat {self.concat!r}, "
            f"state {self.store_state}, lease {held}, file {self.file!r}"
        )


_COMPLETE = 2


def rows(where: str = "1", *params: Any) -> list[Row]:
    """Uploads, read past Django."""
    return [Row(found) for found in read(f"SELECT * FROM tusbridge_upload WHERE {where}", *params)]


def read(query: str, *params: Any) -> list[dict[str, Any]]:
    """What a statement gives, past Django."""
    connection: Any = connections["default"]
    connection.ensure_connection()
    cursor = connection.connection.execute(query, params)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
