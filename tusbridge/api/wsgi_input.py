"""What a WSGI server hands over as the body, read as it comes where that can be had.

PEP 3333 knows only ``read(n)`` that blocks until n bytes are there: what a silent client sent
before cannot be had, and a connection reset loses it. gunicorn's input can give what has come.

All that is read here is this request's: never more than its Content-Length, and nothing at all of a
body that something else has begun to read.
"""

import inspect
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tusbridge.body import StreamBody
from tusbridge.conf import get_options
from tusbridge.errors import BodyAlreadyRead, LengthRequired

# Seconds for which a read waits before the append may commit what came until then.
_TICK_SECONDS = 0.5
# How much of an unwanted body is still read, and for how long: as the front does.
DRAIN_BYTES = 4 * 1024 * 1024
DRAIN_SECONDS = 0.5
# Bytes of one read of it, where a read blocks until all of them are there.
_DRAIN_STEP = 16 * 1024


class CountedInput:
    """A server's input that gives nothing behind the body, and knows how much of it was taken;
    ``length`` is Content-Length in bytes, None for a body that ends by itself."""

    def __init__(self, stream: Any, length: int | None) -> None:
        self._stream = stream
        self._length = length
        self.taken = 0
        self._is_over = False

    @property
    def has_more(self) -> bool:
        """Whether the body has not been read to its end."""
        return not self._is_over and (self._length is None or self.taken < self._length)

    def read(self, size: int | None = -1, /) -> bytes:
        return self._take(self._stream.read, size)

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._take(self._stream.readline, size)

    def readlines(self, *hint: int) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _take(self, read: Callable[..., bytes], size: int | None) -> bytes:
        size = -1 if size is None else size
        if self._length is not None:
            left = self._length - self.taken
            size = left if size < 0 else min(size, left)
        if size == 0:
            return b""
        data = read(size) if size > 0 else read()
        self.taken += len(data)
        self._is_over = not data
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def is_gunicorn(environ: dict[str, Any]) -> bool:
    """Whether the input is gunicorn's own, of which more can be asked than PEP 3333 says."""
    reader = getattr(environ["wsgi.input"], "reader", None)
    return "gunicorn.socket" in environ and hasattr(reader, "read")


def stream_of(environ: dict[str, Any], length: int | None, read_timeout: float) -> StreamBody:
    """The body behind ``wsgi.input``; ``read_timeout`` in seconds, where the server lets us set it.

    :raises LengthRequired: the body has no length, and the server does not say where it ends.
    :raises BodyAlreadyRead: something has begun to read it.
    """
    stream = environ["wsgi.input"]
    if length is None and not environ.get("wsgi.input_terminated"):
        raise LengthRequired
    if _was_begun(stream, length):
        raise BodyAlreadyRead
    # a client that waits for it is told to go on now that its body is wanted
    environ.pop("tusbridge.continue", _do_nothing)()
    if length is None:
        _set_timeout(environ, read_timeout)
        return StreamBody(stream.read, None, read_trailers=partial(_trailers_of, stream))
    read = _reader_of_what_came(stream)
    if read is None or not _set_timeout(environ, min(_TICK_SECONDS, read_timeout)):
        return StreamBody(stream.read, length)
    rate = get_options().MIN_BODY_RATE
    return StreamBody(read, length, silence_seconds=read_timeout, rate=rate)


def let_go(environ: dict[str, Any]) -> bool:
    """Take what is left of an unwanted body, within bounds, so that its client gets to see
    the answer, and the next request begins where it should; whether all of it was taken. Of a
    connection with more to come gunicorn learns that it cannot go on.
    """
    stream: Any = environ.get("wsgi.input")
    if not has_more(stream):
        return True
    is_whole = False
    # a client that waits for 100 Continue may send a body, or the next request; one that fell
    # silent has been waited for
    if "tusbridge.continue" not in environ and not getattr(stream, "failed", False):
        is_whole = _drain(environ, stream)
    if not is_whole and is_gunicorn(environ):
        stream.failed = True
    return is_whole


def _drain(environ: dict[str, Any], stream: Any) -> bool:
    deadline = time.monotonic() + DRAIN_SECONDS
    limit = DRAIN_BYTES
    read = _reader_of_what_came(stream) or _reader_of_chunks(stream) or stream.read
    try:
        while has_more(stream):
            left = deadline - time.monotonic()
            if limit <= 0 or left <= 0:
                return False
            _set_timeout(environ, left)
            data = read(_DRAIN_STEP)
            if not data:
                return not has_more(stream)
            limit -= len(data)
    except Exception:  # noqa: BLE001 each server raises its own classes when a client breaks off
        return False
    return True


def _reader_of_chunks(stream: Any) -> Callable[[int], bytes] | None:
    """The same of a body that comes to gunicorn in chunks, for what is dropped only."""
    reader: Any = getattr(stream, "reader", None)
    if not inspect.isgenerator(getattr(reader, "parser", None)):
        return None

    def read(size: int) -> bytes:
        came: bytes = next(reader.parser, b"")
        if not came:
            reader.parser = None
        return came

    return read


def has_more(stream: Any) -> bool:
    """Whether bytes of the body have not been read; False where that is not known."""
    if isinstance(stream, CountedInput):
        return stream.has_more
    reader = getattr(stream, "reader", None)
    left = getattr(reader, "length", None)
    return bool(left) if isinstance(left, int) else getattr(reader, "parser", None) is not None


def _was_begun(stream: Any, length: int | None) -> bool:
    """Whether something has read of it past Django's stream; False where that is not known."""
    if isinstance(stream, CountedInput):
        return stream.taken > 0
    reader = getattr(stream, "reader", None)
    left = getattr(reader, "length", None)
    if isinstance(left, int):
        return left != length
    chunks = getattr(reader, "parser", inspect)
    if chunks is None:
        return True
    return inspect.isgenerator(chunks) and inspect.getgeneratorstate(chunks) != inspect.GEN_CREATED


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
    """No client waits for it."""


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
    next request begins; behind it, the socket is not read.
    """
    reader: Any = getattr(stream, "reader", None)
    unreader = getattr(reader, "unreader", None)
    if not isinstance(getattr(reader, "length", None), int) or unreader is None:
        return None
    takes_hint = "read_ahead" in inspect.signature(unreader.read).parameters

    def read(size: int) -> bytes:
        size = min(size, reader.length)
        if not size:
            return b""
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
