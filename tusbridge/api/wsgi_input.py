"""What a WSGI server hands over as the body, read as it comes where that can be had.

PEP 3333 knows only ``read(n)`` that blocks until n bytes are there: what a silent client sent
before cannot be had, and a connection reset loses it. gunicorn's input can give what has come.
"""

import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from tusbridge.body import StreamBody
from tusbridge.errors import LengthRequired

# Seconds for which a read waits before the append may commit what came until then.
_TICK_SECONDS = 0.5


def stream_of(environ: dict[str, Any], length: int | None, read_timeout: float) -> StreamBody:
    """The body behind ``wsgi.input``; ``read_timeout`` in seconds, where the server lets us set it.

    :raises LengthRequired: the body has no length, and the server does not say where it ends.
    """
    stream = environ["wsgi.input"]
    if length is None and not environ.get("wsgi.input_terminated"):
        raise LengthRequired
    # a client that waits for it is told to go on now that its body is wanted
    environ.pop("tusbridge.continue", _do_nothing)()
    if length is None:
        _set_timeout(environ, read_timeout)
        return StreamBody(stream.read, None, read_trailers=partial(_trailers_of, stream))
    read = _reader_of_what_came(stream)
    if read is None or not _set_timeout(environ, min(_TICK_SECONDS, read_timeout)):
        return StreamBody(stream.read, length)
    return StreamBody(read, length, silence_seconds=read_timeout)


def has_trailers(environ: dict[str, Any] | None) -> bool:
    """Whether fields that follow a body can be had: gunicorn keeps them with the request."""
    if environ is None or "gunicorn.socket" not in environ:
        return False
    reader = getattr(sys.modules.get("gunicorn.http.body"), "ChunkedReader", None)
    return hasattr(reader, "parse_trailers")


def _trailers_of(stream: Any) -> dict[str, str]:
    request = getattr(getattr(stream, "reader", None), "req", None)
    return {name.lower(): value for name, value in getattr(request, "trailers", None) or ()}


def _do_nothing() -> None:
    """Nobody waits."""


def _set_timeout(environ: dict[str, Any], seconds: float) -> bool:
    """gunicorn hands its socket over; on others a blocking read has no end of its own."""
    socket = environ.get("gunicorn.socket")
    if socket is None:
        return False
    socket.settimeout(seconds)
    return True


def _reader_of_what_came(stream: Any) -> Callable[[int], bytes] | None:
    """A read that gives what is there as soon as anything is; None where the input has none.

    gunicorn's input stands on a reader with the length that is left, and that on an ``unreader``
    of the socket. Whatever we take is taken off that length, so that gunicorn knows where the
    next request begins.
    """
    reader: Any = getattr(stream, "reader", None)
    unreader = getattr(reader, "unreader", None)
    if not isinstance(getattr(reader, "length", None), int) or unreader is None:
        return None
    takes_hint = "read_ahead" in inspect.signature(unreader.read).parameters

    def read(size: int) -> bytes:
        # a connection whose client fell silent in mid-body is closed after the answer
        stream.failed = True
        came: bytes = unreader.read(read_ahead=size) if takes_hint else unreader.read()
        stream.failed = False
        if len(came) > size:
            unreader.unread(came[size:])
            came = came[:size]
        reader.length -= len(came)
        return came

    return read
