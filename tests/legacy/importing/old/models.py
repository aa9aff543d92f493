"""The table of django-chunked-upload 2.0.0 and its forks, and that of 1.x on sites that made it."""

# ruff: noqa: DJ008 nobody reads them

import time
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone


def new_id() -> str:
    return uuid.uuid4().hex


def part_name(upload: Any, filename: str) -> str:
    return time.strftime(f"chunked_uploads/%Y/%m/%d/{upload.upload_id}.part")


class AbstractChunkedUpload(models.Model):
    upload_id = models.CharField(max_length=32, unique=True, editable=False, default=new_id)
    file = models.FileField(max_length=255, upload_to=part_name)
    filename = models.CharField(max_length=255)
    offset = models.BigIntegerField(default=0)
    created_on = models.DateTimeField(auto_now_add=True)
    status = models.PositiveSmallIntegerField(choices=[(1, "U"), (2, "C")], default=1)
    completed_on = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def expires_on(self) -> Any:
        return self.created_on + timedelta(days=1)

    @property
    def expired(self) -> bool:
        return bool(self.expires_on <= timezone.now())


class ChunkedUpload(AbstractChunkedUpload):
    # not every database has seen to it that users exist
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="chunked_uploads",
        null=True,
        blank=True,
        db_constraint=False,
    )
