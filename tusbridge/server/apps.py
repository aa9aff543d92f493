"""The server's own Django app: access tokens."""

from django.apps import AppConfig


class ServerConfig(AppConfig):
    """Installed by the runnable server only."""

    name = "tusbridge.server"
    label = "tusbridge_server"
    default_auto_field = "django.db.models.BigAutoField"
