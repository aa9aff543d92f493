"""The lease: who may append to an upload. Single UPDATE statements, token in every WHERE.

Every time is the database's own, so clocks of hosts do not matter. Every statement is its own
transaction: none is open, and no connection is needed, while a client's bytes are on their way.
A holder that made no progress for the time to live may be robbed at once, which is safe: its
commits name its token, and so do its writes (``stores``).
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from tusbridge.errors import DatabaseUnavailable
from tusbridge.models import AbstractUpload, Concat, Status, row_model
from tusbridge.rows import database_errors, database_of, outlasting_crashes_only
from tusbridge.statements import TTL, DatabaseNow, Exists, Slot, Update, until

T = TypeVar("T")

# Waits in seconds between tries of a statement that must not be given up lightly.
_RETRY_WAITS = (0.05, 0.25, 1.0)
# After so many seconds no new try is begun: each may wait for the database's own time-out.
_INSIST_SECONDS = 6.0
# Seconds after which whoever confirms and gives no sign of life is dead.
CONFIRMING_TTL_SECONDS = 10.0
# Ids in one statement: below every database's limit of parameters.
_BATCH = 400


def new_token() -> str:
    """A token that no other holder ever has."""
    return uuid.uuid4().hex


def free() -> Q:
    """Rows whose lease nobody holds, or whose holder fell silent."""
    return Q(lease_token__isnull=True) | Q(lease_until__lt=DatabaseNow())


def held() -> Q:
    """Rows whose lease somebody holds who makes progress."""
    return Q(lease_token__isnull=False, lease_until__gte=DatabaseNow())


# What the statements of every request are made of, built once for each model and database.
_TOKEN = Slot("token", "lease_token")
_UNTIL = until(TTL)
_FREED: dict[str, Any] = {"lease_token": None, "lease_until": None}
_TAKEN = {"lease_token": _TOKEN, "lease_until": _UNTIL, "progress_at": DatabaseNow()}
_MINE = Q(pk=Slot("pk"), lease_token=_TOKEN)
_MINE_UPLOADING = _MINE & Q(status=Status.UPLOADING)
_AT_OFFSET = Q(pk=Slot("pk"), status=Status.UPLOADING, offset=Slot("offset")) & free()
_IN_BETWEEN = _MINE_UPLOADING & Q(offset__in=[Slot("old", "offset"), Slot("new", "offset")])
_MOVED = {"offset": Slot("new", "offset"), "progress_at": DatabaseNow()}

_IS_MINE = Exists(_MINE_UPLOADING)
_ACQUIRE = Update(_AT_OFFSET, _TAKEN)
# a length that is not known is compared as this one, which none is
_UNKNOWN = -1
_UNCHANGED = _AT_OFFSET & Q(
    Exact(Coalesce(F("length"), Value(_UNKNOWN)), Slot("as_read", "length"))
)
_ACQUIRE_UNCHANGED = Update(_UNCHANGED, _TAKEN)
_RENEW = Update(_MINE_UPLOADING, _TAKEN)
_COMMIT = Update(_IN_BETWEEN, {**_MOVED, "lease_until": _UNTIL})
_COMMIT_LAST = Update(_IN_BETWEEN, {**_MOVED, **_FREED})
# of an upload that was handed to another program a statement that hung must not take hold
_FIRST = _UNCHANGED & Q(file="")
_COMMIT_FIRST = Update(_FIRST, {**_TAKEN, **_MOVED})
_COMMIT_FIRST_AND_LAST = Update(_FIRST, {**_FREED, **_MOVED})
_COMPLETE = Update(_MINE_UPLOADING, {"status": Status.COMPLETE, **_FREED})
_RELEASE = Update(_MINE, _FREED)
_TELLING = Q(
    pk=Slot("pk"),
    status=Status.COMPLETE,
    announce_at__in=[Slot("one", "announce_at"), Slot("other", "announce_at")],
)
_KEEP_TELLING = Update(_TELLING, {"announce_at": Slot("now", "announce_at")})
_END_TELLING = Update(_TELLING, {"announce_at": None})


def _run(
    statement: Update,
    model: type[AbstractUpload],
    given: Mapping[str, Any],
    columns: Mapping[str, Any] | None = None,
) -> bool:
    """Whether the one row was as the statement wants it."""
    using = database_of(model)
    with database_errors(using):
        return statement.run(row_model(model), using, given, columns) == 1


def _run_for_holders(
    statement: Update, model: type[AbstractUpload], given: Mapping[str, Any]
) -> bool:
    """As :func:`_run`, of what tells only who holds the lease: no holder outlasts the machine that
    SQLite is on."""
    using = database_of(model)
    with outlasting_crashes_only(using):
        return statement.run(row_model(model), using, given) == 1


def _update(model: type[AbstractUpload], where: Q, values: Mapping[str, Any]) -> int:
    using = database_of(model)
    with database_errors(using):
        return row_model(model)._base_manager.using(using).filter(where).update(**values)


def acquire(
    model: type[AbstractUpload],
    pk: Any,
    *,
    offset: int,
    token: str,
    ttl: float,
) -> bool:
    """Take the lease of an upload that is at ``offset`` bytes and has no live holder.

    :raises DatabaseUnavailable: nothing was changed, or the lease runs out after ``ttl`` seconds.
    """
    given = {"pk": pk, "offset": offset, "token": token, "ttl": timedelta(seconds=ttl)}
    return _run_for_holders(_ACQUIRE, model, given)


def acquire_unchanged(
    model: type[AbstractUpload],
    pk: Any,
    *,
    offset: int,
    length: int | None,
    token: str,
    ttl: float,
    new_length: int | None = None,
) -> bool:
    """As :func:`acquire`, of an upload whose ``length`` is as it was read, too: an upload that was
    completed at its offset in the meantime, by a request that has died since, takes no more bytes.
    ``new_length`` is set in the same statement.

    :raises DatabaseUnavailable: nothing was changed, or the lease runs out after ``ttl`` seconds.
    """
    given = {"pk": pk, "offset": offset, "token": token, "ttl": timedelta(seconds=ttl)}
    given["as_read"] = _UNKNOWN if length is None else length
    if new_length is not None:
        return _run(_ACQUIRE_UNCHANGED, model, given, {"length": new_length})
    return _run_for_holders(_ACQUIRE_UNCHANGED, model, given)


def renew(model: type[AbstractUpload], pk: Any, *, token: str, ttl: float) -> bool:
    """Keep the lease for another ``ttl`` seconds; False when it is lost."""
    given = {"pk": pk, "token": token, "ttl": timedelta(seconds=ttl)}
    return _run_for_holders(_RENEW, model, given)


def commit(
    model: type[AbstractUpload],
    pk: Any,
    *,
    token: str,
    old: int,
    new: int,
    ttl: float,
    values: Mapping[str, Any],
    release: bool,
) -> bool:
    """Move the offset from ``old`` to ``new`` bytes; False when the lease is lost.

    The bytes must be durable before. Idempotent while the lease is kept: tried again a few
    times, for the database may have lost nothing but its answer.

    :raises DatabaseUnavailable: after about 1.5 s of tries, besides the database's own time-outs;
        with ``release`` also where a try whose answer was lost may have moved it.
    """
    given = {"pk": pk, "token": token, "old": old, "new": new, "ttl": timedelta(seconds=ttl)}
    if release:
        return _insist_once(lambda: _run(_COMMIT_LAST, model, given, values))
    return _insist(lambda: _run(_COMMIT, model, given, values))


def commit_first(
    model: type[AbstractUpload],
    pk: Any,
    *,
    length: int | None,
    token: str,
    new: int,
    ttl: float | None,
    values: Mapping[str, Any],
) -> bool:
    """:func:`acquire_unchanged` and :func:`commit` in one, from offset 0 to ``new`` bytes; with a
    ``ttl`` in seconds the lease is kept. False: another request holds it, or has moved the offset,
    or has set the length.

    :raises DatabaseUnavailable: the bytes may count or not.
    """
    given = {"pk": pk, "offset": 0, "new": new, "as_read": _UNKNOWN if length is None else length}
    if ttl is None:
        return _run(_COMMIT_FIRST_AND_LAST, model, given, values)
    given |= {"token": token, "ttl": timedelta(seconds=ttl)}
    return _run(_COMMIT_FIRST, model, given, values)


def complete(
    model: type[AbstractUpload], pk: Any, *, token: str, values: Mapping[str, Any]
) -> bool:
    """Mark the upload complete, set ``values`` and let the lease go; False when it is lost.

    :raises DatabaseUnavailable: it may be complete.
    """
    return _insist_once(lambda: _run(_COMPLETE, model, {"pk": pk, "token": token}, values))


def begin_confirming(model: type[AbstractUpload], pk: Any, *, token: str) -> bool:
    """Take the lease of a complete upload that was not confirmed yet; False: it was, or somebody
    is at it."""
    where = Q(pk=pk, status=Status.COMPLETE, confirmed_on__isnull=True) & free()
    values = {"lease_token": token, "lease_until": until(CONFIRMING_TTL_SECONDS)}
    return _update(model, where, values) == 1


def keep_confirming(model: type[AbstractUpload], pk: Any, *, token: str) -> None:
    """Whoever confirms is alive."""
    values = {"lease_until": until(CONFIRMING_TTL_SECONDS)}
    _update(model, Q(pk=pk, status=Status.COMPLETE, lease_token=token), values)


def end_confirming(
    model: type[AbstractUpload], pk: Any, *, token: str, values: Mapping[str, Any] | None
) -> None:
    """Let the lease of a complete upload go; with ``values`` as confirmed."""
    done = {} if values is None else {"confirmed_on": DatabaseNow(), **values}
    where = Q(pk=pk, status=Status.COMPLETE, lease_token=token)
    _insist(lambda: _update(model, where, {**_FREED, **done}))


def keep_telling(
    model: type[AbstractUpload], pk: Any, *, mine: tuple[datetime, datetime], now: datetime
) -> bool:
    """Move the sign of life of whoever tells receivers from one of these to ``now``; False: it is
    somebody else's, or they were told."""
    given = {"pk": pk, "one": mine[0], "other": mine[1], "now": now}
    return _run(_KEEP_TELLING, model, given)


def end_telling(model: type[AbstractUpload], pk: Any, *, mine: tuple[datetime, datetime]) -> None:
    """The receivers were told, by whoever has one of these for a sign of life. Idempotent."""
    given = {"pk": pk, "one": mine[0], "other": mine[1]}
    _insist(lambda: _run(_END_TELLING, model, given))


def release(model: type[AbstractUpload], pk: Any, *, token: str) -> None:
    """Let the lease go without moving the offset. Idempotent."""
    _run_for_holders(_RELEASE, model, {"pk": pk, "token": token})


def forget_length(model: type[AbstractUpload], pk: Any, *, token: str) -> None:
    """Take back the length that :func:`acquire_unchanged` has set, and let the lease go."""
    where = Q(pk=pk, status=Status.UPLOADING, lease_token=token)
    _update(model, where, {"length": None, **_FREED})


def is_mine(model: type[AbstractUpload], pk: Any, *, token: str) -> bool:
    """Whether the row still names this token."""
    using = database_of(model)
    with database_errors(using):
        return _IS_MINE.ask(row_model(model), using, {"pk": pk, "token": token})


def take_down(model: type[AbstractUpload], pk: Any, *, old: int, new: int, token: str) -> bool:
    """Lower the offset to the bytes that are really there (after a power cut), and let the lease
    go. Only its holder may: of an upload that another request takes down, and lengthens again, the
    offset alone does not tell that it is another one. False: the lease is lost.
    """
    where = Q(pk=pk, status=Status.UPLOADING, offset=old, lease_token=token)
    return _update(model, where, {"offset": new, **_FREED}) == 1


def terminate(model: type[AbstractUpload], pk: Any) -> bool:
    """End an upload at once; whoever holds the lease has lost it. False when it was ended."""
    where = Q(pk=pk) & ~Q(status=Status.TERMINATED)
    return _update(model, where, _ended()) == 1


def expire(model: type[AbstractUpload], pk: Any, *, now: datetime | None) -> bool:
    """End an upload that nobody is writing to, and that is past its time by ``now``; None: whatever
    its time. Never a finished one; a partial upload is none."""
    is_open = Q(status=Status.UPLOADING)
    is_part = Q(status=Status.COMPLETE, concat=Concat.PARTIAL)
    where = Q(pk=pk) & (is_open | is_part) & free()
    if now is not None:
        where &= Q(expires_at__lte=now)
    return _update(model, where, _ended()) == 1


def terminate_finished(
    model: type[AbstractUpload], pk: Any, *, file: str, forget_file: bool = False
) -> bool:
    """End a finished upload while its file is still the one named; ``forget_file``: whatever is
    there under that name, now or later, is not to be removed with it.

    False: it was handed over, or ended by somebody else.
    """
    where = Q(pk=pk, status=Status.COMPLETE, file=file)
    values = _ended() | ({"file": ""} if forget_file else {})
    return _update(model, where, values) == 1


def _ended() -> dict[str, Any]:
    return {
        "status": Status.TERMINATED,
        "concat_key": None,
        "announce_at": None,
        "lease_token": new_token(),
        "lease_until": None,
    }


def beat(model: type[AbstractUpload], held: Mapping[Any, str], *, ttl: float) -> None:
    """Tell that the holders (primary key -> token) made progress just now."""
    for keys in batches(list(held)):
        tokens = [held[key] for key in keys]
        change = {"lease_until": until(ttl), "progress_at": DatabaseNow()}
        with outlasting_crashes_only(database_of(model)):
            _update(model, Q(pk__in=keys, lease_token__in=tokens), change)


def lost(model: type[AbstractUpload], held: Mapping[Any, str]) -> set[Any]:
    """The primary keys whose row no longer names the given token."""
    using = database_of(model)
    gone = set(held)
    with database_errors(using):
        for keys in batches(list(held)):
            rows = model._base_manager.using(using).filter(pk__in=keys)
            gone -= {
                key for key, token in rows.values_list("pk", "lease_token") if held[key] == token
            }
    return gone


def batches(keys: Sequence[Any]) -> list[Sequence[Any]]:
    """The keys, as many at a time as one statement takes."""
    return [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]


def _insist_once(statement: Callable[[], bool]) -> bool:
    """As :func:`_insist`, for a statement that cannot have its effect twice: one that finds nothing
    to change may have had it before, in a try whose answer was lost.

    :raises DatabaseUnavailable: also where that may be so.
    """
    lost: list[DatabaseUnavailable] = []

    def tried() -> bool:
        try:
            return statement()
        except DatabaseUnavailable as error:
            if not error.is_refused:
                lost.append(error)
            raise

    is_done = _insist(tried)
    if lost and not is_done:
        raise lost[0]
    return is_done


def _insist(statement: Callable[[], T]) -> T:
    deadline = time.monotonic() + _INSIST_SECONDS
    is_refused = True
    for wait in (*_RETRY_WAITS, None):
        try:
            return statement()
        except DatabaseUnavailable as error:
            # one whose answer was lost may have had its effect, whatever becomes of the others
            is_refused = error.is_refused = is_refused and error.is_refused
            if wait is None or time.monotonic() + wait > deadline:
                raise
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")
