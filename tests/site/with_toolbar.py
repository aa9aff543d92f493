"""The site with django-debug-toolbar, whose panels read the request behind its view."""

from tests.site.settings import *  # noqa: F403
from tests.site.settings import INSTALLED_APPS, MIDDLEWARE

DEBUG = True
STATIC_URL = "/static/"
INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.staticfiles", "debug_toolbar"]
MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware", *MIDDLEWARE]
ROOT_URLCONF = "tests.site.toolbar_urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DEBUG_TOOLBAR_CONFIG = {"SHOW_TOOLBAR_CALLBACK": "tests.site.with_toolbar.always"}


def always(request: object) -> bool:
    """Show it, whatever the client's address."""
    return True
