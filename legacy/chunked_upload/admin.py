"""Chunked uploads in the site's admin."""

from typing import ClassVar

from django.contrib import admin

from legacy import conf
from legacy.chunked_upload.models import ChunkedUpload


class ChunkedUploadAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Deleting here removes the files, too."""

    list_display = ("upload_id", "filename", "user", "status", "created_on")
    search_fields = ("filename", "filename")
    list_filter = ("status",)
    readonly_fields: ClassVar[list[str]] = sorted(
        (ChunkedUpload.KEPT | ChunkedUpload.KEPT_WHILE_UPLOADING) - {"file"}
    )
    exclude = ("file",)


if not conf.is_declared_abstract():
    admin.site.register(ChunkedUpload, ChunkedUploadAdmin)
