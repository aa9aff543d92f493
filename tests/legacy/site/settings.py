"""Settings of the site. Its environment: SITE_PLACE is its folder, SITE_DATABASE_URL its database
(else SQLite there), SITE_DROPIN puts tusbridge's drop-in in the original's place,
SITE_EXPIRE_SECONDS is the life of an upload, SITE_USE_TZ=0 turns time zones off.
"""

import os
from datetime import timedelta
from urllib.parse import urlsplit

if os.environ.get("SITE_DROPIN"):
    import legacy.dropin  # noqa: F401

PLACE = os.environ["SITE_PLACE"]
SECRET_KEY = "site"
ALLOWED_HOSTS = ["*"]
USE_TZ = os.environ.get("SITE_USE_TZ", "1") == "1"
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "chunked_upload",
    "tests.legacy.site.apps.SiteConfig",
]
if os.environ.get("SITE_DROPIN"):
    INSTALLED_APPS.insert(3, "tusbridge")
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tests.legacy.site.login.login_by_header",
]
ROOT_URLCONF = "tests.legacy.site.urls"
MEDIA_ROOT = f"{PLACE}/media"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "ERROR"},
}

if "SITE_EXPIRE_SECONDS" in os.environ:
    CHUNKED_UPLOAD_EXPIRATION_DELTA = timedelta(seconds=float(os.environ["SITE_EXPIRE_SECONDS"]))


def _database(url: str) -> dict[str, object]:
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{PLACE}/db.sqlite3",
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL;",
            },
        }
    parts = urlsplit(url)
    kind = "postgresql" if parts.scheme.startswith("postgres") else "mysql"
    return {
        "ENGINE": f"django.db.backends.{kind}",
        "NAME": parts.path.lstrip("/"),
        "HOST": parts.hostname,
        "PORT": str(parts.port or ""),
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
    }


DATABASES = {"default": _database(os.environ.get("SITE_DATABASE_URL", ""))}
