"""Settings of a site on django-chunked-upload; the only file that knows there are two of them.

CHUNKED_UPLOAD_UNDER_TEST says which: the original, or ours in its place.
"""

import os
import tempfile
from pathlib import Path

import dj_database_url

from tests.legacy.contract.variations import VARIATIONS

IS_ORIGINAL = os.environ["CHUNKED_UPLOAD_UNDER_TEST"] == "original"
if not IS_ORIGINAL:
    import legacy.dropin  # noqa: F401

_PLACE = Path(os.environ.get("CHUNKED_UPLOAD_PLACE") or tempfile.mkdtemp(prefix="contract-"))
_URL = os.environ.get("TUSBRIDGE_TEST_DATABASE_URL") or "sqlite://:memory:"

SECRET_KEY = "tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
ROOT_URLCONF = "tests.legacy.contract.urls"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
    "chunked_upload",
    "tests.legacy.contract.site",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
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
DATABASES = {"default": dict(dj_database_url.parse(_URL))}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MEDIA_ROOT = str(_PLACE / "media")
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
LOGIN_URL = "/login/"

if not IS_ORIGINAL:
    INSTALLED_APPS += ["tusbridge"]
    TUSBRIDGE_UPLOAD_MODEL = "chunked_upload.ChunkedUpload"

globals().update(VARIATIONS[os.environ.get("CHUNKED_UPLOAD_VARIATION", "none")])
