"""A site written against ``chunked_upload`` alone, for the original and for the drop-in.

BENCH_PLACE is its folder; BENCH_DROPIN set to 1 puts ours in the original's place.
"""

import os
from typing import Any

import django
from django.conf import settings

PLACE = os.environ.get("BENCH_PLACE", ".")
APPS = ["django.contrib.contenttypes", "django.contrib.auth", "chunked_upload"]
if os.environ.get("BENCH_DROPIN") == "1":
    import legacy.dropin  # noqa: F401 is all that a site adds

    APPS.append("tusbridge")

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=APPS,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MEDIA_ROOT=os.path.join(PLACE, "media"),
    FILE_UPLOAD_TEMP_DIR=PLACE,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(PLACE, "db.sqlite3"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {"timeout": 5, "init_command": "PRAGMA journal_mode=WAL;"},
        }
    },
    TUSBRIDGE={"DURABILITY": "process"},
    TUSBRIDGE_UPLOAD_MODEL="chunked_upload.ChunkedUpload",
)
django.setup()

from chunked_upload.views import (  # noqa: E402 needs the settings
    ChunkedUploadCompleteView,
    ChunkedUploadView,
)
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402


class Upload(ChunkedUploadView):  # type: ignore[misc]
    """Open to anybody."""

    def check_permissions(self, request: Any) -> None:
        """Nobody is refused."""


class Complete(ChunkedUploadCompleteView):  # type: ignore[misc]
    """Open to anybody."""

    def check_permissions(self, request: Any) -> None:
        """Nobody is refused."""


urlpatterns = [
    path("legacy/upload/", Upload.as_view()),
    path("legacy/complete/", Complete.as_view()),
]
call_command("migrate", verbosity=0)
application = get_wsgi_application()
