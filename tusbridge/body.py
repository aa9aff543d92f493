"""Request bodies as batches of chunks: whole ones, blocking streams, and those fed from outside.

Only the standard library is imported here, and no body is ever held as one piece.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, auto

from tusbridge.pace import Pace

# First read of a blocking stream: what a server may lose that drops a read on a reset.
_FIRST_READ = 64 * 1024
_LARGEST_READ = 1024 * 1024
_SMALLEST_READ = 4 * 1024
# Seconds within which a read counts as quick or slow; between them its size stays.
_QUICK_SECONDS = 0.05
_SLOW_SECONDS = 0.5


class BodyEnd(Enum):
    """How a body ended."""

    WHOLE = auto()
    GONE = auto()
    TIMED_OUT = auto()
    STOPPING = auto()
    TAKEN_OVER = auto()


class Body:
    """A request body. ``end`` is set once the last batch was taken."""

    # True when whoever called the view feeds the bytes later; such a body has no batches.
    is_deferred = False
    # True when all of it is there, in memory, and it ends as it should.
    is_at_hand = False

    def __init__(self) -> None:
        self.end: BodyEnd | None = None
        # set by a front that could not wait for the view and has answered in its place
        self.is_abandoned = False
        # set when the view begins, by time.monotonic
        self.begun_at: float | None = None
        # fields behind the body, by lower-case name, once it has ended; where they are handed over
        self.trailers: Mapping[str, str] = {}

    def claim(self, user: str) -> None:
        """Who sends it is known now, and is about to be waited for.

        :raises TooManyRequests: that user has as many bodies under way as one may.
        """

    def batches(self) -> Iterator[Sequence[bytes]]:
        """The bytes in order, as lists of chunks; blocks while none are there. An empty list says
        that nothing came for a while."""
        raise NotImplementedError


class WholeBody(Body):
    """A body of which all that will ever come is there."""

    def __init__(self, chunks: Sequence[bytes] = (), end: BodyEnd = BodyEnd.WHOLE) -> None:
        super().__init__()
        self._chunks = chunks
        self._end = end
        self.is_at_hand = end is BodyEnd.WHOLE

    def batches(self) -> Iterator[Sequence[bytes]]:
        if self.is_abandoned:
            self.end = BodyEnd.GONE
            return
        if self._chunks:
            yield self._chunks
        self.end = self._end


class DeferredBody(Body):
    """A body that an asynchronous front takes from the client after the view has planned."""

    is_deferred = True


class StreamBody(Body):
    """A body behind a blocking ``read(n)`` that returns b"" at its end, as WSGI servers give.

    A read blocks until n bytes are there, so n follows the client's speed. A body that ends
    before ``length`` bytes is one whose client went away (RFC 9112, 8).

    A read that raises TimeoutError ends the body, or with ``silence_seconds`` only after so long
    without a byte, or below ``rate`` bytes a second: such a read must be one that can be tried
    again. ``read_trailers`` is called once, at the end of a whole body.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        length: int | None,
        *,
        silence_seconds: float | None = None,
        rate: float = 0,
        read_trailers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        super().__init__()
        self._read_trailers = read_trailers
        self._read_at = time.monotonic()
        self._pace = silence_seconds and Pace(silence_seconds, rate, self._read_at)
        self._read = read
        self._left = length
        self._size = _FIRST_READ

    def batches(self) -> Iterator[Sequence[bytes]]:
        while self._left is None or self._left > 0:
            chunk = self._read_some()
            if chunk is None:
                yield ()
                continue
            if not chunk:
                self.end = self.end or (BodyEnd.WHOLE if self._left is None else BodyEnd.GONE)
                if self.end is BodyEnd.WHOLE:
                    self.trailers = self._read_trailers()
                return
            if self._left is not None:
                chunk = chunk[: self._left]
                self._left -= len(chunk)
            yield (chunk,)
        self.end = BodyEnd.WHOLE

    def _read_some(self) -> bytes | None:
        """The next bytes; b"" at the end, None when nothing came for a while."""
        wanted = self._size if self._left is None else min(self._size, self._left)
        started = time.monotonic()
        if self._pace:
            self._pace.pause(started - self._read_at)
        try:
            chunk = self._read(wanted)
        except TimeoutError:
            self._read_at = time.monotonic()
            if self._pace and self._read_at < self._pace.until:
                return None
            self.end = BodyEnd.TIMED_OUT
            return b""
        except Exception:  # noqa: BLE001 each server raises its own classes when a client breaks off
            self.end = BodyEnd.GONE
            return b""
        self._read_at = time.monotonic()
        self._adapt(self._read_at - started)
        if self._pace:
            self._pace.came(len(chunk), self._read_at)
            if chunk and self._read_at >= self._pace.until:
                # what came is kept, and nothing more is waited for
                self._read = _time_out
        return chunk

    def _adapt(self, seconds: float) -> None:
        if seconds < _QUICK_SECONDS:
            self._size = min(self._size * 2, _LARGEST_READ)
        elif seconds > _SLOW_SECONDS:
            self._size = max(self._size // 2, _SMALLEST_READ)


def _time_out(size: int) -> bytes:
    raise TimeoutError
