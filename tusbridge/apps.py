"""The Django app."""

from django.apps import AppConfig


class TusbridgeConfig(AppConfig):
    """``INSTALLED_APPS += ["tusbridge"]``."""

    name = "tusbridge"
    label = "tusbridge"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Resumable uploads"

    def ready(self) -> None:
        """Make the checks of the settings known."""
        from tusbridge.checks import register_checks  # noqa: PLC0415 needs the models

        register_checks()
