"""A wrapper for WSGI sites: ``application = TusbridgeWSGI(get_wsgi_application())``.

Uploads work on plain WSGI without it. It adds the mount point without its slash, which clients
use, and which Django would answer with a redirect that loses a POST. Bodies without a length are
read past Django's stream, which takes them for empty (``api/feeding.py``).
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.urls import Resolver404, resolve

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]


class TusbridgeWSGI:
    """A WSGI application around a site's own."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.endswith("/") and _is_mount_point(f"{path}/"):
            environ = {**environ, "PATH_INFO": f"{path}/"}
        return self._app(environ, start_response)


def _is_mount_point(path: str) -> bool:
    try:
        match = resolve(path)
    except Resolver404:
        return False
    return match.view_name == "tusbridge:uploads"
