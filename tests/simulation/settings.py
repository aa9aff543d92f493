"""Django's settings in a simulation: those of the tests, with a database in memory."""

import os
import tempfile

from tests.settings import *  # noqa: F403

FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
PLACE = os.environ.get("TUSBRIDGE_SIMULATION_PLACE") or tempfile.mkdtemp(
    prefix="tusbridge-simulation-", dir=FAST
)
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{PLACE}/db.sqlite3",
        "OPTIONS": {
            # who waits for a lock waits in simulated time
            "timeout": 0,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }
}
MEDIA_ROOT = f"{PLACE}/disk/media"
MIDDLEWARE: list[str] = []
TUSBRIDGE = {"ALLOW_ANONYMOUS": True}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "objects": {"BACKEND": "tests.simulation.storages.Objects"},
    "own": {"BACKEND": "tests.simulation.storages.OwnWay"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
