"""Writes down in which schema receivers run."""

from typing import Any

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "tests.contexts.tenancy"
    label = "tenancy"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.conf import settings
        from django.db import connection

        from tusbridge.signals import upload_completed

        def hear(upload: Any, **_: Any) -> None:
            with open(f"{settings.PLACE}/heard", "a") as file:
                file.write(f"{connection.schema_name} {upload.upload_id}\n")

        upload_completed.connect(hear, weak=False)
