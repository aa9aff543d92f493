"""The site under an ASGI server, behind the front."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.site.settings")

from django.core.asgi import get_asgi_application

from tusbridge.asgi import TusbridgeASGI

application = TusbridgeASGI(get_asgi_application())
