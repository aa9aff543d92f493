"""An app with the label of the original."""

from django.apps import AppConfig


class OldConfig(AppConfig):
    name = "tests.legacy.importing.old"
    label = "chunked_upload"
