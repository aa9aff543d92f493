"""A site that has tables of other packages beside tusbridge's.

IMPORT_PLACE is its folder; TUSBRIDGE_TEST_DATABASE_URL its database, else SQLite there.
"""

import os

import dj_database_url

PLACE = os.environ["IMPORT_PLACE"]
_URL = os.environ.get("TUSBRIDGE_TEST_DATABASE_URL") or f"sqlite:///{PLACE}/db.sqlite3"

SECRET_KEY = "tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
ROOT_URLCONF = "tests.legacy.importing.urls"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "tusbridge",
    "legacy",
    "tests.legacy.importing.old",
    "tests.legacy.importing.tables",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {"default": dict(dj_database_url.parse(_URL))}
if "sqlite" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    DATABASES["default"]["TEST"] = {"NAME": f"{PLACE}/test.sqlite3"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MEDIA_ROOT = f"{PLACE}/media"
TUSBRIDGE = {"ALLOW_ANONYMOUS": True, "LEASE_TTL": 0.4}
