"""What one account's uploads, and all together, may add up to (R50).

One aggregate query for each limit that is set, none otherwise. Nothing is locked: two creations
that are judged at the same moment may both pass, so a limit can be overrun by as many uploads as
are begun at once. A lock on the account would keep it exactly, and would make each creation wait
for all others of its user; a limit that is kept to within moments is worth more.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from django.db.models import Case, Count, F, Min, Q, QuerySet, Sum, When
from django.utils import timezone

from tusbridge.clock import database_now
from tusbridge.errors import QuotaExceeded, StoreFull, TooManyCreations, TooManyUploads
from tusbridge.models import AbstractUpload, Status, get_upload_model, owner_of
from tusbridge.rows import database_errors, database_of

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one account may have; None: as much as it likes.

    ``max_open`` unfinished uploads at a time; ``max_bytes`` in all, those of unfinished uploads
    counted as they were promised; ``creations_per_minute`` of uploads that still exist.
    """

    max_open: int | None = None
    max_bytes: int | None = None
    creations_per_minute: int | None = None


def check_create(
    user_id: Any, quota: Quota, *, length: int, max_total_bytes: int | None = None
) -> None:
    """Judge a creation of ``length`` bytes (0 while deferred). What nobody in particular
    uploaded, ``user_id`` None, is one account.

    :raises TooManyCreations: too many were begun within a minute.
    :raises TooManyUploads: too many are unfinished.
    :raises QuotaExceeded: the bytes do not fit in beside the others.
    :raises StoreFull: they do not fit in beside everybody's.
    """
    if quota.creations_per_minute is not None:
        _check_rate(user_id, quota.creations_per_minute)
    if quota.max_open is not None:
        _check_open(user_id, quota.max_open)
    if quota.max_bytes is not None:
        used = _bytes_of(_rows_of(user_id))
        if used + length > quota.max_bytes:
            raise QuotaExceeded(quota.max_bytes, used, length)
    if max_total_bytes is not None and _bytes_of(_rows()) + length > max_total_bytes:
        raise StoreFull


def check_growth(user_id: Any, quota: Quota, *, max_total_bytes: int | None = None) -> None:
    """Judge an append to an upload without a length, which grows as its bytes come: it is
    refused once they are too many, so what is too much is at most what one request adds.

    :raises QuotaExceeded: the owner has more bytes than the quota.
    :raises StoreFull: all together have.
    """
    if quota.max_bytes is not None:
        used = _bytes_of(_rows_of(user_id))
        if used > quota.max_bytes:
            raise QuotaExceeded(quota.max_bytes, used)
    if max_total_bytes is not None and _bytes_of(_rows()) > max_total_bytes:
        raise StoreFull


def _check_rate(user_id: Any, limit: int) -> None:
    # by the host's clock, which Django takes for ``created_on``
    now = timezone.now()
    recent = _rows_of(user_id).filter(created_on__gt=now - _MINUTE)
    found = _aggregate(recent, count=Count("pk"), oldest=Min("created_on"))
    if found["count"] >= limit:
        wait = found["oldest"] + _MINUTE - now
        raise TooManyCreations(limit, max(1, ceil(wait.total_seconds())))


def _check_open(user_id: Any, limit: int) -> None:
    unfinished = _rows_of(user_id).filter(_is_alive(), status=Status.UPLOADING)
    if _aggregate(unfinished, count=Count("pk"))["count"] >= limit:
        raise TooManyUploads(limit)


def _bytes_of(rows: "QuerySet[AbstractUpload]") -> int:
    """Promised bytes of what may still be appended to, and for the rest those that are there:
    an expired upload takes room until it is swept."""
    is_promise = _is_alive() & Q(status=Status.UPLOADING, length__isnull=False)
    counted = Case(When(is_promise, then=F("length")), default=F("offset"))
    rows = rows.exclude(status=Status.TERMINATED)
    return int(_aggregate(rows, total=Sum(counted))["total"] or 0)


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
