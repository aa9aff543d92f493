"""Django's requests, and the bodies of uploads, which go past them.

What reads ``request.body`` or the like sees no body where ours have it: behind
``TusbridgeASGI`` and ``TusbridgeWSGI`` from the start, else once the view has taken it. So nothing
holds one in memory, and nothing else reads the client's bytes.
"""

import io
import logging
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from tusbridge.api.wsgi_input import let_go, stream_of
from tusbridge.body import Body, BodyEnd, StreamBody, WholeBody
from tusbridge.body_readers import name_suspects
from tusbridge.conf import get_options
from tusbridge.errors import BodyAlreadyRead

logger = logging.getLogger("tusbridge")

# Keys of a WSGI environment: what kind of upload's the request is, and that TusbridgeWSGI sees to
# what is left of its body.
KIND = "tusbridge.kind"
WRAPPED = "tusbridge.wrapped"


def hide_body(request: Any, *, is_form: bool = False) -> None:
    """From now on Django's request has no body for those who ask, or the one that it holds.

    ``is_form``: the fields and files that were parsed stay.
    """
    if "_body" not in request.__dict__:
        request._body = b""
        request._stream = io.BytesIO()
    if not is_form:
        request.__dict__.setdefault("_post", QueryDict())
        request.__dict__.setdefault("_files", MultiValueDict())


def hide_from_start(request: Any) -> None:
    """The same, before anything could ask."""
    request.tusbridge_stream = request._stream
    hide_body(request)
    request.tusbridge_is_hidden = True


def show_body(request: Any) -> None:
    """Undo :func:`hide_from_start`: the request turned out to be the site's."""
    stream = request.__dict__.pop("tusbridge_stream", None)
    if stream is not None:
        for name in ("_body", "_post", "_files"):
            request.__dict__.pop(name, None)
        request._stream, request.tusbridge_is_hidden = stream, False


def end_body(request: Any, *, is_form: bool = False) -> None:
    """The view is done with the body, whether it wanted it or not."""
    hide_body(request, is_form=is_form)
    environ = getattr(request, "environ", None)
    if environ is not None and WRAPPED not in environ:
        let_go(environ)


def body_in(request: Any, length: int | None) -> Body:
    """The body, where Django's request has not had it taken from the client, or holds it still.

    :param length: Content-Length in bytes, None where there is none.
    :raises LengthRequired: the body has no length, and the server does not say where it ends.
    :raises BodyAlreadyRead: something has read of it, and the request does not hold it.
    """
    held = None if is_hidden(request) else request.__dict__.get("_body")
    try:
        if held and length is None:
            return WholeBody([held])
        if held is not None and length is not None:
            return _held(held, length)
        return _coming(request, length)
    except BodyAlreadyRead:
        say_who_read()
        raise


def is_hidden(request: Any) -> bool:
    """Whether nothing can have read the body through Django's request."""
    return getattr(request, "tusbridge_is_hidden", False)


def was_begun(request: Any) -> bool:
    """Whether something has read of the body through Django's request, which does not hold it."""
    if is_hidden(request) or "_body" in request.__dict__:
        return False
    # Django's own stream over a WSGI server's counts; any other says only that it was asked
    position = getattr(request._stream, "_pos", None)
    return bool(request._read_started if position is None else position)


def say_who_read() -> None:
    """Log what may have read the body of a request that cannot be served."""
    logger.error(
        "body-already-read: something read a request's body before its view, and threw it away: %s",
        name_suspects(),
    )


def _held(held: bytes, length: int) -> Body:
    """Django's request has the body in memory; a client that broke off leaves it short there."""
    if len(held) > length:
        raise BodyAlreadyRead
    return WholeBody([held], BodyEnd.WHOLE if len(held) == length else BodyEnd.GONE)


def _coming(request: Any, length: int | None) -> Body:
    environ: dict[str, Any] | None = getattr(request, "environ", None)
    # Django reads nothing of a body without a length under WSGI
    if environ is not None and (length is None or is_hidden(request)):
        return stream_of(environ, length, get_options().READ_TIMEOUT)
    stream = request._stream
    if environ is not None and _is_of_server(stream, environ):
        if stream._pos:
            raise BodyAlreadyRead
        return stream_of(environ, length, get_options().READ_TIMEOUT)
    if stream.seekable():
        # in memory or in a file, put there by Django's ASGI handler or by the site
        stream.seek(0)
    elif request._read_started:
        raise BodyAlreadyRead
    return StreamBody(stream.read, length)


def _is_of_server(stream: Any, environ: dict[str, Any]) -> bool:
    """Whether Django's stream reads what the server hands over, and knows how much it took."""
    return hasattr(stream, "_pos") and getattr(stream, "_read", None) == environ["wsgi.input"].read


class LongBody:
    """For requests of forms: ``body`` is empty where Django would refuse to hold it
    (DATA_UPLOAD_MAX_MEMORY_SIZE), for the view reads it by itself."""

    tusbridge_is_form = False

    @property
    def body(self) -> Any:
        request: Any = self
        length = request.META.get("CONTENT_LENGTH") or ""
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        is_long = most is not None and length.isdecimal() and int(length[:20]) > most
        if self.tusbridge_is_form and is_long and "_body" not in request.__dict__:
            return b""
        return super().body  # type: ignore[misc]


def request_class_over(base: type[WSGIRequest]) -> type[WSGIRequest]:
    """A class of WSGI requests that keeps middleware from the bodies of uploads."""

    class UploadRequest(LongBody, base):  # type: ignore[valid-type, misc]
        def __init__(self, environ: dict[str, Any]) -> None:
            super().__init__(environ)
            self.tusbridge_is_form = environ.get(KIND) == "form"
            if environ.get(KIND) == "tus":
                hide_from_start(self)

    return UploadRequest
