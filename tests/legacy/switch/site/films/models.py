"""Films are uploads with a title; reviews are of any upload."""

from chunked_upload.models import ChunkedUpload, generate_upload_id
from chunked_upload.settings import UPLOAD_TO
from django.db import models


class Film(ChunkedUpload):
    """Multi-table inheritance: a row of its own beside the upload's."""

    title = models.CharField(max_length=100, default="")


class Review(models.Model):
    """Refers to uploads and to films."""

    upload = models.ForeignKey(ChunkedUpload, on_delete=models.CASCADE, related_name="reviews")
    film = models.ForeignKey(Film, null=True, blank=True, on_delete=models.SET_NULL)
    text = models.TextField()

    def __str__(self) -> str:
        return self.text


class Poster(models.Model):
    """Plain files, named as uploads are."""

    upload_id = models.CharField(max_length=32, default=generate_upload_id)
    file = models.FileField(max_length=255, upload_to=UPLOAD_TO)
    small = models.FileField(blank=True, upload_to=UPLOAD_TO)

    def __str__(self) -> str:
        return self.upload_id
