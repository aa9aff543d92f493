"""A time limit for all that waits: sockets are shut down, and processes killed, when it is over."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

from benchmarks.failures import Failed


class Deadline:
    """So many seconds from the beginning of the ``with`` block on.

    Blocking calls of what is watched end with an error when the time is over. Leaving the block
    with any error after that raises :class:`Failed` in its place.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self._lock = threading.Lock()
        self._ends: list[Callable[[], object]] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, _: object, error: object, __: object) -> None:
        self._timer.cancel()
        if self.is_over and isinstance(error, Exception):
            raise Failed(f"took longer than {self.seconds:g} s")

    def watch(self, connection: socket.socket) -> None:
        """Shut this socket down when the time is over."""
        self.on_end(lambda: connection.shutdown(socket.SHUT_RDWR))

    def on_end(self, end: Callable[[], object]) -> None:
        """Call this when the time is over, or now if it is; its OSErrors are of no interest."""
        with self._lock:
            self._ends.append(end)
            is_late = self.is_over
        if is_late:
            self._call(end)

    def check(self) -> None:
        """:raises Failed: the time is over."""
        if self.is_over:
            raise Failed(f"took longer than {self.seconds:g} s")

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            ends = list(self._ends)
        for end in ends:
            self._call(end)

    @staticmethod
    def _call(end: Callable[[], object]) -> None:
        with contextlib.suppress(OSError):
            end()
