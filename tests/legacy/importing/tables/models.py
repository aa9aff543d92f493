"""Tables in the shape of other packages, models of sites, and models to import into."""

# ruff: noqa: DJ008 nobody reads them

import time
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage
from django.db import models

from legacy.models import AbstractChunkedUpload as OurAbstractChunkedUpload
from tests.legacy.importing.old.models import AbstractChunkedUpload, ChunkedUpload, part_name
from tusbridge.models import AbstractUpload

USER = settings.AUTH_USER_MODEL


def elsewhere() -> Storage:
    return FileSystemStorage(location=f"{settings.PLACE}/elsewhere")


def below() -> Storage:
    return FileSystemStorage(location=f"{settings.MEDIA_ROOT}/below")


class Other(FileSystemStorage):
    """What CHUNKED_UPLOAD_STORAGE_CLASS names."""

    def __init__(self) -> None:
        super().__init__(location=f"{settings.PLACE}/elsewhere")


class Sealed(FileSystemStorage):
    """A storage in the target's own folder whose files are not what was stored."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        with super()._open(name, mode) as file:
            return ContentFile(file.read()[::-1])

    def _save(self, name: str, content: Any) -> str:
        return super()._save(name, ContentFile(content.read()[::-1]))


class Remote(InMemoryStorage):
    """A storage without local files, which may be away."""

    is_away = False

    def exists(self, name: str) -> bool:
        if Remote.is_away:
            raise RuntimeError("the bucket does not answer")
        return super().exists(name)


remote = Remote()


class Derived(ChunkedUpload):
    """A site's model with a column more, in a table beside the package's."""

    title = models.CharField(max_length=20)


class OwnUpload(AbstractChunkedUpload):
    """A site's own table, and its own name for the user."""

    owner = models.ForeignKey(USER, on_delete=models.CASCADE, db_constraint=False)


class ElsewhereUpload(AbstractChunkedUpload):
    file = models.FileField(max_length=255, upload_to=part_name, storage=elsewhere)


class BelowUpload(AbstractChunkedUpload):
    file = models.FileField(max_length=255, upload_to=part_name, storage=below)


class SealedUpload(AbstractChunkedUpload):
    file = models.FileField(max_length=255, upload_to=part_name, storage=Sealed())


class RemoteUpload(AbstractChunkedUpload):
    file = models.FileField(max_length=255, upload_to=part_name, storage=remote)


class Forgotten(models.Model):
    """As the guide describes the table of an app that is not installed any more."""

    upload_id = models.CharField(max_length=32)
    file = models.FileField(max_length=255)
    filename = models.CharField(max_length=255)
    offset = models.BigIntegerField()
    created_on = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    completed_on = models.DateTimeField(null=True)
    user = models.ForeignKey(USER, models.DO_NOTHING, null=True, related_name="+")

    class Meta:
        managed = False
        db_table = "chunked_upload_chunkedupload"


class Gone(models.Model):
    """The same, over a table that is not there."""

    upload_id = models.CharField(max_length=32)
    file = models.FileField(max_length=255)
    filename = models.CharField(max_length=255)
    offset = models.BigIntegerField()
    created_on = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    completed_on = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "no_such_table"


def drf_name(upload: Any, filename: str) -> str:
    return time.strftime(f"chunked_uploads/%Y/%m/%d/{upload.id}.part")


class DrfUpload(models.Model):
    """The table of drf-chunked-upload 0.4 to 0.6."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    file = models.FileField(max_length=255, upload_to=drf_name, null=True)
    filename = models.CharField(max_length=255)
    offset = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True, editable=False)
    status = models.PositiveSmallIntegerField(choices=[(1, "I"), (2, "C")], default=1)
    completed_at = models.DateTimeField(null=True, blank=True)
    user = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="drf", null=True)

    @property
    def expires_at(self) -> Any:
        return self.created_at + timedelta(days=3)


class NoUploads(models.Model):
    upload_id = models.CharField(max_length=32)
    file = models.CharField(max_length=10)


class TwoUsers(AbstractChunkedUpload):
    owner = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="+")
    editor = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="+")


class GroupUpload(AbstractChunkedUpload):
    user = models.ForeignKey(Group, on_delete=models.CASCADE)


class Target(OurAbstractChunkedUpload):
    """A site's model with the contract's members."""

    user = models.ForeignKey(USER, on_delete=models.CASCADE, null=True)


class TargetChild(Target):
    """One that adds a table."""

    title = models.CharField(max_length=20, default="-")


class NobodysTarget(OurAbstractChunkedUpload):
    """One without users."""


class UsersTarget(OurAbstractChunkedUpload):
    """One in which every upload is somebody's."""

    user = models.ForeignKey(USER, on_delete=models.CASCADE)


class PlainTarget(AbstractUpload):
    """A site's model without the contract's members."""


class PlainChild(PlainTarget):
    """One that adds a table to it."""
