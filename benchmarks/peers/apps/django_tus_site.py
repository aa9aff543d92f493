"""A site of Django with django-tus alone; PLACE is the folder of its data.

MAX_SIZE, where it is set, is the largest upload in bytes.
"""

import os

import django
from django.conf import settings

PLACE = os.environ["PLACE"]
UPLOADS, FINISHED = os.path.join(PLACE, "uploads"), os.path.join(PLACE, "media", "uploads")

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    BASE_DIR=PLACE,
    MEDIA_ROOT=os.path.join(PLACE, "media"),
    INSTALLED_APPS=["django_tus"],
    TUS_UPLOAD_DIR=UPLOADS,
    TUS_DESTINATION_DIR=FINISHED,
    TUS_UPLOAD_URL="/files",
    # its own default
    TUS_MAX_FILE_SIZE=int(os.environ.get("MAX_SIZE", 4 * 2**30)),
    # its README: above the client's chunks
    DATA_UPLOAD_MAX_MEMORY_SIZE=2**31,
    # uploads live in the cache: one that keeps a thousand of them
    CACHES={
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    },
    USE_TZ=True,
)
os.makedirs(UPLOADS, exist_ok=True)
os.makedirs(FINISHED, exist_ok=True)
# It moves finished files by os.renames, which would take the emptied folder away.
with open(os.path.join(UPLOADS, "keep"), "wb"):
    pass
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 needs the settings
from django.urls import path  # noqa: E402
from django_tus.views import TusUpload  # noqa: E402

urlpatterns = [
    path("files/", TusUpload.as_view(), name="tus_upload"),
    path("files/<uuid:resource_id>", TusUpload.as_view(), name="tus_upload_chunks"),
]
application = get_wsgi_application()
