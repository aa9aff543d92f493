"""The app in the original's place."""

from django.apps import AppConfig

from legacy.conf import storage_alias


class ChunkedUploadConfig(AppConfig):
    """Label and table are the original's."""

    name = "legacy.chunked_upload"
    label = "chunked_upload"
    verbose_name = "Chunked uploads"
    # as in the original's first migration, whatever the site has as its default
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        # uploads of other requests, too, are found in it
        storage_alias()
