"""floor.c in Python, for machines without a C compiler: ``python -m benchmarks.floor PORT FOLDER``.

The same loop, epoll, recv_into one buffer and pwrite, and the same answers.
"""

import os
import re
import select
import socket
import sys
from dataclasses import dataclass

_BUFFER = memoryview(bytearray(2**18))
_FIELDS = re.compile(rb"^(upload-length|content-length|range): *(.*?)\r$", re.I | re.M)
_RANGE = re.compile(rb"bytes=(\d+)-(\d+)")
_TUS = "Tus-Resumable: 1.0.0\r\n"


@dataclass(slots=True)
class _Upload:
    length: int
    offset: int = 0


class _Connection:
    """One client; ``go_on`` is called when its socket is ready, and tells whether it stays."""

    def __init__(self, taken: socket.socket, floor: "_Floor") -> None:
        self._socket, self._floor = taken, floor
        self._head = b""
        self._left = 0
        self._file = -1
        self._number = -1
        self._creates = False
        self._from = self._until = 0

    def go_on(self) -> bool:
        try:
            if self._from < self._until:
                return self._give()
            return self._take_body() if self._left else self._take_head()
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._socket.close()

    def _take_head(self) -> bool:
        data = self._socket.recv(2**14)
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return bool(data)
        self._head = b""
        fields = {k.lower(): v for k, v in _FIELDS.findall(head + b"\r")}
        method, _, path = head[: head.index(b" HTTP")].partition(b" ")
        self._begin(method, path, fields, rest)
        return True

    def _begin(self, method: bytes, path: bytes, fields: dict[bytes, bytes], rest: bytes) -> None:
        if method == b"OPTIONS":
            self._say(204, "Tus-Extension: creation,creation-with-upload\r\n")
            return
        self._creates = method == b"POST"
        if self._creates:
            self._number = self._floor.create(int(fields[b"upload-length"]))
        else:
            self._number = int(path.rpartition(b"/")[2])
        upload = self._floor.uploads[self._number]
        if method == b"GET":
            self._begin_download(upload, fields.get(b"range", b""))
        elif method == b"HEAD":
            lengths = f"Upload-Length: {upload.length}\r\nContent-Length: 0\r\n"
            self._say(200, f"{_TUS}Upload-Offset: {upload.offset}\r\n{lengths}")
        else:
            self._left = int(fields.get(b"content-length", b"0"))
            self._file = self._floor.open(self._number, os.O_WRONLY | os.O_CREAT)
            self._take(rest)

    def _take_body(self) -> bool:
        count = self._socket.recv_into(_BUFFER, min(self._left, len(_BUFFER)))
        if count:
            self._take(_BUFFER[:count])
        return count > 0

    def _take(self, data: bytes | memoryview) -> None:
        upload = self._floor.uploads[self._number]
        while data:
            written = os.pwrite(self._file, data, upload.offset)
            upload.offset += written
            self._left -= written
            data = data[written:]
        if not self._left:
            self._end(upload)

    def _end(self, upload: _Upload) -> None:
        os.close(self._file)
        self._file = -1
        fields = f"{_TUS}Upload-Offset: {upload.offset}\r\n"
        if self._creates:
            location = f"Location: /files/{self._number}\r\nContent-Length: 0\r\n"
            self._say(201, fields + location)
        else:
            self._say(204, fields)

    def _begin_download(self, upload: _Upload, wanted: bytes) -> None:
        self._from, self._until = 0, upload.length
        match = _RANGE.fullmatch(wanted)
        fields = ""
        if match:
            self._from, self._until = int(match[1]), int(match[2]) + 1
            fields = f"Content-Range: bytes {self._from}-{self._until - 1}/{upload.length}\r\n"
        self._file = self._floor.open(self._number, os.O_RDONLY)
        length = f"Content-Length: {self._until - self._from}\r\n"
        self._say(206 if match else 200, fields + length)
        self._floor.poll.modify(self._socket, select.EPOLLOUT)

    def _give(self) -> bool:
        left = self._until - self._from
        self._from += os.sendfile(self._socket.fileno(), self._file, self._from, left)
        if self._from == self._until:
            os.close(self._file)
            self._file = -1
            self._floor.poll.modify(self._socket, select.EPOLLIN)
        return True

    def _say(self, status: int, fields: str) -> None:
        self._socket.sendall(f"HTTP/1.1 {status} .\r\n{fields}\r\n".encode())


class _Floor:
    """The uploads, and who is connected."""

    def __init__(self, port: int, folder: str) -> None:
        self.uploads: list[_Upload] = []
        self.poll = select.epoll()
        self._folder = folder
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.poll.register(self._listener, select.EPOLLIN)

    def create(self, length: int) -> int:
        self.uploads.append(_Upload(length))
        return len(self.uploads) - 1

    def open(self, number: int, flags: int) -> int:
        return os.open(os.path.join(self._folder, str(number)), flags, 0o600)

    def run(self) -> None:
        connections: dict[int, _Connection] = {}
        while True:
            for number, _ in self.poll.poll():
                if number == self._listener.fileno():
                    taken, _ = self._listener.accept()
                    taken.setblocking(False)
                    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connections[taken.fileno()] = _Connection(taken, self)
                    self.poll.register(taken, select.EPOLLIN)
                elif not connections[number].go_on():
                    connections.pop(number).close()


if __name__ == "__main__":
    _Floor(int(sys.argv[1]), sys.argv[2]).run()
