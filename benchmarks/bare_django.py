"""The least a Django site does for a request: one view, one ORM read of a row by a unique key.

BARE_PLACE names the folder of its SQLite database, opened as ``tusbridge serve`` opens its own.
No middleware. The floor for rows of small requests.
"""

import os
from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="bare",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(os.environ.get("BARE_PLACE", "."), "db.sqlite3"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "timeout": 5,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    },
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402 needs the settings
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

call_command("migrate", verbosity=0)
User.objects.get_or_create(username="one")


def view(request: Any, name: str) -> HttpResponse:
    """One row by its unique key; 200 with a field from it."""
    user = User.objects.get(username=name)
    return HttpResponse(headers={"X-Pk": str(user.pk), "Content-Length": "0"})


urlpatterns = [path("rows/<str:name>", view)]
application = WSGIHandler()
