"""The app of sites that serve the contract over their own upload model."""

from django.apps import AppConfig

from legacy.conf import register_storage


class LegacyConfig(AppConfig):
    """Has the command ``tusbridge_import_chunked``."""

    name = "legacy"
    label = "tusbridge_legacy"
    verbose_name = "Chunked uploads"

    def ready(self) -> None:
        # once models are there; checks register themselves
        from legacy import after_migrate, checks  # noqa: F401, PLC0415

        after_migrate.connect()
        # uploads of other requests, too, are found in it
        register_storage()
