"""The site's own app, for a model of its own."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "tests.legacy.site"
    label = "legacy_site"
