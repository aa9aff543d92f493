"""``ChunkedUpload`` in the original's table; what sites import besides."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from legacy import conf
from legacy.models import (
    AbstractChunkedUpload,
    BaseChunkedUpload,
    generate_filename,
    generate_upload_id,
)

__all__ = [
    "AbstractChunkedUpload",
    "BaseChunkedUpload",
    "ChunkedUpload",
    "generate_filename",
    "generate_upload_id",
]


class ChunkedUpload(AbstractChunkedUpload):
    """An upload and its user; abstract where CHUNKED_UPLOAD_ABSTRACT_MODEL says so, for sites of
    1.x, whose own models derive from it and have a table with all columns."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="chunked_uploads",
        null=conf.user_null(),
        blank=conf.user_blank(),
    )

    class Meta(AbstractChunkedUpload.Meta):
        abstract = conf.is_declared_abstract()
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["status", "expires_at"])]
