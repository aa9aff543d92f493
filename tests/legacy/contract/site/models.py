"""Models as sites have them: subclasses, references, and uploads of their own."""

from chunked_upload.models import AbstractChunkedUpload, ChunkedUpload
from django.conf import settings
from django.db import models


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
