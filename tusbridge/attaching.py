"""Handing a finished upload's file over to a model instance: what ``AbstractUpload.attach`` does.

The order is what keeps the bytes:

1. Django's own ``FieldFile.save`` makes an empty file where the field wants one. That reserves the
   name against everybody else, which a rename does not: of two that look for a free name at once,
   the second would replace the first one's file. A second name of the upload's file, a hard
   link, is renamed over it. Where that is not possible, the bytes are copied.
2. In one transaction the upload's row gives its file up and the instance is saved.
3. Only when that is committed, the upload's name for the file is removed.

A crash before the commit leaves the upload as it was, and at worst a file in the field's storage
that no row knows; one behind it leaves a name that the row records and the sweep removes.
"""

import errno
import io
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import connections, router, transaction
from django.db.models.fields.files import FieldFile
from django.db.transaction import TransactionManagementError
from django.utils.text import get_valid_filename

from tusbridge import system
from tusbridge.conf import get_options
from tusbridge.errors import AlreadyAttached, UploadNotFound
from tusbridge.files import sync_path, sync_up

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
    _put(upload, field_file, name or _name_for(upload))
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
        is_certain = not is_settled and router.db_for_write(type(field_file.instance)) == using
        if is_certain and _names_are_exclusive(field_file.storage):
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


def _put(upload: "AbstractUpload", field_file: FieldFile, name: str) -> None:
    """Give the field's storage the upload's file, which the upload keeps."""
    source = storages[upload.storage_alias]
    stored = str(upload.file.name)
    if isinstance(source, FileSystemStorage) and _takes_links(field_file.storage):
        with _linked(source.path(stored)) as link:
            if link is not None and _put_link(field_file, name, link):
                return
    try:
        content = source.open(stored, "rb")
    except FileNotFoundError as error:
        raise UploadNotFound from error
    with content:
        field_file.save(name, content, save=False)


def _takes_links(storage: Storage) -> bool:
    """Whether a file that is saved is the file at its path, with nothing done to its bytes.

    Where names are given twice, saving cuts the older file to nothing: after a crash that may be
    another name of the upload's own.
    """
    cls = storage.__class__  # not type(): the default storage is wrapped
    return (
        isinstance(storage, FileSystemStorage)
        and cls.save is Storage.save
        and cls._save is FileSystemStorage._save  # type: ignore[attr-defined]
        and _names_are_exclusive(storage)
    )


def _names_are_exclusive(storage: Storage) -> bool:
    """Whether a name that was given is nobody else's, so that its file may be taken back."""
    is_plain = storage.__class__.get_available_name is Storage.get_available_name
    return is_plain and not getattr(storage, "_allow_overwrite", False)


@contextmanager
def _linked(path: str) -> Iterator[str | None]:
    """A second name for the file; None on a file system that has none such.

    It looks like a copy on its way, so that the sweep takes it for one after a crash.
    """
    link: str | None = f"{path}.{uuid.uuid4().hex}.part"
    try:
        os.link(path, str(link))
    except FileNotFoundError as error:
        raise UploadNotFound from error
    except OSError:
        link = None
    try:
        yield link
    finally:
        if link is not None:
            with suppress(FileNotFoundError):
                os.unlink(link)


class _Nothing(File):  # type: ignore[type-arg]
    """An empty file."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())
        self.size = 0


def _put_link(field_file: FieldFile, name: str, link: str) -> bool:
    """Have the field's storage make an empty file with all that belongs to one, and put the bytes
    in its place. False: it is on another file system; nothing is left there."""
    former = str(field_file.name or "")
    field_file.save(name, _Nothing(), save=False)
    path = field_file.storage.path(str(field_file.name))
    try:
        system.dress_like(link, path)
        os.rename(link, path)
    except OSError as error:
        _withdraw(field_file, former)
        if error.errno != errno.EXDEV:
            raise
        return False
    # once more, for fields that look into the file
    setattr(field_file.instance, field_file.field.attname, field_file.name)
    return True


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
    sync_up(storage.path(str(field_file.name)), str(storage.location))


def _give_up(upload: "AbstractUpload", using: str) -> None:
    """:raises AlreadyAttached: another request was quicker.
    :raises UploadNotFound: the upload was removed meanwhile."""
    state = {**upload.store_state, HANDED_OVER: str(upload.file.name)}
    rows = type(upload)._base_manager.using(using)
    is_ours = rows.filter(pk=upload.pk, status=upload.status, file=upload.file.name).update(
        file="", store_state=state
    )
    if not is_ours:
        is_there = rows.filter(pk=upload.pk, status=upload.status).exists()
        raise AlreadyAttached if is_there else UploadNotFound


def _withdraw(field_file: FieldFile, former: str) -> None:
    with suppress(OSError):
        field_file.storage.delete(str(field_file.name))
    field_file.name = former
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
