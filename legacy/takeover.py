"""Rows of django-chunked-upload become tusbridge's, in their own table; and back.

No file is touched on the way there: unfinished bytes are taken from where the original left them
once somebody asks for them. On the way back they are put where the original looks for them.
"""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Coalesce

from legacy import conf
from legacy.exchange import found_state
from tusbridge.models import Protocol, Status
from tusbridge.service import UploadService

_BATCH = 500
# What is past its time already is kept so long, for somebody to look at it.
_GRACE = timedelta(days=1)


def take_over(model: Any, using: str) -> None:
    """Give all rows what ours have besides. ``model`` is the migration's."""
    rows = model._base_manager.using(using)
    rows.update(
        protocol=Protocol.LEGACY, completes_itself=False, storage_alias=conf.storage_alias()
    )
    complete = rows.filter(status=Status.COMPLETE)
    complete.update(confirmed_on=Coalesce(F("completed_on"), F("created_on")), length=F("offset"))
    now = UploadService(model=model).clock()
    for batch in _batches(rows.filter(status=Status.UPLOADING).exclude(file="")):
        for row in batch:
            row.store_state = found_state(str(row.file))
            row.file = ""
            row.expires_at = expiry_of(row.created_on, now)
        rows.bulk_update(batch, ["store_state", "file", "expires_at"])


def expiry_of(created_on: datetime, now: datetime) -> datetime:
    """When an unfinished upload of the original is swept; ``now`` by the service's clock."""
    return max(created_on + conf.expiration_delta(), now + _GRACE)


def give_back(model: Any, using: str) -> None:
    """Leave rows and files as the original would have them. What only tus knows is lost: parts of
    other uploads, and uploads that were terminated."""
    rows = model._base_manager.using(using)
    rows.filter(status=Status.TERMINATED).delete()
    service = UploadService(model=model)
    for batch in _batches(rows.filter(status=Status.UPLOADING)):
        for row in batch:
            row.file = row.store_state.get("found") or conf.default_upload_to(row, "")
            _put_back(service, row)
        rows.bulk_update(batch, ["file"])


def _put_back(service: UploadService, row: Any) -> None:
    """The bytes that count, as the storage's file: the original appends to whatever is there."""
    target = row.file.storage.path(str(row.file))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    beside = f"{target}.tusbridge"
    with open(beside, "wb") as out:
        if row.offset:
            out.writelines(service.read_unfinished(row, 0, row.offset))
    row.store_state = {key: value for key, value in row.store_state.items() if key != "found"}
    service.store_of(row).delete(service.blob_of(row), "")
    os.replace(beside, target)


def _batches(rows: Any) -> Iterator[list[Any]]:
    """All rows of a query, some at a time, by primary key."""
    last: Any = None
    while True:
        page = rows.order_by("pk") if last is None else rows.filter(pk__gt=last).order_by("pk")
        batch = list(page[:_BATCH])
        if not batch:
            return
        yield batch
        last = batch[-1].pk
