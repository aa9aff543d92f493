"""Listens to uploads."""

from django.apps import AppConfig


class ListeningConfig(AppConfig):
    name = "tests.contexts.site"
    label = "listening"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tests.contexts.site import receivers  # noqa: F401
