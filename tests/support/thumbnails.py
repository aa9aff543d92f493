"""easy-thumbnails without its receivers of every model's saves."""

from django.apps import AppConfig
from django.db.models.signals import post_save, pre_save


class QuietThumbnails(AppConfig):
    """With receivers, all uploads of all tests would be inserted as the ORM saves them."""

    name = "easy_thumbnails"
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """Its fields work without."""
        from easy_thumbnails import signal_handlers

        assert pre_save.disconnect(signal_handlers.find_uncommitted_filefields)
        assert post_save.disconnect(signal_handlers.signal_committed_filefields)
