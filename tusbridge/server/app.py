"""The ASGI application that ``tusbridge serve`` runs in each worker."""

import os
import warnings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tusbridge.server.settings")

from django.core.asgi import get_asgi_application

from tusbridge.asgi import TusbridgeASGI
from tusbridge.conf import DAY_SECONDS
from tusbridge.server.parent import end_with_parent
from tusbridge.server.run import STOP_SECONDS
from tusbridge.server.settings import CONFIG
from tusbridge.server.unread import end_unread_connections

# Seconds between two sweeps of one worker.
SWEEP_SECONDS = 60.0


# whitenoise gives the files of pages in pieces that Django's asynchronous handler takes at once;
# they are small. Downloads of uploads come another way.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")


def _make_application() -> TusbridgeASGI:
    # where uploads expire soon, they are swept as often as it needs
    expiry = CONFIG.expire_after or SWEEP_SECONDS
    pause = min(SWEEP_SECONDS, max(expiry / 2, 1.0))
    site = get_asgi_application()
    end_with_parent(STOP_SECONDS)
    end_unread_connections(CONFIG.read_timeout or DAY_SECONDS)
    return TusbridgeASGI(site, threads=CONFIG.threads, sweep_seconds=pause)


application = _make_application()
