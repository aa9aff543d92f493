"""Handing a finished upload's file over to a model instance: what ``AbstractUpload.attach`` does.

The order is what keeps the bytes:

1. The field's validators look at the bytes, before there is any other file.
2. The field's storage gets the bytes under a name of their own (:mod:`tusbridge.placing`).
3. In one transaction the upload's row gives its file up and the instance is saved.
4. Only when that is committed, the upload's name for the file is removed.

A crash before the commit leaves the upload as it was, and at worst a file in the field's storage
that no row knows; one behind it leaves a name that the row records and the sweep removes.
"""

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.files.storage import FileSystemStorage, storages
from django.db import connections, router, transaction
from django.db.models import Model
from django.db.models.fields.files import FieldFile
from django.db.transaction import TransactionManagementError

from tusbridge.conf import get_options
from tusbridge.errors import AlreadyAttached, UploadNotFound
from tusbridge.files import sync_path, sync_up
from tusbridge.placing import name_for, place, run_validators, withdraw

if TYPE_CHECKING:
    from tusbridge.models import AbstractUpload

logger = logging.getLogger("tusbridge")

# Where the row's store_state tells the name that is still to be removed.
HANDED_OVER = "handed-over"
# Where it says what the file was attached to: the "model", the "field", and the "name" there.
ATTACHED = "attached"


def hand_over(
    upload: "AbstractUpload", field_file: FieldFile, *, name: str | None, save: bool, using: str
) -> str:
    """Hand the file over; ``upload`` is as its row is now, complete and with a file."""
    _check(upload, field_file, save=save, using=using)
    former = str(field_file.name or "")
    name = name or name_for(upload)
    run_validators(upload, field_file, name)
    placed = place(upload, field_file, name)
    is_settled = False
    try:
        _make_durable(field_file)
        with transaction.atomic(using=using):
            _give_up(upload, field_file, using)
            if save:
                field_file.instance.save()
            is_settled = True
    except Exception:
        # what was rolled back for certain refers to nothing; a commit without an answer may hold
        is_certain = not is_settled and router.db_for_write(type(field_file.instance)) == using
        if is_certain:
            withdraw(field_file, former, delete=placed.is_alone)
        raise
    transaction.on_commit(_remover(upload, using), using=using)
    logger.info("upload-attached", extra={"upload_id": upload.upload_id})
    return placed.name


def validate(upload: "AbstractUpload", field_file: FieldFile, *, name: str | None) -> None:
    """What :func:`hand_over` asks the field's validators, and nothing else."""
    _check_target(upload, field_file)
    run_validators(upload, field_file, name or name_for(upload))


def attached_before(upload: "AbstractUpload", field_file: FieldFile) -> str:
    """The name in the field, where the upload was attached to this very field before.

    :raises AlreadyAttached: it was attached to something else, or has another file by now.
    """
    _check_target(upload, field_file)
    record = upload.store_state.get(ATTACHED, {})
    instance, field = field_file.instance, field_file.field
    if record and (record["model"], record["field"]) == _place_of(field_file):
        name = str(record["name"])
        rows = type(instance)._base_manager
        is_there = field_file.name == name or (
            instance.pk is not None and rows.filter(pk=instance.pk, **{field.name: name}).exists()
        )
        if is_there:
            if field_file.name != name:
                setattr(instance, field.attname, name)
                field_file.name = name
            return name
    raise AlreadyAttached


def instance_of(upload: "AbstractUpload") -> Model | None:
    """The instance that has the upload's file, as its row is now."""
    record = upload.store_state.get(ATTACHED)
    if not record:
        return None
    try:
        model: Any = apps.get_model(record["model"])
    except LookupError:
        return None
    found: Model | None = model._base_manager.filter(**{record["field"]: record["name"]}).first()
    return found


def _place_of(field_file: FieldFile) -> tuple[str, str]:
    field = field_file.field
    return field.model._meta.label_lower, field.name


def _check_target(upload: "AbstractUpload", field_file: FieldFile) -> None:
    if not isinstance(field_file, FieldFile):
        raise TypeError(f"attach takes an instance's file, as in video.file, not {field_file!r}")
    if isinstance(field_file.instance, type(upload)):
        raise TypeError("an upload cannot be attached to an upload")


def _check(upload: "AbstractUpload", field_file: FieldFile, *, save: bool, using: str) -> None:
    _check_target(upload, field_file)
    if not save and not connections[using].in_atomic_block:
        # the file would be the instance's alone before any row says so
        raise TransactionManagementError(
            "attach(save=False) and the instance's save() belong in one transaction.atomic()"
        )


def _make_durable(field_file: FieldFile) -> None:
    """The bytes and every folder above them, before any row names them."""
    storage = field_file.storage
    if get_options().DURABILITY != "power" or not isinstance(storage, FileSystemStorage):
        return
    sync_up(storage.path(str(field_file.name)), str(storage.location))


def _give_up(upload: "AbstractUpload", field_file: FieldFile, using: str) -> None:
    """:raises AlreadyAttached: another request was quicker.
    :raises UploadNotFound: the upload was removed meanwhile."""
    model, field = _place_of(field_file)
    upload.store_state[ATTACHED] = {"model": model, "field": field, "name": str(field_file.name)}
    state = {**upload.store_state, HANDED_OVER: str(upload.file.name)}
    rows = type(upload)._base_manager.using(using)
    is_ours = rows.filter(pk=upload.pk, status=upload.status, file=upload.file.name).update(
        file="", store_state=state
    )
    if not is_ours:
        is_there = rows.filter(pk=upload.pk, status=upload.status).exists()
        raise AlreadyAttached if is_there else UploadNotFound


def _remover(upload: "AbstractUpload", using: str) -> Callable[[], None]:
    return partial(_remove_source, upload, str(upload.file.name), using)


def _remove_source(upload: "AbstractUpload", name: str, using: str) -> None:
    """The upload's name for what is the instance's now. What fails here, the sweep does."""
    source = storages[upload.storage_alias]
    try:
        source.delete(name)
        if get_options().DURABILITY == "power" and isinstance(source, FileSystemStorage):
            sync_path(os.path.dirname(source.path(name)))
        rows = type(upload)._base_manager.using(using)
        rows.filter(pk=upload.pk, file="").update(store_state=upload.store_state)
    except Exception:
        # the instance has its file, and a caller that is told of an error would try again
        logger.warning("file-not-removed", extra={"upload_id": upload.upload_id}, exc_info=True)
