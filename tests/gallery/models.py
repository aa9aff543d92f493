"""What a site has besides uploads: files of its own, and rows that refer to uploads."""

from django.conf import settings
from django.db import models


class Video(models.Model):
    """Gets its file from an upload."""

    title = models.CharField(max_length=50, default="untitled")
    file = models.FileField(upload_to="videos", max_length=100)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE)

    def __str__(self) -> str:
        return self.title


class Receipt(models.Model):
    """Does not let its upload go."""

    upload = models.ForeignKey("tusbridge.Upload", on_delete=models.PROTECT)

    def __str__(self) -> str:
        return f"receipt of {self.upload}"
