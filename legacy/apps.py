"""The app of sites that serve the contract over their own upload model."""

from django.apps import AppConfig

from legacy.conf import storage_alias


class LegacyConfig(AppConfig):
    """Has the command ``tusbridge_import_chunked``."""

    name = "legacy"
    label = "tusbridge_legacy"
    verbose_name = "Chunked uploads"

    def ready(self) -> None:
        # uploads of other requests, too, are found in it
        storage_alias()
