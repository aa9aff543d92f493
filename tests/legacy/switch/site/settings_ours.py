"""The same site on ours: what the switch changes, and nothing else."""

from settings import *  # noqa: F403
from settings import INSTALLED_APPS

import legacy.dropin  # noqa: F401

INSTALLED_APPS = [*INSTALLED_APPS, "tusbridge"]
TUSBRIDGE_UPLOAD_MODEL = "chunked_upload.ChunkedUpload"
ROOT_URLCONF = "urls_ours"
