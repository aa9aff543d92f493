"""The same site on ours: what the switch changes, and nothing else."""

import legacy.dropin  # noqa: F401
from settings import *  # noqa: F403
from settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tusbridge"]
TUSBRIDGE_UPLOAD_MODEL = "chunked_upload.ChunkedUpload"
ROOT_URLCONF = "urls_ours"
