"""A tus server in a thread that keeps to the rules, but for what a test makes it do."""

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

from benchmarks.content import MIB
from benchmarks.deadline import Deadline
from benchmarks.measure import Server
from benchmarks.peers.base import Peer
from benchmarks.rows.base import Sizes, Turn

SECONDS = 20.0
SIZES = replace(
    Sizes.of(1),
    upload_bytes=16 * MIB,
    dear_bytes=16 * MIB,
    joined_bytes=16 * MIB,
    at_once=4,
    small_uploads=30,
    heads=30,
    ranges=3,
)
EXTENSIONS = "creation,creation-with-upload,checksum,concatenation"


@dataclass(slots=True, kw_only=True)
class Request:
    """What came; ``offset`` is where the upload was before."""

    method: str
    path: str
    fields: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Honest:
    """Uploads in memory. A subclass lies in one place."""

    uploads: list[bytearray] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> bytes:
        """What is sent back; b"" closes the connection instead."""
        self.requests.append(request)
        return cast(bytes, getattr(self, request.method.lower())(request))

    def options(self, _: Request) -> bytes:
        return said(204, {"Tus-Extension": EXTENSIONS})

    def post(self, request: Request) -> bytes:
        concat = request.fields.get("upload-concat", "")
        parts = concat.partition("final;")[2].split()
        content = b"".join(bytes(self.uploads[number_of(part)]) for part in parts)
        self.uploads.append(bytearray(content + request.body))
        place = {"Location": f"/files/{len(self.uploads) - 1}"}
        return said(201, {**place, "Upload-Offset": str(len(self.uploads[-1]))})

    def patch(self, request: Request) -> bytes:
        upload = self.uploads[number_of(request.path)]
        upload += request.body
        return said(204, {"Upload-Offset": str(len(upload))})

    def head(self, request: Request) -> bytes:
        length = str(len(self.uploads[number_of(request.path)]))
        return said(200, {"Upload-Offset": length, "Upload-Length": length})

    def get(self, request: Request) -> bytes:
        content = bytes(self.uploads[number_of(request.path)])
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.fields.get("range", ""))
        if not match:
            return said(200, {}, content)
        first, last = int(match[1]), int(match[2])
        fields = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        return said(206, fields, content[first : last + 1])


def said(status: int, fields: dict[str, str], body: bytes = b"") -> bytes:
    """A response's bytes."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    length = "" if status == 204 else f"Content-Length: {len(body)}\r\n"
    return f"HTTP/1.1 {status} Text\r\n{lines}{length}\r\n".encode() + body


def number_of(path: str) -> int:
    return int(path.rpartition("/")[2])


@contextmanager
def listening(answer: Callable[[Request], bytes]) -> Iterator[int]:
    """The port of a server that answers so, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threads: list[threading.Thread] = []
        taken: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                taken.append(connection)
                threads.append(threading.Thread(target=_serve, args=(connection, answer)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in taken:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _serve(connection: socket.socket, answer: Callable[[Request], bytes]) -> None:
    with connection, connection.makefile("rb") as stream:
        try:
            while request := _read(stream):
                sent = answer(request)
                if not sent:
                    return
                connection.sendall(sent)
        except OSError:
            return


def _read(stream: Any) -> Request | None:
    first = stream.readline().decode()
    if not first:
        return None
    fields: dict[str, str] = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(": ")
        fields[name.lower()] = value
    method, path, _ = first.split()
    body = stream.read(int(fields.get("content-length", "0")))
    return Request(method=method, path=path, fields=fields, body=body)


@contextmanager
def turn_at(server: Honest, seconds: float = SECONDS) -> Iterator[Turn]:
    """A turn whose server is this one. What it costs is what this process costs."""
    with (
        TemporaryDirectory() as folder,
        listening(server.answer) as port,
        Deadline(seconds) as deadline,
    ):
        process = cast(Any, SimpleNamespace(pid=os.getpid(), poll=lambda: None))
        running = Server(name="liar", process=process, port=port, log=Path(folder, "log"))
        peer = Peer(
            name="liar",
            title="liar",
            language="Python",
            workers="",
            command=(),
            version=lambda: "1",
        )
        yield Turn(peer=peer, server=running, sizes=SIZES, deadline=deadline)
