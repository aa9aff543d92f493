"""The site under a WSGI server, without the wrapper."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
