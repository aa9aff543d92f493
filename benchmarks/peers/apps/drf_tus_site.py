"""A site of Django REST framework with drf-tus alone; PLACE is the folder of its data.

MAX_SIZE, where it is set, is the largest upload in bytes.
"""

import os

import django
from django.conf import settings

PLACE = os.environ["PLACE"]

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    BASE_DIR=PLACE,
    MEDIA_ROOT=os.path.join(PLACE, "media"),
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "rest_framework",
        "rest_framework_tus",
    ],
    MIDDLEWARE=["rest_framework_tus.middleware.TusMiddleware"],
    REST_FRAMEWORK_TUS={
        "UPLOAD_DIR": os.path.join(PLACE, "uploads"),
        # its own default
        "MAX_FILE_SIZE": int(os.environ.get("MAX_SIZE", 4 * 2**30)),
    },
    # a chunk is read into memory whole, and Django refuses more than this
    DATA_UPLOAD_MAX_MEMORY_SIZE=2**31,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(PLACE, "db.sqlite3"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {"timeout": 5, "init_command": "PRAGMA journal_mode=WAL;"},
        }
    },
    USE_TZ=True,
)
os.makedirs(os.path.join(PLACE, "uploads"), exist_ok=True)
django.setup()

from django.core.management import call_command  # noqa: E402 needs the settings
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("", include("rest_framework_tus.urls", namespace="rest_framework_tus"))]
call_command("migrate", verbosity=0)
application = get_wsgi_application()
