"""Models as sites have them: subclasses, references, and uploads of their own."""

from chunked_upload.models import AbstractChunkedUpload, ChunkedUpload
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import models

picture_storage = FileSystemStorage(location=f"{settings.MEDIA_ROOT}-pictures")


class Video(ChunkedUpload):
    """Multi-table inheritance, with a column of its own."""

    title = models.CharField(max_length=50, default="untitled")


class Comment(models.Model):
    """Refers to an upload, and perhaps to a video."""

    upload = models.ForeignKey(ChunkedUpload, on_delete=models.CASCADE, related_name="comments")
    video = models.ForeignKey(Video, null=True, on_delete=models.CASCADE)
    text = models.TextField(default="")

    def __str__(self) -> str:
        return self.text


class Document(models.Model):
    """Where on_completion puts the bytes."""

    file = models.FileField(upload_to="documents")
    upload_id = models.CharField(max_length=32, default="")

    def __str__(self) -> str:
        return self.upload_id


class AnyonesUpload(AbstractChunkedUpload):
    """An upload without a user."""


class OwnedUpload(AbstractChunkedUpload):
    """The user by another name."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE)


class Picture(AbstractChunkedUpload):
    """A ``file`` of the site's own, as one public site has it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="pictures"
    )
    file = models.FileField(upload_to="pictures", storage=picture_storage, max_length=120)


class PlainFile(AbstractChunkedUpload):
    """A ``file`` with nothing but a folder, in Django's default storage."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE)
    file = models.FileField(upload_to="plain")
