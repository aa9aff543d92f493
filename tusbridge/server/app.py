"""The ASGI application that ``tusbridge serve`` runs in each worker."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tusbridge.server.settings")

from django.core.asgi import get_asgi_application

from tusbridge.asgi import TusbridgeASGI

# Seconds between two sweeps of one worker.
SWEEP_SECONDS = 60.0


def _make_application() -> TusbridgeASGI:
    site = get_asgi_application()
    from django.conf import settings  # after the set-up

    # an application of short expiry, as in a test, is swept as often as it needs
    expiry = settings.CONFIG.expire_after or SWEEP_SECONDS
    pause = min(SWEEP_SECONDS, max(expiry / 2, 1.0))
    return TusbridgeASGI(site, threads=settings.CONFIG.threads, sweep_seconds=pause)


application = _make_application()
