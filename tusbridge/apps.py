"""The Django app."""

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_delete


class TusbridgeConfig(AppConfig):
    """``INSTALLED_APPS += ["tusbridge"]``."""

    name = "tusbridge"
    label = "tusbridge"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Resumable uploads"

    def ready(self) -> None:
        """Make the checks of the settings known, and free the bytes of rows that are deleted."""
        from tusbridge.checks import register_checks  # noqa: PLC0415 needs the models
        from tusbridge.models import get_upload_model  # noqa: PLC0415
        from tusbridge.receivers import remove_unfinished  # noqa: PLC0415

        register_checks()
        try:
            model = get_upload_model()
        except ImproperlyConfigured:
            return  # whoever asks for the model next is told; `manage.py check` has to run
        # by its sender: a receiver for all models would slow down every delete of the site
        post_delete.connect(remove_unfinished, sender=model, dispatch_uid="tusbridge.unfinished")
