"""For WSGI sites: ``application = TusbridgeWSGI(get_wsgi_application())``.

Uploads work on plain WSGI without it. It adds the mount point without its slash, which clients
use, and which Django would answer with a redirect that loses a POST. Bodies without a length are
read past Django's stream, which takes them for empty (``api/feeding.py``).

gunicorn tells a client that waits for ``100 Continue`` to go on before it asks any application.
With ``pre_request = tusbridge.wsgi.hold_continue`` in its configuration, and the wrapper, uploads
are judged first (RFC 9110, 10.1.1).
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from django.urls import Resolver404, ResolverMatch, resolve

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

# Whether a wrapper is there that sends what is held.
_is_wrapped = False
# That it was held, and not sent, no client can claim: a field's name has no space.
_HELD = "TUSBRIDGE HELD"


class TusbridgeWSGI:
    """A WSGI application around a site's own."""

    def __init__(self, app: App) -> None:
        global _is_wrapped  # noqa: PLW0603 the hook is asked before any application
        _is_wrapped = True
        self._app = app

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        match = None if path.endswith("/") else _ours(f"{path}/")
        if match is not None and match.view_name == "tusbridge:uploads":
            environ = {**environ, "PATH_INFO": f"{path}/"}
        held = _held(environ)
        if held is None:
            return self._app(environ, start_response)
        environ = {**environ, "tusbridge.continue": held}
        response = self._app(environ, start_response)
        if "tusbridge.continue" in environ:
            # a body that was never asked for: the next bytes are a request, or that body
            environ["wsgi.input"].failed = True
        return response


def hold_continue(worker: Any, request: Any) -> None:
    """gunicorn's hook ``pre_request``: keep ``100 Continue`` back until an upload is judged."""
    if _is_wrapped and getattr(request, "_expected_100_continue", False):
        path = request.path if request.path.endswith("/") else f"{request.path}/"
        if _ours(request.path) is not None or _ours(path) is not None:
            request._expected_100_continue = False
            request.headers.append((_HELD, "1"))


def _held(environ: Environ) -> Callable[[], None] | None:
    """What sends the ``100 Continue`` that was held back, if one was."""
    socket = environ.get("gunicorn.socket")
    if socket is None or f"HTTP_{_HELD}" not in environ:
        return None

    def go_on() -> None:
        # whoever has left in the meantime is noticed when the body is read
        with suppress(OSError):
            socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    return go_on


def _ours(path: str) -> ResolverMatch | None:
    try:
        match = resolve(path)
    except Resolver404:
        return None
    return match if "tusbridge" in match.app_names else None
