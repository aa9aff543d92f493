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
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from tusbridge.errors import DatabaseUnavailable
from tusbridge.models import AbstractUpload, Concat, Status, row_model
from tusbridge.rows import database_errors, database_of

# Waits in seconds between tries of a statement that must not be given up lightly.
_RETRY_WAITS = (0.05, 0.25, 1.0)
# After so many seconds no new try is begun: each may wait for the database's own time-out.
_INSIST_SECONDS = 6.0
# Seconds after which whoever confirms and gives no sign of life is dead.
CONFIRMING_TTL_SECONDS = 10.0
# Ids in one statement: below every database's limit of parameters.
_BATCH = 400


class DatabaseNow(Now):
    """The database's time in UTC; MySQL's own Now() follows the session's time zone."""

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)


def new_token() -> str:
    """A token that no other holder ever has."""
    return uuid.uuid4().hex


def until(ttl: float) -> Any:
    """``ttl`` seconds from now, by the database's clock."""
    return DatabaseNow() + timedelta(seconds=ttl)


def free() -> Q:
    """Rows whose lease nobody holds, or whose holder fell silent."""
    return Q(lease_token__isnull=True) | Q(lease_until__lt=DatabaseNow())


def held() -> Q:
    """Rows whose lease somebody holds who makes progress."""
    return Q(lease_token__isnull=False, lease_until__gte=DatabaseNow())


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
    length: int | None = None,
) -> bool:
    """Take the lease of an upload that is at ``offset`` bytes and has no live holder. With
    ``length`` that is set in the same statement, and must not have been set before.

    :raises DatabaseUnavailable: nothing was changed, or the lease runs out after ``ttl`` seconds.
    """
    where = Q(pk=pk, status=Status.UPLOADING, offset=offset) & free()
    values = {"lease_token": token, "lease_until": until(ttl), "progress_at": DatabaseNow()}
    if length is not None:
        where &= Q(length__isnull=True)
        values["length"] = length
    return _update(model, where, values) == 1


def renew(model: type[AbstractUpload], pk: Any, *, token: str, ttl: float) -> bool:
    """Keep the lease for another ``ttl`` seconds; False when it is lost."""
    where = Q(pk=pk, lease_token=token, status=Status.UPLOADING)
    return _update(model, where, {"lease_until": until(ttl), "progress_at": DatabaseNow()}) == 1


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

    :raises DatabaseUnavailable: after about 1.5 s of tries, besides the database's own time-outs.
    """
    where = Q(pk=pk, lease_token=token, status=Status.UPLOADING, offset__in={old, new})
    change = {
        "offset": new,
        "progress_at": DatabaseNow(),
        "lease_token": None if release else token,
        "lease_until": None if release else until(ttl),
        **values,
    }
    return _insist(lambda: _update(model, where, change)) == 1


def complete(
    model: type[AbstractUpload], pk: Any, *, token: str, values: Mapping[str, Any]
) -> bool:
    """Mark the upload complete, set ``values`` and let the lease go; False when it is lost."""
    where = Q(pk=pk, lease_token=token, status=Status.UPLOADING)
    change = {
        "status": Status.COMPLETE,
        "lease_token": None,
        "lease_until": None,
        **values,
    }
    return _insist(lambda: _update(model, where, change)) == 1


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
    change = {"lease_token": None, "lease_until": None, **done}
    where = Q(pk=pk, status=Status.COMPLETE, lease_token=token)
    _insist(lambda: _update(model, where, change))


def release(model: type[AbstractUpload], pk: Any, *, token: str) -> None:
    """Let the lease go without moving the offset. Idempotent."""
    _update(model, Q(pk=pk, lease_token=token), {"lease_token": None, "lease_until": None})


def is_mine(model: type[AbstractUpload], pk: Any, *, token: str) -> bool:
    """Whether the row still names this token."""
    using = database_of(model)
    with database_errors(using):
        return (
            model._base_manager.using(using)
            .filter(pk=pk, lease_token=token, status=Status.UPLOADING)
            .exists()
        )


def take_down(
    model: type[AbstractUpload], pk: Any, *, old: int, new: int, token: str | None
) -> bool:
    """Lower the offset to the bytes that are really there (after a power cut).

    With ``token`` by its holder, else only while nobody holds the lease.
    """
    holder = Q(lease_token=token) if token else free()
    where = Q(pk=pk, status=Status.UPLOADING, offset=old) & holder
    return _update(model, where, {"offset": new}) == 1


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
    for keys in _batches(list(held)):
        tokens = [held[key] for key in keys]
        change = {"lease_until": until(ttl), "progress_at": DatabaseNow()}
        _update(model, Q(pk__in=keys, lease_token__in=tokens), change)


def lost(model: type[AbstractUpload], held: Mapping[Any, str]) -> set[Any]:
    """The primary keys whose row no longer names the given token."""
    using = database_of(model)
    gone = set(held)
    with database_errors(using):
        for keys in _batches(list(held)):
            rows = model._base_manager.using(using).filter(pk__in=keys)
            gone -= {
                key for key, token in rows.values_list("pk", "lease_token") if held[key] == token
            }
    return gone


def _batches(keys: Sequence[Any]) -> list[Sequence[Any]]:
    return [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]


def _insist(statement: Callable[[], int]) -> int:
    deadline = time.monotonic() + _INSIST_SECONDS
    for wait in _RETRY_WAITS:
        try:
            return statement()
        except DatabaseUnavailable:
            if time.monotonic() + wait > deadline:
                raise
            time.sleep(wait)
    return statement()
