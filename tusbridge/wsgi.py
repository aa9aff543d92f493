"""For WSGI sites: ``application = TusbridgeWSGI(get_wsgi_application())``.

Uploads work on plain WSGI without it. It adds:

- The mount point without its slash, which clients use, and which Django would answer with a
  redirect that loses a POST.
- Middleware that reads ``request.body`` finds none in requests that bring bytes of uploads, as
  behind ``TusbridgeASGI``. Else such bytes are held in memory first, and those of a longer body
  than DATA_UPLOAD_MAX_MEMORY_SIZE refused with 400.
- Bodies that nothing on the site has read, of any page, are read and dropped, within bounds. Beyond
  them the connection is closed, and gunicorn says so: else a proxy would send the next request into
  a connection that is about to be closed.

It belongs right around Django's own application; what wraps the site besides, around this.

gunicorn tells a client that waits for ``100 Continue`` to go on before it asks any application.
With ``pre_request = tusbridge.wsgi.hold_continue`` in its configuration, and the wrapper, uploads
are judged first (RFC 9110, 10.1.1).
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.urls import Resolver404, ResolverMatch

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

logger = logging.getLogger("tusbridge")

# Whether a wrapper is there that sends what is held.
_is_wrapped = False
# That it was held, and not sent, no client can claim: a field's name has no space.
_HELD = "TUSBRIDGE HELD"


class TusbridgeWSGI:
    """A WSGI application around a site's own."""

    def __init__(self, app: App) -> None:
        from tusbridge.api.requests import request_class_over  # noqa: PLC0415 needs Django's apps

        global _is_wrapped  # noqa: PLW0603 the hook is asked before any application
        _is_wrapped = True
        self._app = app
        if isinstance(app, WSGIHandler):
            app.request_class = request_class_over(app.request_class)
            app.resolve_request = partial(_resolve, app.resolve_request)  # type: ignore[method-assign]
        else:
            logger.warning(
                "wrapped-elsewhere: TusbridgeWSGI belongs right around get_wsgi_application(); "
                "around %s it cannot keep middleware from the bodies of uploads",
                type(app).__name__,
            )

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        held = _held(environ)
        if held is not None:
            environ = {**environ, "tusbridge.continue": held}
        if not _has_body(environ):
            return self._app(environ, start_response)
        return self._take(environ, start_response)

    def _take(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer a request with a body, of which nothing is left afterwards on a connection that
        goes on."""
        from tusbridge.api import requests, wsgi_input  # noqa: PLC0415 needs Django's apps

        kind = _kind(environ.get("PATH_INFO", ""))
        environ = {**environ, requests.WRAPPED: True, requests.KIND: kind}
        if not wsgi_input.is_gunicorn(environ):
            environ["wsgi.input"] = wsgi_input.CountedInput(environ["wsgi.input"], _length(environ))
        response = self._app(environ, start_response)
        if not wsgi_input.let_go(environ):
            _close_after(start_response)
        return response


def hold_continue(worker: Any, request: Any) -> None:
    """gunicorn's hook ``pre_request``: keep ``100 Continue`` back until an upload is judged."""
    is_waiting = _is_wrapped and getattr(request, "_expected_100_continue", False)
    if is_waiting and _kind(request.path) == "tus":
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


def _has_body(environ: Environ) -> bool:
    return environ.get("CONTENT_LENGTH", "") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ


def _length(environ: Environ) -> int | None:
    """Bytes of the body; None where that is not known."""
    text = environ.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def _kind(path: str) -> str:
    """``tus`` for bytes of an upload, ``form`` for a form whose view reads it by itself; before
    middleware, which may say otherwise."""
    from tusbridge.recognizing import find_view  # noqa: PLC0415 needs Django's apps

    found = None
    # as Django decodes it, from what WSGI takes for latin-1
    with suppress(UnicodeError):
        found = find_view(path.encode("latin-1").decode() or "/")
    if found is None:
        return ""
    return "form" if getattr(found[0].func, "tusbridge_reads_body", False) else "tus"


def _close_after(start_response: Any) -> None:
    """Have gunicorn close the connection, and say so in the answer: an application may not
    (PEP 3333, Other HTTP Features). Other servers do what they do."""
    close = getattr(getattr(start_response, "__self__", None), "force_close", None)
    if close is not None:
        close()


def _resolve(former: Callable[[Any], ResolverMatch], request: Any) -> ResolverMatch:
    """Django's resolving of a request: only now it is certain whose the view is, for middleware may
    have chosen other routes."""
    from tusbridge.api.requests import show_body  # noqa: PLC0415 needs Django's apps
    from tusbridge.recognizing import find_ours, is_upload_view  # noqa: PLC0415

    try:
        match = former(request)
    except Resolver404:
        ours = find_ours(former, request)
        if ours is None:
            raise
        return ours
    if not is_upload_view(match):
        show_body(request)
    return match
