"""Tables that other programs kept of their uploads: what their columns are called, and where their
files lie.

Known are django-chunked-upload and its forks (``upload_id``, ``created_on``, ``completed_on``) and
drf-chunked-upload (a UUID as the key, ``created_at``, ``completed_at``).
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage
from django.db import models, router

from legacy import conf
from tusbridge.models import AbstractUpload

DEFAULT_MODEL = "chunked_upload.ChunkedUpload"
# What each column is called, in the order in which it is looked for.
_NAMES = {
    "upload_id": ("upload_id",),
    "file": ("file",),
    "filename": ("filename",),
    "offset": ("offset",),
    "status": ("status",),
    "created_on": ("created_on", "created_at"),
    "completed_on": ("completed_on", "completed_at"),
}
# Bytes of one read.
_PIECE = 1024 * 1024


class ImportRefused(Exception):
    """Nothing can be imported so; the text says why, and what to do."""


class NotInStorage(Exception):
    """The row's file name is none of a file in its storage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that a row names: bytes, and its path where it is a local one."""

    file: Any
    size: int
    path: str | None

    def pieces(self, count: int) -> Iterator[bytes]:
        """The first ``count`` bytes."""
        with self.file.storage.open(self.file.name, "rb") as opened:
            while count and (piece := opened.read(min(count, _PIECE))):
                count -= len(piece)
                yield piece

    def name_in(self, storage: Any) -> str | None:
        """What this very file is called in that storage; None where it is not in it."""
        if self.path is None or not isinstance(storage, FileSystemStorage):
            return None
        # a link within the folder leads out of it, and yet is the storage's; or it is the folder
        # itself that goes by two names
        for path, folder in (
            (os.path.abspath(self.path), os.path.abspath(storage.location)),
            (os.path.realpath(self.path), os.path.realpath(storage.location)),
        ):
            if path.startswith(folder.rstrip("/") + "/"):
                return os.path.relpath(path, folder)
        return None


class Source:
    """A model whose rows are uploads of another program's.

    :raises ImportRefused: it is none.
    """

    def __init__(self, label: str) -> None:
        self.model = _model_of(label)
        self.label: str = self.model._meta.label
        if issubclass(self.model, AbstractUpload):
            raise ImportRefused(
                f"{self.label} has tusbridge's own uploads: these rows are there already; name it "
                "in TUSBRIDGE_UPLOAD_MODEL, and migrate instead"
            )
        self._names = _names_of(self.model)
        missing = sorted(_NAMES.keys() - self._names.keys())
        if missing:
            raise ImportRefused(
                f"{self.label} is no table of chunked uploads: it has no {', '.join(missing)}"
            )
        self._user = _user_field_of(self.model)

    @cached_property
    def using(self) -> str:
        """The alias of its database: the one that is written to, for replicas lag behind."""
        return router.db_for_write(self.model)

    def count(self) -> int:
        """How many rows there are."""
        return int(self._rows().count())

    def batches(self, size: int) -> Iterator[list[Any]]:
        """All rows by primary key, so many at a time."""
        last: Any = None
        while True:
            page = self._rows() if last is None else self._rows().filter(pk__gt=last)
            batch = list(page.order_by("pk")[:size])
            if batch:
                yield batch
            if len(batch) < size:
                return
            last = batch[-1].pk

    def _rows(self) -> Any:
        # not the model's own manager, which may hide rows
        return self.model._base_manager.using(self.using)

    def value(self, row: Any, name: str) -> Any:
        """A column by the name that django-chunked-upload has for it."""
        return getattr(row, self._names[name])

    def upload_id(self, row: Any) -> str:
        """As tusbridge writes ids: a UUID as its 32 hex digits."""
        value = self.value(row, "upload_id")
        return str(getattr(value, "hex", value))

    def user_id(self, row: Any) -> Any:
        """The key of the upload's user; None of nobody's."""
        return getattr(row, self._user) if self._user else None

    def expires_on(self, row: Any) -> datetime:
        """When the program that made it counts it as expired, by its own rule where it has one."""
        told = getattr(row, "expires_on", None) or getattr(row, "expires_at", None)
        if isinstance(told, datetime):
            return told
        created: datetime = self.value(row, "created_on")
        return created + conf.expiration_delta()

    def find_file(self, row: Any) -> StoredFile | None:
        """The row's file; None where it is not there.

        :raises NotInStorage: what the row names can be none of its storage's.
        :raises Exception: what the storage raises when it cannot tell.
        """
        file = self.value(row, "file")
        if not file.name:
            return None
        find = _find_local if _keeps_plain_files(file.storage) else _find_remote
        try:
            return find(file)
        except SuspiciousFileOperation as error:
            raise NotInStorage("its file name leads out of the storage") from error


def _keeps_plain_files(storage: Any) -> bool:
    """Whether what it stores is a local file with just these bytes."""
    plain = FileSystemStorage
    cls: Any = storage.__class__
    return issubclass(cls, plain) and cls._open is plain._open and cls._save is plain._save  # type: ignore[attr-defined]


def _find_remote(file: Any) -> StoredFile | None:
    if not file.storage.exists(file.name):
        return None
    return StoredFile(file=file, size=file.storage.size(file.name), path=None)


def _find_local(file: Any) -> StoredFile | None:
    try:
        path = file.storage.path(file.name)
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise NotInStorage("its file name is none") from error
    if not stat.S_ISREG(found.st_mode):
        raise NotInStorage("its file name is that of no file")
    return StoredFile(file=file, size=found.st_size, path=path)


def _model_of(label: str) -> Any:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        likely = [model._meta.label for model in apps.get_models() if _is_likely(model)]
        hint = (
            f"these look as if they had chunked uploads: {', '.join(likely)}"
            if likely
            else "put the app back into INSTALLED_APPS, or describe its table by a model with "
            "managed = False"
        )
        raise ImportRefused(f"there is no model {label!r}; {hint}") from None


def _is_likely(model: Any) -> bool:
    return not issubclass(model, AbstractUpload) and not _NAMES.keys() - _names_of(model).keys()


def _names_of(model: Any) -> dict[str, str]:
    """The columns that the model has, by django-chunked-upload's names for them."""
    fields = {field.name: field for field in model._meta.concrete_fields}
    names = {
        name: next(one for one in ones if one in fields)
        for name, ones in _NAMES.items()
        if not fields.keys().isdisjoint(ones)
    }
    if "upload_id" not in names and isinstance(model._meta.pk, models.UUIDField):
        names["upload_id"] = model._meta.pk.name
    if not isinstance(fields.get("file"), models.FileField):
        names.pop("file", None)
    return names


def _user_field_of(model: Any) -> str | None:
    """The column with the user's key: that of ``user``, else of the one field that refers to users.

    :raises ImportRefused: which one it is cannot be told.
    """
    users = get_user_model()._meta.concrete_model
    fields = {
        field.name: field.attname
        for field in model._meta.concrete_fields
        if field.remote_field and field.related_model._meta.concrete_model is users
    }
    if "user" in fields:
        return str(fields["user"])
    if any(field.name == "user" for field in model._meta.concrete_fields):
        raise ImportRefused(
            f"{model._meta.label}.user does not refer to {get_user_model()._meta.label}, so whose "
            "the uploads are cannot be told"
        )
    if len(fields) > 1:
        raise ImportRefused(
            f"whose the uploads of {model._meta.label} are cannot be told: {', '.join(fields)} "
            "refer to users, and none of them is called user"
        )
    return next(iter(fields.values()), None)
