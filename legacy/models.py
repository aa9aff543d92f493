"""Models with the members that sites of django-chunked-upload know.

``ChunkedUpload`` itself, in the original's table, is in ``legacy.chunked_upload.models``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models.signals import class_prepared, post_delete
from django.utils import timezone

from legacy import conf, exchange, own_columns
from legacy.exchange import found_state
from legacy.files import ChunkedFileField
from tusbridge.models import AbstractUpload, Protocol, Status, generate_upload_id
from tusbridge.receivers import remove_finished, remove_unfinished

__all__ = [
    "AbstractChunkedUpload",
    "BaseChunkedUpload",
    "generate_filename",
    "generate_upload_id",
]

# As the contract names them.
STATUSES = ((1, "Uploading"), (2, "Complete"), (3, "Terminated"))
# Ids of uploads whose rows are deleted while their files are kept.
_kept: ContextVar[frozenset[str]] = ContextVar("kept", default=frozenset())


@contextmanager
def keeping_file(upload_id: str) -> Iterator[None]:
    """Rows of this upload that are deleted in the block leave its file."""
    token = _kept.set(_kept.get() | {upload_id})
    try:
        yield
    finally:
        _kept.reset(token)


class _NoUser:
    """In a model's place for a user, that it has none."""

    def __get__(self, instance: object, owner: type) -> Any:
        raise AttributeError("this upload model has no user")


class AbstractChunkedUpload(AbstractUpload):
    """An upload with the members of django-chunked-upload; without a user, as there.

    What the contract's members do goes through tusbridge's service: ``append_chunk`` writes, and
    what was written counts with ``save``; ``save`` with ``status`` set to 2 completes the upload.
    """

    user: Any = _NoUser()
    user_id: Any = None
    status = models.PositiveSmallIntegerField(choices=STATUSES, default=Status.UPLOADING)
    file: Any = ChunkedFileField(
        max_length=255, blank=True, upload_to=conf.default_upload_to, storage=conf.storage
    )

    # the row's status as it was last read; None where that was deferred
    _known_status: int | None = Status.UPLOADING
    _md5: str | None = None

    class Meta(AbstractUpload.Meta):
        abstract = True
        # models derived from one that has a table cannot have them
        indexes: ClassVar[list[models.Index]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """An instance whose maker names no protocol is one that a site makes, as sites of
        django-chunked-upload do."""
        if not (args or "protocol" in kwargs):
            kwargs = {"completes_itself": False, **kwargs, "protocol": Protocol.LEGACY}
        super().__init__(*args, **kwargs)

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any, **kwargs: Any) -> Self:
        instance = super().from_db(db, field_names, values, **kwargs)
        instance._known_status = instance.__dict__.get("status")
        return instance

    @property
    def _stored_status(self) -> int:
        """The row's status as it was read, or is now where that was deferred."""
        if self._known_status is None:
            self._known_status = exchange.recorded_status(self)
        return self._known_status

    @_stored_status.setter
    def _stored_status(self, status: int) -> None:
        self._known_status = status

    @property
    def keeps_bytes(self) -> bool:
        return self.upload_id in _kept.get()

    @property
    def recorded_name(self) -> str:
        return str(self.file.recorded_name)

    @classmethod
    def new_storage_alias(cls) -> str:
        return own_columns.storage_alias_of(cls._meta.get_field("file"))

    @property
    def expires_on(self) -> Any:
        """When it expires: so long after it was begun as CHUNKED_UPLOAD_EXPIRATION_DELTA says."""
        return exchange.expires_on(self)

    @property
    def expired(self) -> bool:
        """Whether that has passed, also for complete uploads."""
        return bool(self.expires_on <= timezone.now())

    @property
    def md5(self) -> str:
        """Hex digest of the bytes that are there."""
        if self._md5 is None:
            self._md5 = exchange.md5_of(self)
        return self._md5

    def append_chunk(self, chunk: Any, chunk_size: int | None = None, save: bool = True) -> None:
        """Write the bytes of an uploaded file behind those that are there. They count once
        ``save`` was called; until then nobody else can append.

        :raises UploadError: they cannot be written; nothing has changed.
        """
        exchange.append(self, chunk, self.length)
        if not save:
            return
        try:
            self.save()
        except BaseException:
            exchange.drop_held(self)
            raise

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Stores what the site may change. A chunk that was appended counts from now on, and an
        upload that was marked as complete is completed."""
        if exchange.commit_held(self):
            return
        if self._state.adding:
            self._take_own_file()
        elif self.__dict__.get("status") == Status.COMPLETE:
            exchange.complete_marked(self)
        super().save(*args, **kwargs)
        if "status" in self.__dict__:
            self._stored_status = self.status

    def _take_own_file(self) -> None:
        """A row that is made by hand, as sites' tests do, brings its file along."""
        if self.status == Status.COMPLETE:
            if self.protocol == Protocol.LEGACY:
                self.confirmed_on = self.confirmed_on or self.completed_on or timezone.now()
        elif self.file.recorded_name:
            if not self.file._committed:
                self.file.save(self.file.recorded_name, self.file.file, save=False)
            self.store_state = found_state(self.file.recorded_name)
            self.file = ""

    def refresh_from_db(
        self, using: str | None = None, fields: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        """As Django's, which also reads deferred columns by it: a status that the site has set
        is the row's only if the row's was read."""
        names = None if fields is None else list(fields)
        super().refresh_from_db(using, names, *args, **kwargs)
        if names is None or "status" in names:
            self._known_status = self.__dict__.get("status")

    def get_uploaded_file(self) -> Any:
        """The file, open for reading, under the client's name."""
        return exchange.uploaded_file(self)

    def close_file(self) -> None:
        """Close the file, if it is open."""
        self.file.close()

    def delete(  # type: ignore[override]
        self, delete_file: bool = True, *args: Any, **kwargs: Any
    ) -> Any:
        """Delete the row, and the bytes unless told otherwise."""
        if delete_file:
            return super().delete(*args, **kwargs)
        with keeping_file(self.upload_id):
            return super().delete(*args, **kwargs)

    def __str__(self) -> str:
        return (
            f"<{self.filename} - upload_id: {self.upload_id} - bytes: {self.offset} - "
            f"status: {self.status}>"
        )


# What early releases called them.
BaseChunkedUpload = AbstractChunkedUpload
generate_filename = conf.default_upload_to


def _watch(sender: Any, **_: Any) -> None:
    """Rows of every model of this kind take their bytes along, however they are deleted."""
    if issubclass(sender, AbstractChunkedUpload):
        own_columns.serve_own_file(sender)
        post_delete.connect(remove_unfinished, sender=sender)
        post_delete.connect(remove_finished, sender=sender)


class_prepared.connect(_watch)
