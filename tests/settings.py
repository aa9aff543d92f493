"""Django settings of the tests: SQLite, or the database that TUSBRIDGE_TEST_DATABASE_URL names."""

import os
import tempfile
from importlib.util import find_spec

import dj_database_url

_URL = os.environ.get("TUSBRIDGE_TEST_DATABASE_URL", "")
_PLACE = tempfile.mkdtemp(prefix="tusbridge-tests-")

SECRET_KEY = "tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.urls"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "ninja",
    "tusbridge",
    "tusbridge.server",
    "legacy",
    "tests.gallery",
    # its fields cannot be imported without its models
    *(["tests.support.thumbnails.QuietThumbnails"] if find_spec("easy_thumbnails") else []),
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
if _URL:
    DATABASES = {"default": dict(dj_database_url.parse(_URL))}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{_PLACE}/db.sqlite3",
            "TEST": {"NAME": f"{_PLACE}/test.sqlite3"},
            "OPTIONS": {
                "timeout": 5,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    }
MEDIA_ROOT = f"{_PLACE}/media"
STATIC_URL = "/static/"
TUSBRIDGE = {"ALLOW_ANONYMOUS": True, "LEASE_TTL": 0.4}
