"""Django settings of the runnable server, from ``TUSBRIDGE_*`` in the environment."""

import os
from datetime import timedelta
from typing import Any

import dj_database_url

from tusbridge.conf import DAY_SECONDS
from tusbridge.server.config import ADMIN_PATH, ServerConfig
from tusbridge.server.links import forget_links

forget_links(os.environ)
CONFIG = ServerConfig()
DATA_DIR = CONFIG.data_dir.resolve()


def _read_secret_key() -> str:
    """The key that ``tusbridge serve`` keeps in its data folder."""
    try:
        return (DATA_DIR / "secret-key").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


# What "never" is to those who have to name a date.
_CENTURY_SECONDS = 100 * 365 * DAY_SECONDS
# A host that is gone is noticed within seconds; milliseconds in the second line.
_POSTGRESQL_TIMEOUTS: dict[str, Any] = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}


def _database() -> dict[str, Any]:
    if CONFIG.database_url:
        database = dict(
            dj_database_url.parse(CONFIG.database_url, conn_max_age=None, conn_health_checks=True)
        )
    else:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "db.sqlite3")}
    engine = str(database["ENGINE"])
    options: dict[str, Any] = dict(database.get("OPTIONS") or {})  # type: ignore[call-overload]
    if "sqlite3" in engine:
        synchronous = "FULL" if CONFIG.durability == "power" else "NORMAL"
        options |= {
            "timeout": 5,
            "transaction_mode": "IMMEDIATE",
            "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};",
        }
    elif "postgresql" in engine:
        options = _POSTGRESQL_TIMEOUTS | options
    elif "mysql" in engine:
        options = {"connect_timeout": 3, "read_timeout": 8, "write_timeout": 8} | options
    return {**database, "OPTIONS": options, "CONN_MAX_AGE": None}


SECRET_KEY = _read_secret_key() or os.environ.get("TUSBRIDGE_SECRET_KEY", "")
DEBUG = False
ALLOWED_HOSTS = CONFIG.allowed_hosts
DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "ninja",
    "tusbridge",
    "tusbridge.server",
    "legacy",
]
MIDDLEWARE = [
    "tusbridge.server.middleware.PageFields",
    "tusbridge.server.middleware.Hosts",
    "django.middleware.common.CommonMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tusbridge.server.middleware.AdminFields",
    "tusbridge.server.middleware.AdminSession",
    "tusbridge.server.middleware.AdminCsrf",
    "tusbridge.server.middleware.AdminAuthentication",
    "tusbridge.server.middleware.AdminMessages",
]
ROOT_URLCONF = "tusbridge.server.urls"
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

# The admin's cookies are the admin's alone. Over TLS they are Secure (``middleware``); always so
# would lock out whoever looks at http://127.0.0.1:8000/admin/.
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = ADMIN_PATH
SESSION_COOKIE_NAME = "tusbridge-session"
CSRF_COOKIE_NAME = "tusbridge-csrf"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = DAY_SECONDS // 2
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# Behind a proxy that ends TLS, forms come from where this server does not know it is.
CSRF_TRUSTED_ORIGINS = CONFIG.tls_origins
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

MEDIA_ROOT = str(CONFIG.files_path)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# of what goes through Django's own handlers, no more than this is held in memory
FILE_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
FILE_UPLOAD_PERMISSIONS = CONFIG.file_mode
FILE_UPLOAD_DIRECTORY_PERMISSIONS = CONFIG.folder_mode

TUSBRIDGE = {
    "UPLOAD_TO": "uploads",
    "MAX_LENGTH": CONFIG.max_length,
    "EXPIRE_AFTER": CONFIG.expire_after,
    "EXTENSIONS": CONFIG.extensions,
    "DURABILITY": CONFIG.durability,
    "READ_TIMEOUT": CONFIG.read_timeout or DAY_SECONDS,
    "MIN_BODY_RATE": CONFIG.min_body_rate,
    "PAGE_MAX_BODY": CONFIG.page_max_body,
    "MAX_FORMS": CONFIG.max_forms,
    "CLIENT_MAX_FORMS": CONFIG.client_max_forms,
    "CORS_ORIGINS": CONFIG.cors_origins,
    "CORS_ALLOW_HEADERS": CONFIG.cors_allow_header,
    "CORS_EXPOSE_HEADERS": CONFIG.cors_expose_header,
    "ABSOLUTE_LOCATION": CONFIG.absolute_location or False,
    "ALLOW_ANONYMOUS": CONFIG.anonymous != "no machine",
    "POLICY": "tusbridge.server.policy.TokenPolicy",
    "USER_MAX_OPEN": CONFIG.user_max_open,
    "USER_MAX_BYTES": CONFIG.user_max_bytes,
    "USER_CREATIONS_PER_MINUTE": CONFIG.user_creations_per_minute,
    "MAX_TOTAL_BYTES": CONFIG.max_total_bytes,
}

# the same for chunks of forms, counted from the first one
CHUNKED_UPLOAD_EXPIRATION_DELTA = timedelta(seconds=CONFIG.expire_after or _CENTURY_SECONDS)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": f"tusbridge.server.logs.{CONFIG.log_format.title()}Formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "tusbridge": {"level": "INFO"},
        # refusals are the clients' business; what the server does wrong is logged as ERROR
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "CRITICAL"},
        "_granian": {"level": "WARNING"},
    },
}

# that this machine may upload without a login is what the server is made for, and others are let in
# by a flag that says so
SILENCED_SYSTEM_CHECKS = ["tusbridge.W020"]
