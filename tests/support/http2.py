"""Just enough HTTP/2 to send one request over a connection of its own (RFC 9113, RFC 7541)."""

import socket
import struct
import time
from types import TracebackType
from typing import Self

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
_END_STREAM = _ACK = 0x1
_END_HEADERS = 0x4
_CANCEL = 8
_STREAM = 1
# The static table's entries for :status (RFC 7541, appendix A).
_STATUSES = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
_SECONDS = 20.0


class Http2Request:
    """A request on a new connection, whose server has to expect HTTP/2."""

    def __init__(
        self, port: int, method: str, path: str, fields: dict[str, str], *, has_body: bool
    ) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
        self._rest = b""
        self._socket.sendall(_PREFACE)
        self._send(_SETTINGS, 0, 0, b"")
        pseudo = {":method": method, ":scheme": "http", ":path": path, ":authority": "127.0.0.1"}
        block = b"".join(_literal(name, value) for name, value in (pseudo | fields).items())
        flags = _END_HEADERS | (0 if has_body else _END_STREAM)
        self._send(_HEADERS, flags, _STREAM, block)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, data: bytes, *, last: bool) -> None:
        """Some of the body, below 16 KiB."""
        self._send(_DATA, _END_STREAM if last else 0, _STREAM, data)

    def cancel(self) -> None:
        """Break off."""
        self._send(_RST_STREAM, 0, _STREAM, struct.pack(">I", _CANCEL))

    def status(self) -> int | None:
        """Of the whole answer; None where the table of common ones has it not."""
        deadline = time.monotonic() + _SECONDS
        found: int | None = None
        while time.monotonic() < deadline:
            kind, flags, stream, payload = self._receive()
            if kind in {_SETTINGS, _PING} and not flags & _ACK:
                self._send(kind, _ACK, 0, payload if kind == _PING else b"")
            if kind == _HEADERS and stream == _STREAM:
                found = _STATUSES.get(payload[0])
            if kind in {_HEADERS, _DATA} and stream == _STREAM and flags & _END_STREAM:
                return found
            assert kind != _RST_STREAM, payload
        raise TimeoutError

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
        self._socket.sendall(head + struct.pack(">I", stream) + payload)

    def _receive(self) -> tuple[int, int, int, bytes]:
        head = self._take(9)
        payload = self._take(int.from_bytes(head[:3], "big"))
        return head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload

    def _take(self, count: int) -> bytes:
        while len(self._rest) < count:
            data = self._socket.recv(65536)
            assert data, "the server closed the connection"
            self._rest += data
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken


def _literal(name: str, value: str) -> bytes:
    """A field that is not to be indexed, with a new name (RFC 7541, 6.2.2)."""
    return b"\0" + _string(name.encode()) + _string(value.encode())


def _string(text: bytes) -> bytes:
    assert len(text) < 127, "longer ones have their length in several bytes"
    return bytes([len(text)]) + text
