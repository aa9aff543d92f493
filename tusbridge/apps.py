"""The Django app."""

from django.apps import AppConfig


class TusbridgeConfig(AppConfig):
    """``INSTALLED_APPS += ["tusbridge"]``."""

    name = "tusbridge"
    label = "tusbridge"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Resumable uploads"
