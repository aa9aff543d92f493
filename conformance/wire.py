"""HTTP/1.1 over a raw socket, one exchange at a time.

A check must be able to stop in mid-body, to break a connection in each of the ways a network does,
and to see a field that was sent twice, so no HTTP library stands between. Nothing here knows tus.
Every read has a deadline.
"""

from __future__ import annotations

import contextlib
import fcntl
import select
import socket
import ssl
import struct
import sys
import termios
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import sent as notes
from .sent import FieldLines, Sent, printable, shown
from .tls import TRUSTED, Tls, context

__all__ = [
    "Connection",
    "ConnectionLost",
    "FieldLines",
    "Fields",
    "Malformed",
    "Response",
    "TimedOut",
    "WireError",
]

# Small enough that an early answer is seen soon, large enough that sending is not the slow part.
PIECE_BYTES = 65_536
# No header section comes near it; a server that sends more is broken.
MAX_HEAD_BYTES = 262_144
_HTTP = b"HTTP/"
# By then a server's session tickets are here.
_TICKET_SECONDS = 0.2


class WireError(Exception):
    """No whole answer came. `sent` is the request, once there is one."""

    def __init__(self, message: str, sent: Sent | None = None) -> None:
        super().__init__(f"{message}\n{sent}" if sent else message)
        self.message = message
        self.sent = sent


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
    """One answer, with its request. `interim` holds the 1xx statuses before it."""

    status: int
    reason: str
    fields: Fields
    body: bytes
    interim: tuple[int, ...]
    sent: Sent

    @property
    def request(self) -> str:
        """The request as text."""
        return str(self.sent)

    def __str__(self) -> str:
        head = [
            f"{self.status} {printable(self.reason)}",
            *(f"{name}: {shown(name, value)}" for name, value in self.fields.lines),
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

    def __init__(self, url: str, timeout_seconds: float, tls: Tls = TRUSTED) -> None:
        self.timeout_seconds = timeout_seconds
        self.sent = Sent(method="", url=url, lines=(), tls=tls)
        self._buffer = bytearray()
        self._socket = _connect(url, timeout_seconds, tls)

    def send_head(self, method: str, path: str, lines: FieldLines) -> bool:
        before = self.sent
        url = urlsplit(before.url)._replace(path="", query="", fragment="").geturl() + path
        again = notes.AGAIN if before.method else None
        self.sent = Sent(method=method, url=url, lines=tuple(lines), tls=before.tls, raw=again)
        fields = "".join(f"{name}: {value}\r\n" for name, value in lines)
        return self._send(f"{method} {path} HTTP/1.1\r\n{fields}\r\n".encode())

    def send(self, data: bytes) -> bool:
        self.sent.give(data)
        return self._send_counted(data)

    def send_body(self, body: bytes) -> bool:
        """Sends in pieces; stops, giving False, when the peer answers or leaves before the end."""
        self.sent.give(body)
        for start in range(0, len(body), PIECE_BYTES):
            piece = body[start : start + PIECE_BYTES]
            if self.readable(0) or not self._send_counted(piece):
                return False
        return True

    def send_chunk(self, data: bytes) -> bool:
        self.sent.give(data)
        self.sent.sent_bytes += len(data)
        return self._send(b"%x\r\n%b\r\n" % (len(data), data))

    def end_chunks(self, trailers: FieldLines = ()) -> bool:
        self.sent.chunks_ended = True
        self.sent.raw = notes.TRAILERS if trailers else self.sent.raw
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
        return self._send(f"0\r\n{lines}\r\n".encode())

    def readable(self, wait_seconds: float) -> bool:
        """True when an answer, or the end of the connection, is there to be read."""
        if self._buffer:
            return True
        if isinstance(self._socket, ssl.SSLSocket):
            return self._readable_by_tls(self._socket, time.monotonic() + wait_seconds)
        return bool(select.select([self._socket], [], [], wait_seconds)[0])

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
            sent=self.sent,
        )

    def wait_closed(self, timeout_seconds: float) -> bool:
        """True when the peer ends the connection in time, which then is closed on this side, too;
        what it still sends is dropped.
        """
        self.sent.raw = notes.SILENCE
        deadline = time.monotonic() + timeout_seconds
        try:
            while True:
                self._fill(deadline)
        except ConnectionLost:
            self.close()
            return True
        except TimedOut:
            return False

    def finish_sending(self) -> None:
        """Sends FIN, under TLS its goodbye before that, and goes on reading."""
        self.sent.raw = notes.HALF_CLOSED
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                _say_goodbye(self._socket)
            # an SSLSocket's own `shutdown` would read on without decrypting
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
        except OSError:
            return
        if isinstance(self._socket, ssl.SSLSocket):
            # a session ticket that nobody took would make the close a reset
            self.readable(_TICKET_SECONDS)

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Sends RST. Waits first until the peer's kernel has every byte, for a reset drops what has
        not left.
        """
        self.sent.raw = notes.RESET
        self._wait_drained()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _wait_drained(self) -> None:
        if sys.platform != "linux":
            time.sleep(0.2)
            return
        deadline = time.monotonic() + self.timeout_seconds
        while struct.unpack("i", fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, b"\0" * 4))[
            0
        ]:
            if time.monotonic() > deadline:
                raise TimedOut("the server stopped taking bytes", self.sent)
            time.sleep(0.005)

    def _send_counted(self, data: bytes) -> bool:
        self.sent.sent_bytes += len(data)
        return self._send(data)

    def _readable_by_tls(self, secure: ssl.SSLSocket, deadline: float) -> bool:
        """What the socket holds may be TLS's own, so only decrypted bytes, or the end, count."""
        while True:
            secure.settimeout(0)
            try:
                self._buffer += secure.recv(PIECE_BYTES)
                return True
            except (ssl.SSLWantReadError, BlockingIOError):
                left = max(0, deadline - time.monotonic())
            except OSError:
                return True
            if not select.select([secure], [], [], left)[0]:
                return False

    def _send(self, data: bytes) -> bool:
        self._socket.settimeout(self.timeout_seconds)
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise TimedOut("the server stopped taking bytes", self.sent) from error
        except OSError:
            return False
        return True

    def _fill(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOut("no (whole) answer in time", self.sent)
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(PIECE_BYTES)
        except TimeoutError as error:
            raise TimedOut("no (whole) answer in time", self.sent) from error
        except OSError as error:
            broken = f"connection broken before the answer: {error}"
            raise ConnectionLost(broken, self.sent) from error
        if not data:
            raise ConnectionLost("connection closed before the (whole) answer", self.sent)
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
                raise Malformed("the head of the answer has no end", self.sent)
            self._fill(deadline)
        return self._take(at + len(mark), deadline)[:at]

    def _read_head(self, deadline: float) -> tuple[int, str, Fields]:
        self._expect_http(deadline)
        first, *lines = self._take_until(b"\r\n\r\n", deadline).decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        code, _, reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or not (len(code) == 3 and code.isdigit()):
            raise Malformed(f"not a status line: {first[:80]!r}", self.sent)
        return int(code), reason, Fields(list(_split_lines(lines)))

    def _expect_http(self, deadline: float) -> None:
        """What begins otherwise need not be waited for to its end."""
        while len(self._buffer) < len(_HTTP):
            self._fill(deadline)
        if not self._buffer.startswith(_HTTP):
            line = bytes(self._buffer).split(b"\r\n")[0].decode("latin-1")
            raise Malformed(f"not a status line: {line[:80]!r}", self.sent)

    def _read_body(self, status: int, fields: Fields, deadline: float) -> bytes:
        """RFC 9112, 6.3: what ends the body."""
        if self.sent.method == "HEAD" or status < 200 or status in (204, 304):
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


def _connect(url: str, timeout_seconds: float, tls: Tls) -> socket.socket:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    try:
        plain = socket.create_connection((host, port), timeout_seconds)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context(tls).wrap_socket(plain, server_hostname=host) if secure else plain
    except (OSError, UnicodeError) as error:
        raise ConnectionLost(f"cannot connect to {host}:{port}: {error}") from error


def _say_goodbye(secure: ssl.SSLSocket) -> None:
    """Sends close_notify, and does not wait for the peer's."""
    secure.settimeout(0)
    with contextlib.suppress(ssl.SSLWantReadError):
        secure.unwrap()


def _split_lines(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Malformed(f"not a field line: {line!r}")
        yield name, value.strip(" \t")
