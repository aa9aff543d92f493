"""Uploads where the path does not tell: behind a language, and by django-hosts."""

from tests.site.settings import *  # noqa: F403
from tests.site.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_hosts"]
MIDDLEWARE = [
    "django_hosts.middleware.HostsRequestMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django_hosts.middleware.HostsResponseMiddleware",
]
ROOT_URLCONF = "tests.contexts.site.urls"
ROOT_HOSTCONF = "tests.contexts.site.hosts"
DEFAULT_HOST = "www"
