"""What happens when a row is deleted behind the service's back: by ``upload.delete()``, by a
queryset, or along with its user.
"""

import logging
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from tusbridge.conf import get_options
from tusbridge.errors import UploadError
from tusbridge.models import AbstractUpload, Status
from tusbridge.stores import Blob, get_store

logger = logging.getLogger("tusbridge")


def remove_unfinished(instance: AbstractUpload, using: str, **_: Any) -> None:
    """Free the unfinished bytes of a row that was deleted, once that is committed.

    A finished file stays in the storage, as any FileField's does: the site may use it.
    """
    is_the_sites = instance.is_complete and instance.file.name
    name = "" if is_the_sites else instance.stored_name
    _remove_later(instance, name if instance.is_complete else name or None, using)


def remove_finished(instance: AbstractUpload, using: str, **_: Any) -> None:
    """Free also the finished file, where nobody but the upload's row ever used it."""
    if instance.is_complete and instance.file.name:
        _remove_later(instance, instance.stored_name, using)


def _remove_later(instance: AbstractUpload, name: str | None, using: str) -> None:
    # the service deletes rows that were terminated, and their bytes before that
    if instance.status != Status.TERMINATED and not instance.keeps_bytes:
        blob = Blob(key=instance.upload_id, state=instance.store_state)
        remove = partial(_remove, instance.storage_alias, blob, name)
        transaction.on_commit(remove, using=using)


def _remove(alias: str, blob: Blob, name: str | None) -> None:
    """Idempotent. What fails here is found by the sweep's search for orphans."""
    try:
        store = get_store(alias, get_options())
        store.delete(blob, store.noted(blob.key) if name is None else name)
    except (UploadError, ImproperlyConfigured) as error:
        code = getattr(error, "code", "no-store")
        logger.warning("bytes-not-removed", extra={"upload_id": blob.key, "code": code})
