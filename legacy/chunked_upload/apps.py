"""The app in the original's place."""

from django.apps import AppConfig

from legacy.conf import register_storage


class ChunkedUploadConfig(AppConfig):
    """Label and table are the original's."""

    name = "legacy.chunked_upload"
    label = "chunked_upload"
    verbose_name = "Chunked uploads"
    # as in the original's first migration, whatever the site has as its default
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        # once models are there; checks register themselves
        from legacy import after_migrate, checks  # noqa: F401, PLC0415

        after_migrate.connect()
        # uploads of other requests, too, are found in it
        register_storage()
