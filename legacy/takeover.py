"""Rows of django-chunked-upload become tusbridge's, in their own table; and back.

No file is touched on the way there: unfinished bytes are taken from where the original left them
once somebody asks for them. On the way back they are put where the original looks for them
(``giving_back``). Both ways may be gone again after a crash at any step.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from legacy import conf
from legacy.exchange import found_state
from legacy.giving_back import NotGivenBack, batches, give_back
from legacy.own_columns import storage_alias_of
from tusbridge.models import Protocol, Status
from tusbridge.service import UploadService

__all__ = ["NotGivenBack", "expiry_of", "give_back", "take_over"]

# What no row of the original has, and each of ours that tus began, also without a length.
_BEGAN_BY_TUS = Q(protocol=Protocol.TUS) & (
    Q(expires_at__isnull=False) | Q(progress_at__isnull=False) | Q(length__isnull=False)
)
# What is past its time already is kept so long, for somebody to look at it.
_GRACE = timedelta(days=1)


def untaken(model: Any, using: str) -> Any:
    """Rows of the original that have the columns' defaults still."""
    rows = model._base_manager.using(using).exclude(_BEGAN_BY_TUS)
    return rows.filter(protocol=Protocol.TUS, length__isnull=True, confirmed_on__isnull=True)


def take_over(model: Any, using: str) -> None:
    """Give all rows what ours have besides. ``model`` is the migration's.

    Rows that have a length have had it from us: an earlier run was committed, and not recorded.
    """
    rows = model._base_manager.using(using)
    now = UploadService(model=model).clock()
    with transaction.atomic(using=using):
        fresh = rows.filter(length__isnull=True).exclude(_BEGAN_BY_TUS)
        fresh.update(
            protocol=Protocol.LEGACY,
            completes_itself=False,
            storage_alias=storage_alias_of(model._meta.get_field("file")),
        )
        fresh.filter(status=Status.COMPLETE).update(
            confirmed_on=Coalesce(F("completed_on"), F("created_on")), length=F("offset")
        )
        for batch in batches(rows.filter(status=Status.UPLOADING).exclude(file="")):
            taken = [row for row in batch if _is_the_originals(row)]
            for row in taken:
                row.store_state = found_state(str(row.file))
                row.file = ""
                row.expires_at = expiry_of(row.created_on, now)
            rows.bulk_update(taken, ["store_state", "file", "expires_at"])


def _is_the_originals(row: Any) -> bool:
    """Whether an unfinished upload's bytes are the file that its row names; one of ours has a name
    before it has that file. One that was given back is the original's, too."""
    return row.length is None or row.store_state.get("found") == str(row.file)


def expiry_of(created_on: datetime, now: datetime) -> datetime:
    """When an unfinished upload of the original is swept; ``now`` by the service's clock."""
    return max(created_on + conf.expiration_delta(), now + _GRACE)
