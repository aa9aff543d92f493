"""The site under an ASGI server, behind the front."""

from tests.site.asgi import application

__all__ = ["application"]
