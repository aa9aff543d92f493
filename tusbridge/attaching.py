"""Handing a finished upload's file over to a model instance: what ``AbstractUpload.attach`` does.

The order is what keeps the bytes:

1. The file gets a second name, a hard link, and Django's own ``FieldFile.save`` renames that one
   to where the field wants it; where that is not possible it is copied. The upload has its file
   still.
2. In one transaction the upload's row gives its file up and the instance is saved.
3. Only when that is committed, the upload's name for the file is removed.

A crash before the commit leaves the upload as it was, and at worst a name in the field's storage
that no row knows; one behind it leaves a name that the row records and the sweep removes.
"""

import logging
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import connections, router, transaction
from django.db.models.fields.files import FieldFile
from django.db.transaction import TransactionManagementError
from django.utils.text import get_valid_filename

from tusbridge.conf import get_options
from tusbridge.errors import AlreadyAttached, UploadNotFound
from tusbridge.files import sync_path

if TYPE_CHECKING:
    from tusbridge.models import AbstractUpload

logger = logging.getLogger("tusbridge")

# Where the row's store_state tells the name that is still to be removed.
HANDED_OVER = "handed-over"
# Characters of an ending that is one; a longer one leaves no room for the name.
_MAX_EXTENSION = 32


def hand_over(
    upload: "AbstractUpload", field_file: FieldFile, *, name: str | None, save: bool, using: str
) -> str:
    """Hand the file over; ``upload`` is as its row is now, complete and with a file."""
    _check(upload, field_file, save=save, using=using)
    former = str(field_file.name or "")
    with _content(upload, field_file.storage) as content:
        field_file.save(name or _name_for(upload), content, save=False)
    attached = str(field_file.name)
    _make_durable(field_file)
    is_settled = False
    try:
        with transaction.atomic(using=using):
            _give_up(upload, using)
            if save:
                field_file.instance.save()
            is_settled = True
    except Exception:
        # what was rolled back for certain refers to nothing; a commit without an answer may hold
        if not is_settled and router.db_for_write(type(field_file.instance)) == using:
            _withdraw(field_file, former)
        raise
    transaction.on_commit(_remover(upload, using), using=using)
    logger.info("upload-attached", extra={"upload_id": upload.upload_id})
    return attached


def _check(upload: "AbstractUpload", field_file: FieldFile, *, save: bool, using: str) -> None:
    if not isinstance(field_file, FieldFile):
        raise TypeError(f"attach takes an instance's file, as in video.file, not {field_file!r}")
    if isinstance(field_file.instance, type(upload)):
        raise TypeError("an upload cannot be attached to an upload")
    if not save and not connections[using].in_atomic_block:
        # the file would be the instance's alone before any row says so
        raise TransactionManagementError(
            "attach(save=False) and the instance's save() belong in one transaction.atomic()"
        )


@contextmanager
def _content(upload: "AbstractUpload", target: Storage) -> Iterator["File[bytes]"]:
    """The finished file in a form that the field's storage takes."""
    source = storages[upload.storage_alias]
    name = str(upload.file.name)
    link = None
    if isinstance(source, FileSystemStorage) and isinstance(target, FileSystemStorage):
        link = _link(source.path(name))
    try:
        with _open(source, name) as opened:
            yield opened if link is None else _Linked(opened.file, link)
    finally:
        if link is not None:
            # gone already, unless the storage copied it or failed
            with suppress(FileNotFoundError):
                os.unlink(link)


def _open(source: Storage, name: str) -> "File[bytes]":
    try:
        return source.open(name, "rb")
    except FileNotFoundError as error:
        raise UploadNotFound from error


def _link(path: str) -> str | None:
    """A second name for the file; None on a file system that has none such.

    It looks like a copy on its way, so that the sweep takes it for one after a crash.
    """
    link = f"{path}.{uuid.uuid4().hex}.part"
    try:
        os.link(path, link)
    except FileNotFoundError as error:
        raise UploadNotFound from error
    except OSError:
        return None
    return link


class _Linked(File):  # type: ignore[type-arg]
    """A file that Django's storages may move away, as they do with uploads on disk."""

    def __init__(self, opened: Any, path: str) -> None:
        super().__init__(opened, name=path)
        self._path = path

    def temporary_file_path(self) -> str:
        """Where to move it from."""
        return self._path


def _name_for(upload: "AbstractUpload") -> str:
    """The client's file name as an ordinary upload's would be, else the id."""
    base = upload.filename.replace("\\", "/").rpartition("/")[2].strip()
    if len(os.path.splitext(base)[1]) > _MAX_EXTENSION:
        return upload.upload_id
    try:
        return get_valid_filename(base)
    except SuspiciousFileOperation:
        return upload.upload_id


def _make_durable(field_file: FieldFile) -> None:
    """The bytes and every folder above them, before any row names them."""
    storage = field_file.storage
    if get_options().DURABILITY != "power" or not isinstance(storage, FileSystemStorage):
        return
    path = Path(storage.path(str(field_file.name)))
    sync_path(str(path))
    location = Path(storage.location)
    for folder in path.parents:
        sync_path(str(folder))
        if folder in (location, location.parent):
            return


def _give_up(upload: "AbstractUpload", using: str) -> None:
    """:raises AlreadyAttached: another request was quicker."""
    state = {**upload.store_state, HANDED_OVER: str(upload.file.name)}
    rows = type(upload)._base_manager.using(using)
    is_ours = rows.filter(pk=upload.pk, status=upload.status, file=upload.file.name).update(
        file="", store_state=state
    )
    if not is_ours:
        raise AlreadyAttached


def _withdraw(field_file: FieldFile, former: str) -> None:
    with suppress(OSError):
        field_file.storage.delete(str(field_file.name))
    setattr(field_file.instance, field_file.field.attname, former)


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
