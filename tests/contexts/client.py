"""A client that sends the fields of a site with all it asks, and takes its time if told to."""

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}
SIZES = (5, 100 * 1024, 3 * 1024 * 1024)
PIECE = 64 * 1024
SECONDS = 30


def content(size: int) -> bytes:
    """So many bytes, no two MiB of which are alike."""
    return (b"%d;" % size * (size // 2 + 1))[:size]


_threads = ThreadPoolExecutor(4)


class Client:
    """Asks one server, always with the same fields."""

    def __init__(self, port: int, **fields: str) -> None:
        self._port = port
        self._fields = {name.replace("_", "-"): value for name, value in fields.items()}

    def ask(
        self, method: str, path: str, fields: dict[str, str] | None = None, body: Any = None
    ) -> tuple[HTTPResponse, bytes]:
        """The answer and its body. A ``body`` of pieces has its length in ``fields``."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        with closing(connection):
            connection.request(method, path, body, {**self._fields, **(fields or {})})
            response = connection.getresponse()
            return response, response.read()

    def create(self, path: str = "/files/", length: int = 0, **fields: str) -> str:
        """The path of a new upload."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        response, said = self.ask("POST", path, {**TUS, "Upload-Length": str(length), **named})
        assert response.status == 201, (response.status, said)
        return str(response.headers["Location"])

    def patch(self, url: str, offset: int, body: bytes, pause: float = 0) -> int:
        """The new offset."""
        fields = {
            **TUS,
            **BYTES,
            "Upload-Offset": str(offset),
            "Content-Length": str(len(body)),
        }
        response, said = self.ask("PATCH", url, fields, _pieces(body, pause))
        assert response.status == 204, (response.status, said)
        return int(response.headers["Upload-Offset"])

    def upload(self, size: int, path: str = "/files/", steps: int = 1, **fields: str) -> str:
        """The path of a finished upload of ``content(size)``, sent in so many requests."""
        body, url = content(size), self.create(path, size, **fields)
        step = -(-size // steps)
        for offset in range(0, size, step):
            assert self.patch(url, offset, body[offset : offset + step]) == min(offset + step, size)
        return url

    def begin_trickle(self, url: str, body: bytes, *, seconds: float) -> "Future[int]":
        """The new offset after a PATCH that takes so long."""
        pause = seconds / (len(body) // PIECE + 1)
        return _threads.submit(self.patch, url, 0, body, pause)

    def concatenate(self, *sizes: int) -> tuple[str, bytes]:
        """The path of a final upload of partial ones, and its bytes."""
        parts = [self.upload(size, Upload_Concat="partial") for size in sizes]
        fields = {**TUS, "Upload-Concat": "final;" + " ".join(parts)}
        response, said = self.ask("POST", "/files/", fields)
        assert response.status == 201, (response.status, said)
        return str(response.headers["Location"]), b"".join(map(content, sizes))

    def offset(self, url: str) -> int:
        response, said = self.ask("HEAD", url, TUS)
        assert response.status == 200, (response.status, said)
        return int(response.headers["Upload-Offset"])

    def wait_for_offset(self, url: str) -> int:
        """The offset once there is one."""
        deadline = time.monotonic() + SECONDS
        while not (offset := self.offset(url)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return offset

    def download(self, url: str) -> bytes:
        response, said = self.ask("GET", url)
        assert response.status == 200, (response.status, said)
        return said

    def send_form(self, size: int, path: str = "/legacy/upload/") -> dict[str, Any]:
        """The answer to a form with all of ``content(size)``."""
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
        )
        body = head.encode() + content(size) + f"\r\n--{boundary}--\r\n".encode()
        fields = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(body)),
        }
        response, said = self.ask("POST", path, fields, _pieces(body))
        assert response.status == 200, (response.status, said)
        return dict(json.loads(said))


def _pieces(body: bytes, pause: float = 0) -> Iterator[bytes]:
    for at in range(0, len(body), PIECE):
        yield body[at : at + PIECE]
        time.sleep(pause)
