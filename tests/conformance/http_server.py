"""A small HTTP/1.1 server for a function of a request: a thread for each connection, one exchange
on each.

It knows what the reference needs and library servers hide: bodies that break off, chunked bodies
with trailers, and `100 Continue` only once the body is asked for.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import BinaryIO

PIECE_BYTES = 65_536
# How long an answered client may take to stop sending, so that a reset does not eat the answer.
LINGER_SECONDS = 1.0


class Body:
    """A request's bytes, as they come. `whole` tells after the last piece whether the end was the
    body's; `trailers` are then there too.
    """

    def __init__(self, stream: BinaryIO, fields: Message, go_on: Callable[[], None]) -> None:
        self._stream = stream
        self.go_on = go_on if fields.get("Expect") else None
        self.is_chunked = "chunked" in (fields.get("Transfer-Encoding") or "")
        self.length = None if self.is_chunked else int(fields.get("Content-Length") or 0)
        self.whole = False
        self.trailers: dict[str, str] = {}

    def __iter__(self) -> Iterator[bytes]:
        if self.go_on is not None:
            self.go_on()
        with contextlib.suppress(OSError, ValueError):
            yield from self._chunks() if self.is_chunked else self._take(self.length or 0)
            self.whole = True

    def _take(self, count: int) -> Iterator[bytes]:
        while count:
            piece = self._stream.read1(min(count, PIECE_BYTES))  # type: ignore[attr-defined]
            if not piece:
                raise ConnectionError("the body broke off")
            count -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._stream.readline(), 16):
            yield from self._take(size)
            self._stream.readline()
        while b":" in (line := self._stream.readline()):
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers[name.strip().lower()] = value.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    fields: Message
    body: Body


@dataclass(slots=True, kw_only=True)
class Answer:
    status: int
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Answering = Callable[[Request], Answer]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_any(self) -> None:
        self.close_connection = True
        self.timeout = self.server.read_timeout_seconds
        self.connection.settimeout(self.timeout)
        body = Body(self.rfile, self.headers, self._go_on)  # type: ignore[arg-type]
        answer = self.server.answering(
            Request(method=self.command, path=self.path, fields=self.headers, body=body)
        )
        with contextlib.suppress(OSError):
            self._send(answer)
            self._linger()

    do_OPTIONS = do_HEAD = do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_any  # noqa: N815

    def handle_expect_100(self) -> bool:
        return True

    def log_message(self, *args: object) -> None:
        """Says nothing."""

    def _go_on(self) -> None:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status, "Answer")
        for name, value in answer.fields.items():
            self.send_header(name, value)
        if answer.status != 204 and self.command != "HEAD":
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.status != 204 and self.command != "HEAD":
            self.wfile.write(answer.body)

    def _linger(self) -> None:
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(LINGER_SECONDS)
        while self.connection.recv(PIECE_BYTES):
            pass


class _Server(ThreadingHTTPServer):
    # not one of them outlives the test, so nothing is to be waited for
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answering: Answering, read_timeout_seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = answering
        self.read_timeout_seconds = read_timeout_seconds
        self.tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, object]:
        """The handshake is the handler's, in a thread of its own."""
        plain, address = super().get_request()
        if self.tls is None:
            return plain, address
        wrapped = self.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        return wrapped, address

    def handle_error(self, *args: object) -> None:
        """A client that leaves is none, nor one that does not speak TLS."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(*args)  # type: ignore[arg-type]


@contextlib.contextmanager
def serving(
    answering: Answering, read_timeout_seconds: float = 10, certificate: Path | None = None
) -> Iterator[str]:
    """The address of a running server, without a path; with a certificate (its key in the same
    file) it speaks HTTPS.
    """
    with _Server(answering, read_timeout_seconds) as server:
        if certificate is not None:
            server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.tls.load_cert_chain(certificate)
        scheme = "http" if certificate is None else "https"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"{scheme}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
