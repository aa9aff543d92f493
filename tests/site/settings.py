"""A small Django site with tusbridge in it, run by plain gunicorn and uvicorn in the tests.

SITE_PLACE is its folder, SITE_DATABASE_URL its database (else SQLite there). As JSON,
SITE_TUSBRIDGE is what TUSBRIDGE holds besides, SITE_APPS and SITE_MIDDLEWARE what the site does.
"""

import json
import os

import dj_database_url

PLACE = os.environ["SITE_PLACE"]
SECRET_KEY = "site"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "tusbridge", "legacy"]
INSTALLED_APPS += json.loads(os.environ.get("SITE_APPS", "[]"))
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",
    *json.loads(os.environ.get("SITE_MIDDLEWARE", "[]")),
]
ROOT_URLCONF = "tests.site.urls"
MEDIA_ROOT = f"{PLACE}/media"
DATABASES = {
    "default": dict(
        dj_database_url.parse(
            os.environ.get("SITE_DATABASE_URL") or f"sqlite:///{PLACE}/db.sqlite3"
        )
    )
}
if "sqlite" in str(DATABASES["default"]["ENGINE"]):
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    **json.loads(os.environ.get("SITE_DATABASE_OPTIONS", "{}")),
}
# a site may have this on; an upload must not hold a transaction all the same
DATABASES["default"]["ATOMIC_REQUESTS"] = True
TUSBRIDGE = {
    "ALLOW_ANONYMOUS": True,
    "POLICY": "tests.site.policy.TestUserPolicy",
    **json.loads(os.environ.get("SITE_TUSBRIDGE", "{}")),
}
LOGGING = {"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}}
