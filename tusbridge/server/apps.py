"""The server's own Django app: access tokens."""

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_delete


class ServerConfig(AppConfig):
    """Installed by the runnable server only."""

    name = "tusbridge.server"
    label = "tusbridge_server"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Access"

    def ready(self) -> None:
        from tusbridge.models import get_upload_model  # noqa: PLC0415 models come after apps
        from tusbridge.receivers import remove_finished  # noqa: PLC0415

        try:
            model = get_upload_model()
        except ImproperlyConfigured:
            return  # whoever asks for the model next is told
        # no code of a site's own uses the files here: with a user go the user's
        post_delete.connect(remove_finished, sender=model, dispatch_uid="tusbridge.finished")
