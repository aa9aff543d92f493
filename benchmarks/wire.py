"""One keep-alive connection of raw sockets, which checks that what it gets is HTTP."""

import contextlib
import socket
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Self

from benchmarks.answers import Answer, parse_chunk_size, parse_head
from benchmarks.content import MIB
from benchmarks.deadline import Deadline
from benchmarks.failures import Failed

Piece = bytes | memoryview


def connect(port: int, deadline: Deadline, timeout: float | None = None) -> socket.socket:
    """A connection to a port of this machine that ends with the deadline.

    :raises Failed: nobody takes it.
    """
    try:
        connection = socket.create_connection(("127.0.0.1", port), 10)
    except OSError as error:
        raise Failed(f"takes no connection ({error.strerror or error})") from error
    # the deadline ends what blocks: with a time-out of its own, each call would poll first
    connection.settimeout(timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    deadline.watch(connection)
    return connection


class Client:
    """A connection to a port of this machine, made anew where an answer says that it closes.

    Whatever is no proper answer raises :class:`Failed`.
    """

    def __init__(self, port: int, deadline: Deadline, timeout: float | None = None) -> None:
        """:param timeout: seconds that one call of the socket may take, beside the deadline."""
        self._port, self._deadline, self._timeout = port, deadline, timeout
        self._buffer = memoryview(bytearray(MIB))
        self._rest = b""
        self._socket = connect(self._port, self._deadline, self._timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        self._socket.close()

    def ask(self, request: bytes, body: Iterable[Piece] = ()) -> Answer:
        """Send a request and its body; the answer, with a body of its own read whole."""
        answer, pieces = self.ask_for_pieces(request, body)
        return replace(answer, body=b"".join(map(bytes, pieces)))

    def ask_for_pieces(
        self, request: bytes, body: Iterable[Piece] = ()
    ) -> tuple[Answer, Iterator[memoryview]]:
        """Likewise, but the body comes in pieces of up to a MiB; each is good until the next."""
        try:
            self._send(request, body)
            answer = self._head()
        except OSError as error:
            self._deadline.check()
            raise Failed(f"broke the connection off ({error.strerror or error})") from error
        method = request.partition(b" ")[0].decode()
        return answer, self._body(answer, answer.body_length(method))

    def _send(self, request: bytes, body: Iterable[Piece]) -> None:
        try:
            self._socket.sendall(request)
            for piece in body:
                self._socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            self._deadline.check()
            with contextlib.suppress(OSError):
                answer = self._head()
                raise Failed(f"answered {answer.status} and closed in mid-body") from None
            raise

    def _head(self) -> Answer:
        while (found := parse_head(self._rest)) is None:
            self._rest += self._receive("an answer")
        answer, self._rest = found
        return answer

    def _receive(self, what: str) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            self._deadline.check()
            raise Failed(f"closed the connection before the end of {what}")
        return data

    def _body(self, answer: Answer, length: int | None) -> Iterator[memoryview]:
        try:
            yield from self._chunks() if length is None else self._bytes(length)
        except OSError as error:
            self._deadline.check()
            raise Failed(f"broke off in a body ({error.strerror or error})") from error
        if answer.closes:
            self._socket.close()
            self._rest, self._socket = b"", connect(self._port, self._deadline, self._timeout)
        elif self._rest:
            raise Failed(f"sent {self._rest[:60]!r} behind an answer")

    def _bytes(self, left: int) -> Iterator[memoryview]:
        if left and self._rest:
            piece, self._rest = self._rest[:left], self._rest[left:]
            left -= len(piece)
            yield memoryview(piece)
        while left:
            count = self._socket.recv_into(self._buffer, min(left, MIB))
            if not count:
                self._deadline.check()
                raise Failed(f"closed the connection {left} bytes before a body's end")
            left -= count
            yield self._buffer[:count]

    def _chunks(self) -> Iterator[memoryview]:
        size = -1
        while size:
            while (found := parse_chunk_size(self._rest)) is None:
                self._rest += self._receive("a chunk")
            size, self._rest = found
            yield from self._bytes(size)
            for _ in self._bytes(2):
                pass
