"""HTTP/1.1 over a raw socket, one exchange at a time.

A check must be able to stop in mid-body, to break a connection in each of the ways a network does,
and to see a field that was sent twice, so no HTTP library stands between. Nothing here knows tus.
Every read has a deadline.
"""

from __future__ import annotations

import fcntl
import select
import socket
import ssl
import struct
import sys
import termios
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

# Small enough that an early answer is seen soon, large enough that sending is not the slow part.
PIECE_BYTES = 65_536
# No header section comes near it; a server that sends more is broken.
MAX_HEAD_BYTES = 262_144
SECRET_FIELDS = frozenset({"authorization", "cookie", "proxy-authorization", "x-csrftoken"})

FieldLines = Sequence[tuple[str, str]]


class WireError(Exception):
    """No whole answer came."""


class ConnectionLost(WireError):
    """The peer closed or reset the connection, or refused it."""


class TimedOut(WireError):
    """The deadline passed."""


class Malformed(WireError):
    """The answer is not HTTP/1.1."""


class Fields:
    """Header fields in the order sent: names in any case, repeated lines kept."""

    def __init__(self, lines: FieldLines = ()) -> None:
        self.lines = tuple(lines)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.lines if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.all(name))

    def tokens(self, name: str) -> list[str]:
        """The members of a comma list, spaces around them removed, over all lines of that name."""
        members = (member.strip() for value in self.all(name) for member in value.split(","))
        return [member for member in members if member]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer, with its request as text. `interim` holds the 1xx statuses before it."""

    status: int
    reason: str
    fields: Fields
    body: bytes
    interim: tuple[int, ...]
    request: str

    def __str__(self) -> str:
        head = [
            f"{self.status} {self.reason}",
            *(f"{name}: {value}" for name, value in self.fields.lines),
        ]
        before = [f"(first: {', '.join(map(str, self.interim))})"] if self.interim else []
        text = self.body[:300].decode("latin-1").encode("unicode_escape").decode("ascii")
        return "\n".join(
            [*before, *head, *([f"({len(self.body)} body bytes) {text}"] if self.body else [])]
        )


class Connection:
    """One TCP or TLS connection. Sending gives False once the peer is gone; reading raises a
    `WireError`.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        self.timeout_seconds = timeout_seconds
        self._buffer = bytearray()
        self._method = ""
        self._head = ""
        self._sent_bytes = 0
        try:
            plain = socket.create_connection((host, port), timeout_seconds)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = (
                ssl.create_default_context().wrap_socket(plain, server_hostname=host)
                if secure
                else plain
            )
        except OSError as error:
            raise ConnectionLost(f"cannot connect to {host}:{port}: {error}") from error

    def send_head(self, method: str, path: str, lines: FieldLines) -> bool:
        self._method, self._sent_bytes = method, 0
        start = f"{method} {path if len(path) < 300 else path[:300] + '...'} HTTP/1.1"
        self._head = "\n".join(
            [start, *(f"{name}: {_shown(name, value)}" for name, value in lines)]
        )
        head = "".join(
            [
                f"{method} {path} HTTP/1.1\r\n",
                *(f"{name}: {value}\r\n" for name, value in lines),
                "\r\n",
            ]
        )
        return self._send(head.encode())

    def send(self, data: bytes) -> bool:
        self._sent_bytes += len(data)
        return self._send(data)

    def send_body(self, body: bytes) -> bool:
        """Sends in pieces; stops, giving False, when the peer answers or leaves before the end."""
        for start in range(0, len(body), PIECE_BYTES):
            if self.readable(0) or not self.send(body[start : start + PIECE_BYTES]):
                return False
        return True

    def send_chunk(self, data: bytes) -> bool:
        self._sent_bytes += len(data)
        return self._send(b"%x\r\n%b\r\n" % (len(data), data))

    def end_chunks(self, trailers: FieldLines = ()) -> bool:
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
        return self._send(f"0\r\n{lines}\r\n".encode())

    def readable(self, wait_seconds: float) -> bool:
        """True when an answer, or the end of the connection, is there to be read."""
        return bool(self._buffer) or bool(select.select([self._socket], [], [], wait_seconds)[0])

    def read_response(
        self, timeout_seconds: float | None = None, *, final: bool = True
    ) -> Response:
        """The next answer within the time; with `final` false a 1xx is an answer too.

        Raises `ConnectionLost`, `TimedOut` or `Malformed`.
        """
        deadline = time.monotonic() + (
            self.timeout_seconds if timeout_seconds is None else timeout_seconds
        )
        interim: list[int] = []
        while True:
            status, reason, fields = self._read_head(deadline)
            if status >= 200 or not final:
                break
            interim.append(status)
        body = self._read_body(status, fields, deadline)
        return Response(
            status=status,
            reason=reason,
            fields=fields,
            body=body,
            interim=tuple(interim),
            request=self.request_text,
        )

    def wait_closed(self, timeout_seconds: float) -> bool:
        """True when the peer ends the connection in time; what it still sends is dropped."""
        deadline = time.monotonic() + timeout_seconds
        try:
            while True:
                self._fill(deadline)
        except ConnectionLost:
            return True
        except TimedOut:
            return False

    def finish_sending(self) -> None:
        """Sends FIN and goes on reading."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Sends RST. Waits first until the peer's kernel has every byte, for a reset drops what has
        not left.
        """
        self._wait_drained()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    @property
    def request_text(self) -> str:
        return (
            f"{self._head}\n({self._sent_bytes} body bytes sent)"
            if self._sent_bytes
            else self._head
        )

    def _wait_drained(self) -> None:
        if sys.platform != "linux":
            time.sleep(0.2)
            return
        deadline = time.monotonic() + self.timeout_seconds
        while struct.unpack("i", fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, b"\0" * 4))[
            0
        ]:
            if time.monotonic() > deadline:
                raise TimedOut(f"the server stopped taking bytes\n{self.request_text}")
            time.sleep(0.005)

    def _send(self, data: bytes) -> bool:
        self._socket.settimeout(self.timeout_seconds)
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise TimedOut(f"the server stopped taking bytes\n{self.request_text}") from error
        except OSError:
            return False
        return True

    def _fill(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOut(f"no (whole) answer in time\n{self.request_text}")
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(PIECE_BYTES)
        except TimeoutError as error:
            raise TimedOut(f"no (whole) answer in time\n{self.request_text}") from error
        except OSError as error:
            raise ConnectionLost(
                f"connection broken before the answer: {error}\n{self.request_text}"
            ) from error
        if not data:
            raise ConnectionLost(
                f"connection closed before the (whole) answer\n{self.request_text}"
            )
        self._buffer += data

    def _take(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            self._fill(deadline)
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _take_until(self, mark: bytes, deadline: float) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise Malformed("the head of the answer has no end")
            self._fill(deadline)
        return self._take(at + len(mark), deadline)[:at]

    def _read_head(self, deadline: float) -> tuple[int, str, Fields]:
        first, *lines = self._take_until(b"\r\n\r\n", deadline).decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        code, _, reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or not (len(code) == 3 and code.isdigit()):
            raise Malformed(f"not a status line: {first!r}")
        return int(code), reason, Fields(list(_split_lines(lines)))

    def _read_body(self, status: int, fields: Fields, deadline: float) -> bytes:
        """RFC 9112, 6.3: what ends the body."""
        if self._method == "HEAD" or status < 200 or status in (204, 304):
            return b""
        if "chunked" in (token.lower() for token in fields.tokens("Transfer-Encoding")):
            return self._read_chunks(deadline)
        length = fields.get("Content-Length")
        if length is None:
            return self._read_to_end(deadline)
        if not (length.isascii() and length.isdigit()):
            raise Malformed(f"Content-Length: {length!r}")
        return self._take(int(length), deadline)

    def _read_chunks(self, deadline: float) -> bytes:
        body = bytearray()
        while size := self._read_chunk_size(deadline):
            body += self._take(size, deadline)
            self._take_until(b"\r\n", deadline)
        while self._take_until(b"\r\n", deadline):
            pass
        return bytes(body)

    def _read_chunk_size(self, deadline: float) -> int:
        line = self._take_until(b"\r\n", deadline).partition(b";")[0].strip()
        try:
            return int(line, 16)
        except ValueError as error:
            raise Malformed(f"not a chunk size: {line!r}") from error

    def _read_to_end(self, deadline: float) -> bytes:
        try:
            while True:
                self._fill(deadline)
        except ConnectionLost:
            return self._take(len(self._buffer), deadline)


def _shown(name: str, value: str) -> str:
    return (
        "***"
        if name.lower() in SECRET_FIELDS
        else value
        if len(value) < 300
        else f"{value[:300]}..."
    )


def _split_lines(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Malformed(f"not a field line: {line!r}")
        yield name, value.strip(" \t")
