"""What the uploads of one account, and of all accounts, may add up to (R50).

One aggregate query for each limit that is set, none otherwise. Nothing is locked. A creation is
judged twice, before its row is there and with it: of two at the same moment, at least one sees the
other, so promised bytes and counts never pass a limit. An upload that grows without a promise is
judged at each of its commits (:class:`Growth`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from django.db import connections
from django.db.models import BigIntegerField, Case, Count, F, Min, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from tusbridge.clock import database_now
from tusbridge.errors import QuotaExceeded, StoreFull, TooManyCreations, TooManyUploads
from tusbridge.models import AbstractUpload, Concat, Status, get_upload_model, owner_of
from tusbridge.rows import database_errors, database_of

_MINUTE = timedelta(minutes=1)
# Bytes that a complete upload without bytes counts for: its row and its file take room, too.
EMPTY_BYTES = 4096
# Without a byte for so long, a promised length does not keep room from other users any more.
PROMISE_AGE = timedelta(minutes=10)
# SQLite refuses sums beyond 63 bits: there they are made of two halves of so many.
_HALF_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The limits of one account; None: no limit.

    ``max_open`` unfinished uploads at a time; ``max_bytes`` in all, those of unfinished uploads
    counted as they were promised; ``creations_per_minute`` of uploads that still exist.
    """

    max_open: int | None = None
    max_bytes: int | None = None
    creations_per_minute: int | None = None


def charge_of(length: int | None) -> int:
    """Bytes that a new upload counts for: its length, 0 while that is not known."""
    return 0 if length is None else length or EMPTY_BYTES


def check_create(
    user_id: Any,
    quota: Quota,
    *,
    length: int | None,
    max_total_bytes: int | None = None,
    is_final: bool = False,
) -> None:
    """Judge a creation of ``length`` bytes (None while deferred) whose row is not there yet. All
    anonymous uploads, ``user_id`` None, are one account. A final upload is judged without the
    partial uploads: they are judged when they are created, and expire soon after it.

    :raises TooManyCreations: too many were begun within a minute.
    :raises TooManyUploads: too many are unfinished.
    :raises QuotaExceeded: the account has no room for the bytes.
    :raises StoreFull: the server has no room for the bytes.
    """
    _check_counts(user_id, quota, 1)
    check_more(
        user_id,
        quota,
        more=charge_of(length),
        max_total_bytes=max_total_bytes,
        is_final=is_final,
    )


def check_created(
    user_id: Any,
    quota: Quota,
    *,
    length: int | None,
    max_total_bytes: int | None = None,
    is_final: bool = False,
) -> None:
    """Judge a creation again, with its row, beside those of the same moment. Raises what
    :func:`check_create` raises."""
    _check_counts(user_id, quota, 0)
    check_more(
        user_id,
        quota,
        more=charge_of(length),
        max_total_bytes=max_total_bytes,
        is_final=is_final,
        counted=charge_of(length),
    )


def check_growth(user_id: Any, quota: Quota, *, max_total_bytes: int | None = None) -> None:
    """Judge an append to an upload without a length before its bytes are read.

    :raises QuotaExceeded: the owner has more bytes than the quota.
    :raises StoreFull: all accounts together have more bytes than the limit.
    """
    if quota.max_bytes is not None:
        used = _bytes_of(_rows_of(user_id))
        if used > quota.max_bytes:
            raise QuotaExceeded(quota.max_bytes, used)
    if max_total_bytes is not None and _total_bytes_of(_rows()) > max_total_bytes:
        raise StoreFull


def check_more(
    user_id: Any,
    quota: Quota,
    *,
    more: int,
    max_total_bytes: int | None = None,
    is_final: bool = False,
    counted: int = 0,
) -> int | None:
    """Judge ``more`` bytes, of which ``counted`` are in the rows already. Returns the bytes that
    there is room for, None without a limit.

    :raises QuotaExceeded: the account has no room for the bytes.
    :raises StoreFull: the server has no room for the bytes.
    """
    rooms: list[int] = []
    if quota.max_bytes is not None:
        used = _bytes_of(_judged(_rows_of(user_id), is_final)) - counted
        if used + more > quota.max_bytes:
            raise QuotaExceeded(quota.max_bytes, used, more)
        rooms.append(quota.max_bytes - used)
    if max_total_bytes is not None:
        used = _total_bytes_of(_judged(_rows(), is_final)) - counted
        if used + more > max_total_bytes:
            raise StoreFull
        rooms.append(max_total_bytes - used)
    return min(rooms, default=None)


class Growth:
    """How far an upload may grow beyond the ``counted`` bytes that its row stands for.

    :param look: :func:`check_more` for the upload: takes the bytes that are asked for, returns
        those that there is room for.
    """

    def __init__(self, look: Callable[[int], int | None], counted: int) -> None:
        self._look = look
        self._counted = self._granted = counted

    def check(self, end: int) -> None:
        """Judge growth to ``end`` bytes; asks the database only beyond what was granted since the
        last commit.

        :raises QuotaExceeded: the account has no room for the bytes.
        :raises StoreFull: the server has no room for the bytes.
        """
        if end > self._granted:
            room = self._look(end - self._counted)
            self._granted = self._counted + max(room or 0, end - self._counted)

    def check_again(self, end: int) -> None:
        """As :meth:`check`, and ask in any case: other uploads have grown meanwhile."""
        self.renew()
        self.check(end)

    def renew(self) -> None:
        """Have the next bytes judged again."""
        self._granted = self._counted

    def count(self, offset: int) -> None:
        """The row stands for ``offset`` bytes now."""
        self._counted = max(self._counted, offset)
        self.renew()


def has_lapsed(upload: AbstractUpload) -> bool:
    """Whether the promise of an unfinished upload is too old to keep room from other users."""
    since = upload.progress_at or upload.created_on
    return since is not None and since <= database_now(get_upload_model()) - PROMISE_AGE


def _check_counts(user_id: Any, quota: Quota, more: int) -> None:
    if quota.creations_per_minute is not None:
        _check_rate(user_id, quota.creations_per_minute, more)
    if quota.max_open is not None:
        _check_open(user_id, quota.max_open, more)


def _check_rate(user_id: Any, limit: int, more: int) -> None:
    # by the host's clock, which Django takes for ``created_on``
    now = timezone.now()
    recent = _rows_of(user_id).filter(created_on__gt=now - _MINUTE)
    found = _aggregate(recent, count=Count("pk"), oldest=Min("created_on"))
    if found["count"] + more > limit:
        wait = found["oldest"] + _MINUTE - now
        raise TooManyCreations(limit, max(1, ceil(wait.total_seconds())))


def _check_open(user_id: Any, limit: int, more: int) -> None:
    unfinished = _rows_of(user_id).filter(_is_alive(), status=Status.UPLOADING)
    if _aggregate(unfinished, count=Count("pk"))["count"] + more > limit:
        raise TooManyUploads(limit)


def _judged(rows: "QuerySet[AbstractUpload]", is_final: bool) -> "QuerySet[AbstractUpload]":
    return rows.exclude(concat=Concat.PARTIAL) if is_final else rows


def _bytes_of(rows: "QuerySet[AbstractUpload]") -> int:
    """Promised bytes of what may still be appended to, and for the rest those that are there: an
    expired upload takes room until it is swept. The bytes of an attached upload are its field's."""
    return _sum(rows.exclude(status=Status.TERMINATED), _is_alive())


def _total_bytes_of(rows: "QuerySet[AbstractUpload]") -> int:
    """As :func:`_bytes_of`; but promises count only while bytes come, and what was deleted counts
    until its bytes are removed."""
    progress_at = Coalesce(F("progress_at"), F("created_on"))
    return _sum(
        rows.alias(moved_at=progress_at),
        _is_alive() & Q(moved_at__gt=database_now(get_upload_model()) - PROMISE_AGE),
    )


def _sum(rows: "QuerySet[AbstractUpload]", counts_as_promised: Q) -> int:
    # the length that a form names may be below what is there
    is_promise = counts_as_promised & Q(status=Status.UPLOADING, length__gt=F("offset"))
    is_file = Q(status=Status.COMPLETE) & ~Q(concat=Concat.PARTIAL)
    counted = Case(
        When(is_promise, then=F("length")),
        When(is_file & Q(file=""), then=Value(0)),
        When(Q(status=Status.COMPLETE, offset=0), then=Value(EMPTY_BYTES)),
        default=F("offset"),
        output_field=BigIntegerField(),
    )
    if connections[rows.db].vendor != "sqlite":
        return int(_aggregate(rows, total=Sum(counted))["total"] or 0)
    found = _aggregate(
        rows,
        high=Sum(counted.bitrightshift(_HALF_BITS)),
        low=Sum(counted.bitand(2**_HALF_BITS - 1)),
    )
    return (int(found["high"] or 0) << _HALF_BITS) + int(found["low"] or 0)


def _is_alive() -> Q:
    now = database_now(get_upload_model())
    return Q(expires_at__isnull=True) | Q(expires_at__gt=now)


def _rows() -> "QuerySet[AbstractUpload]":
    model = get_upload_model()
    return model._base_manager.using(database_of(model)).all()


def _rows_of(user_id: Any) -> "QuerySet[AbstractUpload]":
    if not owner_of(get_upload_model(), user_id):
        return _rows()
    if user_id is not None:
        return _rows().filter(user_id=user_id)
    return _rows().filter(Q(user__isnull=True) & ~Q(is_anonymous=False))


def _aggregate(rows: "QuerySet[AbstractUpload]", **what: Any) -> dict[str, Any]:
    with database_errors(rows.db):
        found: dict[str, Any] = rows.aggregate(**what)
    return found
