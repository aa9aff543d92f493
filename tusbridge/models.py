"""The upload's row. ``AbstractUpload`` carries it, so that a site may bring its own model."""

import uuid
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.core.exceptions import (
    ImproperlyConfigured,
    ValidationError,
)
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import models, router
from django.db.models.fields.files import FieldFile

from tusbridge.attaching import (
    HANDED_OVER,
    attached_before,
    hand_over,
    instance_of,
    validate,
)
from tusbridge.conf import get_options
from tusbridge.errors import AlreadyAttached, PartialUpload, UploadIncomplete, UploadNotFound
from tusbridge.protocol import rules
from tusbridge.protocol.rules import UploadState

if TYPE_CHECKING:
    from typing import Self


def generate_upload_id() -> str:
    """A new id: 122 random bits as 32 lower-case hex digits."""
    return uuid.uuid4().hex


def upload_storage() -> Storage:
    """The Django storage where finished files go.

    Called while models are made. With settings that are wrong a plain one stands in, so that
    ``manage.py check`` comes to say what is; nothing is uploaded with such settings.
    """
    try:
        return storages[get_options().STORAGE]
    except ImproperlyConfigured:
        return FileSystemStorage()


def upload_to(upload: "AbstractUpload", filename: str) -> str:
    """The finished file's name: from the id alone, never from what the client wrote."""
    return f"{get_options().UPLOAD_TO}/{upload.upload_id[:2]}/{upload.upload_id}"


class Status(models.IntegerChoices):
    """What an upload is doing; 1 and 2 as sites of django-chunked-upload know them."""

    UPLOADING = 1, "uploading"
    COMPLETE = 2, "complete"
    TERMINATED = 3, "terminated"


class Protocol(models.TextChoices):
    """The protocol an upload began with."""

    TUS = "tus", "tus 1.0.0"
    LEGACY = "legacy", "django-chunked-upload"


class Concat(models.TextChoices):
    """What an upload is to a concatenation (tus 1.0.0, concatenation)."""

    NONE = "", "none"
    PARTIAL = rules.PARTIAL, "partial"
    FINAL = rules.FINAL, "final"


class UploadQuerySet(models.QuerySet["AbstractUpload"]):
    """Uploads by what becomes of them."""

    def update(self, **kwargs: Any) -> int:
        """As Django's; uploads that get an owner are noted as such."""
        if kwargs.get("user", kwargs.get("user_id")) is not None:
            kwargs.setdefault("is_anonymous", False)
        return super().update(**kwargs)

    def finished(self) -> "Self":
        """Complete, and files of their own: not those that were uploaded as parts of others."""
        return self.filter(status=Status.COMPLETE).exclude(concat=Concat.PARTIAL)

    def attached(self) -> "Self":
        """Those whose file was attached to a model instance: complete, and without a file."""
        return self.finished().filter(file="")

    def expired(self, now: datetime) -> "Self":
        """Past their time: unfinished, or partial and made use of or forgotten."""
        is_open = models.Q(status=Status.UPLOADING)
        is_part = models.Q(status=Status.COMPLETE, concat=Concat.PARTIAL)
        return self.filter(is_open | is_part, expires_at__lte=now)

    def unannounced(self, before: datetime) -> "Self":
        """Complete, but a crash may have kept their receivers from hearing of it."""
        return self.filter(status=Status.COMPLETE, announce_at__lt=before)

    def unfinished_business(self) -> "Self":
        """Terminated, but their bytes may still be there."""
        return self.filter(status=Status.TERMINATED)

    def left_uncompleted(self, before: datetime) -> "Self":
        """All bytes are there, and nothing has happened since."""
        return self.filter(
            status=Status.UPLOADING,
            completes_itself=True,
            offset=models.F("length"),
            progress_at__lt=before,
        )


class AbstractUpload(models.Model):
    """One upload, whatever protocol it began with. Sizes are bytes.

    ``offset`` is the only truth about how much is there: it is never ahead of bytes that are
    durable, and only ``tusbridge.leases`` moves it.
    """

    upload_id = models.CharField(
        max_length=32, unique=True, editable=False, default=generate_upload_id
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="%(app_label)s_%(class)ss",
    )
    # whether it began without an owner; null in rows from before this column
    is_anonymous = models.BooleanField(null=True, default=None, editable=False)
    file = models.FileField(max_length=255, blank=True, storage=upload_storage, upload_to=upload_to)
    filename = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=255, blank=True)
    offset = models.BigIntegerField(default=0)
    length = models.BigIntegerField(null=True, blank=True)
    metadata = models.TextField(blank=True)
    status = models.PositiveSmallIntegerField(choices=Status.choices, default=Status.UPLOADING)
    protocol = models.CharField(max_length=16, choices=Protocol.choices, default=Protocol.TUS)
    completes_itself = models.BooleanField(default=True)
    concat = models.CharField(max_length=8, choices=Concat.choices, default=Concat.NONE, blank=True)
    # a final upload: "field" as the client wrote it, and the "ids"; a partial one: the unfinished
    # "finals" that wait for it
    parts = models.JSONField(null=True, blank=True)
    # the same for a request that is sent again after a lost answer
    concat_key = models.CharField(max_length=64, null=True, blank=True, unique=True)
    created_on = models.DateTimeField(auto_now_add=True)
    completed_on = models.DateTimeField(null=True, blank=True)
    # when what a completing call asks for was done; null while no such call has succeeded
    confirmed_on = models.DateTimeField(null=True, blank=True)
    # set while receivers of upload_completed may not have heard of it; moves on while they are told
    announce_at = models.DateTimeField(null=True, blank=True, db_index=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    storage_alias = models.CharField(max_length=64, default="default")
    store_state = models.JSONField(default=dict, blank=True)
    lease_token = models.CharField(max_length=32, null=True, blank=True)  # noqa: DJ001 NULL means nobody
    lease_until = models.DateTimeField(null=True, blank=True)
    progress_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = UploadQuerySet.as_manager()

    # columns that only the lease's own statements write
    KEPT: ClassVar[frozenset[str]] = frozenset(
        {"offset", "store_state", "lease_token", "lease_until", "progress_at", "announce_at"}
        | {"confirmed_on"}
    )
    # those too, until the upload is complete
    KEPT_WHILE_UPLOADING: ClassVar[frozenset[str]] = frozenset(
        {"file", "length", "status", "completes_itself", "expires_at", "completed_on"}
        | {"parts", "concat", "concat_key"}
    )

    class Meta:
        abstract = True
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["status", "expires_at"])]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Models that derive from one with a table have no index on its columns; Django would take
        the Meta of the abstract one for theirs, too."""
        super().__init_subclass__(**kwargs)
        if any(hasattr(base, "_meta") and not base._meta.abstract for base in cls.__bases__):
            cls.Meta = type("Meta", (), {})  # type: ignore[assignment,misc]

    def __str__(self) -> str:
        total = "?" if self.length is None else self.length
        return f"{self.upload_id} ({self.offset} of {total} bytes)"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Leaves alone what may have changed in the row since this instance was read: where the
        bytes are, how many, and who writes. ``update_fields`` names what it shall write all the
        same."""
        named = kwargs.get("update_fields")
        if self.note_owner() and named:
            kwargs["update_fields"] = {*named, "is_anonymous"}
        if not (self._state.adding or args or named):
            kwargs["update_fields"] = self._own_fields()
        super().save(*args, **kwargs)

    def note_owner(self) -> bool:
        """Have the instance know whether it had an owner; whether that has changed."""
        former = self.is_anonymous
        if self.user_id is not None:
            self.is_anonymous = False
        elif self._state.adding and former is None:
            self.is_anonymous = True
        return self.is_anonymous is not former

    @property
    def belongs_to_all(self) -> bool:
        """Whether it is an anonymous upload, which its id alone gives access to. One whose owner
        was deleted is not."""
        if self.user_id is not None:
            return False
        return not _loses_owners(type(self)) if self.is_anonymous is None else self.is_anonymous

    @classmethod
    def new_storage_alias(cls) -> str:
        """The alias of the storage where the file of a new upload goes; that of ``file``, too."""
        return get_options().STORAGE

    def _own_fields(self) -> list[str]:
        kept = self.KEPT | (frozenset() if self.is_complete else self.KEPT_WHILE_UPLOADING)
        fields = [field for field in self._meta.concrete_fields if not field.primary_key]
        return [field.name for field in fields if field.name not in kept]

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are there, checked, and where they belong."""
        return self.status == Status.COMPLETE

    @property
    def is_finished(self) -> bool:
        """Whether it is complete, and a file of its own: not one that is a part of another."""
        return self.is_complete and not self.is_part

    @property
    def is_part(self) -> bool:
        """Whether it was uploaded to become a part of another (tus 1.0.0, Upload-Concat)."""
        return self.concat == Concat.PARTIAL

    @property
    def is_waiting(self) -> bool:
        """Whether it is made of parts that are not all complete yet."""
        return (
            self.concat == Concat.FINAL
            and self.status == Status.UPLOADING
            and (self.length is None or self.offset < self.length)
        )

    @property
    def part_ids(self) -> list[str]:
        """The ids of the partial uploads that a final one is made of, in their order."""
        return list((self.parts or {}).get("ids", ()))

    @property
    def keeps_bytes(self) -> bool:
        """Whether the bytes stay when the row is deleted: never, but in models that say so."""
        return False

    @property
    def recorded_name(self) -> str:
        """The finished file's name; empty before it is about to be finished."""
        return str(self.file.name or "")

    @property
    def stored_name(self) -> str:
        """The storage's file that goes with this row: the finished one; for a moment after
        :meth:`attach` the name it had; else empty."""
        return self.recorded_name or str(self.store_state.get(HANDED_OVER, ""))

    @property
    def is_being_stored(self) -> bool:
        """Whether all bytes are there and the server is still storing the file: a moment for most
        files, longer for large ones in an object store. It is complete, or has failed, soon."""
        return (
            self.status == Status.UPLOADING
            and self.completes_itself
            and self.length is not None
            and self.offset == self.length
        )

    @property
    def is_attached(self) -> bool:
        """Whether :meth:`attach` has given the file to a model instance. Queries find such uploads
        by ``Upload.objects.attached()``."""
        return self.is_finished and not self.file.name

    def attached_instance(self) -> models.Model | None:
        """The model instance that :meth:`attach` has given the file to; None if there is none, or
        it has another file by now. Asks the database."""
        return instance_of(self)

    def validate_for(self, field_file: FieldFile, *, name: str | None = None) -> None:
        """Run the validators of the field as :meth:`attach` does, and store nothing; for forms.

        :raises ValidationError: a validator does not take the file.
        :raises UploadIncomplete: bytes are missing.
        :raises AlreadyAttached: the file was attached before.
        :raises PartialUpload: it is a part of a concatenation.
        :raises UploadNotFound: the upload, or its file, is not there any more.
        """
        row = self._row_to_attach()
        if not row.file.name:
            raise AlreadyAttached
        validate(row, field_file, name=name)

    def attach(self, field_file: FieldFile, *, name: str | None = None, save: bool = True) -> str:
        """Make the finished file the file of a model instance, as in
        ``upload.attach(video.file)``; its name in that field's storage.

        The field's validators, its ``pre_save`` and ``save``, and so naming, ``upload_to`` and
        permissions are as for any file; ``name`` is the client's file name unless given. Whatever
        fails, and wherever a crash comes, the upload keeps its file until the instance has it; then
        the bytes are the instance's. Attaching the upload again to the same field of the same
        instance gives the same name.

        With ``save=False`` the instance is to be saved by the caller in the same transaction.

        :raises ValidationError: a validator of the field does not take the file.
        :raises UploadIncomplete: bytes are missing.
        :raises AlreadyAttached: it was attached to something else before.
        :raises PartialUpload: it is a part of a concatenation.
        :raises UploadNotFound: the upload, or its file, is not there any more.
        :raises TransactionManagementError: ``save=False`` outside of ``transaction.atomic``.
        """
        using = router.db_for_write(type(self), instance=self)
        row = self._row_to_attach()
        try:
            if not row.file.name:
                raise AlreadyAttached
            attached = hand_over(row, field_file, name=name, save=save, using=using)
        except AlreadyAttached:
            row = self._row_to_attach()
            attached = attached_before(row, field_file)
        self.file, self.store_state, self.status = "", row.store_state, row.status
        return attached

    def _row_to_attach(self) -> "Self":
        """The upload as its row is now, complete."""
        using = router.db_for_write(type(self), instance=self)
        row = type(self)._base_manager.using(using).filter(pk=self.pk).first()
        if row is None or row.status == Status.TERMINATED:
            raise UploadNotFound
        if not row.is_complete:
            raise UploadIncomplete(row.offset, row.length)
        if row.is_part:
            raise PartialUpload
        return row

    @property
    def state(self) -> UploadState:
        """What the rules look at."""
        return UploadState(
            offset=self.offset,
            length=self.length,
            is_complete=self.is_complete,
            expires_at=self.expires_at,
            concat=self.concat,
        )


# migrations of models that refer to uploads look the setting up, default or not
if not hasattr(settings, "TUSBRIDGE_UPLOAD_MODEL"):
    settings.TUSBRIDGE_UPLOAD_MODEL = "tusbridge.Upload"


class Upload(AbstractUpload):
    """The upload model of sites that bring none of their own."""

    class Meta(AbstractUpload.Meta):
        swappable = "TUSBRIDGE_UPLOAD_MODEL"


def row_model(model: type[AbstractUpload]) -> type[AbstractUpload]:
    """The model in whose table the offset and the lease are: of a model that derives from another
    one with a table, that one. Only there is one UPDATE one statement."""
    owner: Any = model._meta.get_field("lease_token").model
    return owner  # type: ignore[no-any-return]


def is_named_by_id(model: type[AbstractUpload]) -> bool:
    """Whether finished files are named as we do it: from the id alone, which is known before there
    is a row. What a site does instead may look at all columns."""
    field = model._meta.get_field("file")
    return type(field) is models.FileField and field.upload_to is upload_to


def owner_of(model: type[AbstractUpload], user_id: Any) -> dict[str, Any]:
    """The column that says whose a new upload is; none in a site's model without users.

    :raises ValueError: ``user_id`` is not a user's key.
    """
    return {"user_id": owner_key(model, user_id)} if _owner_field(model) else {}


def owner_key(model: type[AbstractUpload], user_id: Any) -> Any:
    """A user's key as the model's rows have it, so that two of them can be compared: tokens carry
    keys as text.

    :raises ValueError: it is not a user's key. A text that only resembles a number is none, for
        two different ones would name the same user.
    """
    field = _owner_field(model)
    if user_id is None or field is None:
        return user_id
    try:
        key = field.clean(user_id, None)
    except (ValidationError, ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{user_id!r} is not a key of {field.model._meta.label}") from error
    if isinstance(key, int) and str(key) != str(user_id):
        raise ValueError(f"{user_id!r} is not a key of {field.model._meta.label}, but {key} is")
    return key


@lru_cache(maxsize=32)
def _owner_field(model: type[AbstractUpload]) -> Any:
    """The field of the user's model that ``user_id`` has the values of; None without users."""
    found = [field for field in model._meta.concrete_fields if field.attname == "user_id"]
    field: Any = found[0] if found else None
    while field is not None and field.remote_field:
        field = field.target_field
    return field


@lru_cache(maxsize=32)
def _loses_owners(model: type[AbstractUpload]) -> bool:
    """Whether a row may outlive its owner, and then looks as if it never had one."""
    fields = [field for field in model._meta.concrete_fields if field.attname == "user_id"]
    kept = {"CASCADE", "PROTECT", "RESTRICT", "DB_CASCADE"}
    on_delete = [getattr(field.remote_field, "on_delete", None) for field in fields]
    return any(getattr(found, "__name__", str(found)) not in kept for found in on_delete)


def get_upload_model() -> type[AbstractUpload]:
    """The model named by ``TUSBRIDGE_UPLOAD_MODEL``, as AUTH_USER_MODEL names the user's.

    :raises ImproperlyConfigured: the name is no ``app_label.Model`` or no such model exists.
    """
    name: str = settings.TUSBRIDGE_UPLOAD_MODEL  # type: ignore[misc]
    try:
        model = apps.get_model(name, require_ready=False)
    except (LookupError, ValueError) as error:
        raise ImproperlyConfigured(
            f"TUSBRIDGE_UPLOAD_MODEL = {name!r} has to name an installed app_label.Model"
        ) from error
    if not issubclass(model, AbstractUpload):
        raise ImproperlyConfigured(
            f"TUSBRIDGE_UPLOAD_MODEL = {name!r} has to derive from tusbridge.models.AbstractUpload"
        )
    return model
