"""A site on django-chunked-upload, as it was before anybody thought of another package."""

import os
from pathlib import Path

import dj_database_url

_DATA = Path(os.environ["SITE_DATA"])
_HERE = Path(__file__).parent

SECRET_KEY = "site"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/login/"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "chunked_upload",
    "films",
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
        "DIRS": [_HERE / "templates"],
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
DATABASES = {
    "default": dj_database_url.parse(os.environ.get("SITE_DATABASE") or f"sqlite:///{_DATA}/db")
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MEDIA_ROOT = str(_DATA / "media")
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
CHUNKED_UPLOAD_PATH = "incoming/%Y"
CHUNKED_UPLOAD_MAX_BYTES = 1_000_000
