"""The site under a WSGI server."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.site.settings")

from django.core.wsgi import get_wsgi_application

from tusbridge.wsgi import TusbridgeWSGI

application = TusbridgeWSGI(get_wsgi_application())
