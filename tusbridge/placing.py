"""Putting an upload's bytes into a model's file field, under a name that no other file has.

Where field and storage are Django's own, a hard link to the upload's file takes the place of an
empty file that ``FieldFile.save`` has made. That reserves the name, which a rename does not: of
two that look for a free name at once, the second would replace the first one's file.

Fields and storages that override what saving does may look at the bytes. They get the real ones,
as from a form: the instance gets an uncommitted file, and ``pre_save`` of the field saves it.
"""

import errno
import io
import os
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db.models import FileField
from django.db.models.fields.files import FieldFile, FileDescriptor
from django.utils.text import get_valid_filename

from tusbridge import system
from tusbridge.errors import UploadNotFound

if TYPE_CHECKING:
    from tusbridge.models import AbstractUpload

# Characters of an ending that is one; a longer one leaves no room for the name.
_MAX_EXTENSION = 32
# Random bytes in a name that no other file may have.
_TOKEN_BYTES = 8
# What Django's own FileSystemStorage does with a name; what is overridden may look at the bytes.
_NAMING = ("generate_filename", "get_valid_name")


@dataclass(frozen=True, slots=True)
class Placed:
    """A file in the field's storage; ``is_alone``: no other file can have had its name."""

    name: str
    is_alone: bool


def name_for(upload: "AbstractUpload") -> str:
    """The client's file name as an ordinary upload's would be, else the id."""
    base = upload.filename.replace("\\", "/").rpartition("/")[2].strip()
    if len(os.path.splitext(base)[1]) > _MAX_EXTENSION:
        return upload.upload_id
    try:
        return get_valid_filename(base)
    except SuspiciousFileOperation:
        return upload.upload_id


def run_validators(upload: "AbstractUpload", field_file: FieldFile, name: str) -> None:
    """Run the field's validators on the upload's bytes; nothing is stored.

    :raises ValidationError: as the validators do.
    :raises UploadNotFound: the upload's file is gone.
    """
    field = field_file.field
    if not field.validators:
        return
    with _opened(upload, name) as content:
        value: Any = field.attr_class(field_file.instance, field, name)
        value.file, value._committed = content, False
        field.run_validators(value)


def place(upload: "AbstractUpload", field_file: FieldFile, name: str) -> Placed:
    """Give the field's storage the upload's file, which the upload keeps.

    :raises UploadNotFound: the upload's file is gone.
    """
    source = storages[upload.storage_alias]
    if isinstance(source, FileSystemStorage) and _takes_links(field_file):
        with _linked(source.path(str(upload.file.name))) as link:
            if link is not None and _put_link(field_file, name, link):
                return Placed(str(field_file.name), is_alone=True)
    return _copy(upload, field_file, name)


def withdraw(field_file: FieldFile, former: str, *, delete: bool = True) -> None:
    """Let the instance have its former file again; ``delete``: remove the one that it has."""
    if delete:
        with suppress(OSError):
            field_file.storage.delete(str(field_file.name))
    _name(field_file, former)


def _name(field_file: FieldFile, name: str) -> None:
    field_file.name = name
    setattr(field_file.instance, field_file.field.attname, name)


def _is_plain(target: Any, base: type, *methods: str) -> bool:
    """Whether the methods are the base's own: neither class nor instance has others."""
    return all(
        getattr(getattr(target, method), "__func__", None) is getattr(base, method)
        for method in methods
    )


def _takes_links(field_file: FieldFile) -> bool:
    """Whether a file that is saved is the file at its path, and nothing looks at its bytes."""
    field, storage = field_file.field, field_file.storage
    return (
        _names_are_alone(storage)
        and _is_plain(storage, Storage, *_NAMING)
        and _is_plain(field, FileField, "pre_save", "generate_filename")
        and field.descriptor_class is FileDescriptor
        and _is_plain(field_file, FieldFile, "save")
    )


def _names_are_alone(storage: Storage) -> bool:
    """Whether a name that was given is no other file's: FileSystemStorage makes files with O_EXCL,
    others look for a free name, or do not even look."""
    return (
        isinstance(storage, FileSystemStorage)
        and _is_plain(storage, FileSystemStorage, "_save")
        and _is_plain(storage, Storage, "save", "get_available_name")
        and not getattr(storage, "_allow_overwrite", False)
    )


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
        withdraw(field_file, former)
        if error.errno != errno.EXDEV:
            raise
        return False
    # once more, so that the instance forgets what it has seen of the empty file
    setattr(field_file.instance, field_file.field.attname, field_file.name)
    return True


@contextmanager
def _opened(upload: "AbstractUpload", name: str) -> Iterator["File[Any]"]:
    """The upload's bytes as a form would have them: with the name, the size in bytes and the
    client's content type.

    :raises UploadNotFound: the upload's file is gone.
    """
    try:
        stored = storages[upload.storage_alias].open(str(upload.file.name), "rb")
    except FileNotFoundError as error:
        raise UploadNotFound from error
    with stored:
        content: Any = File(stored, name)
        content.size = upload.offset
        content.content_type = upload.content_type
        yield content


def _copy(upload: "AbstractUpload", field_file: FieldFile, name: str) -> Placed:
    """Save the bytes as the field and its storage do it with a form's file."""
    instance, field = field_file.instance, field_file.field
    former = str(field_file.name or "")
    storage = _OwnNames(field_file.storage)
    with _opened(upload, name) as content:
        try:
            setattr(instance, field.attname, content)
            fresh = getattr(instance, field.attname)
            fresh.storage = storage
            field.pre_save(instance, instance._state.adding)
            if not fresh._committed:
                fresh.save(name, content, save=False)
        except Exception:
            storage.take_back()
            withdraw(field_file, former, delete=False)
            raise
    given = str(getattr(instance, field.attname).name)
    if given != field_file.name or field_file is not getattr(instance, field.attname):
        field_file.name, field_file._committed = given, True  # type: ignore[attr-defined]
        field_file.__dict__.pop("_file", None)
    return Placed(given, is_alone=storage.is_alone)


class _OwnNames:
    """A field's storage that gives the first file that is saved a name that no other file has."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._token = "" if _names_are_alone(storage) else secrets.token_hex(_TOKEN_BYTES)
        self._asked = self._given = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._storage.__class__

    @property
    def is_alone(self) -> bool:
        """Whether the name that was given is no other file's."""
        return self._token in self._given

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """As the storage's own."""
        if self._asked:
            return str(self._storage.save(name, content, max_length=max_length))
        self._asked = _with_token(name or content.name, self._token, max_length)
        self._given = str(self._storage.save(self._asked, content, max_length=max_length))
        return self._given

    def take_back(self) -> None:
        """Remove what was saved, also by half, if it is certainly no other file."""
        gone = self._given or (self._asked if self._token else "")
        if gone and self._token in gone:
            with suppress(Exception):
                self._storage.delete(gone)


def _with_token(name: str, token: str, max_length: int | None) -> str:
    """The name with the token before its extension, cut so that the column takes it.

    :raises SuspiciousFileOperation: the column takes no such name.
    """
    if not token:
        return name
    root, extension = os.path.splitext(name)
    folder, stem = os.path.split(root)
    if max_length is not None:
        over = len(root) + len(token) + 1 + len(extension) - max_length
        stem = stem[: len(stem) - over] if over > 0 else stem
        if not stem:
            raise SuspiciousFileOperation(f"max_length={max_length} leaves no room for {name!r}")
    return os.path.join(folder, f"{stem}_{token}{extension}")
