"""The site under a WSGI server."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.legacy.site.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
