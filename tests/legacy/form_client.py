"""Chunks of forms as jQuery-File-Upload sends them, whole or broken, by raw sockets."""

import hashlib
import json
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

BOUNDARY = "----WebKitFormBoundary0123456789"
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, the fields by lower-case name, and the JSON."""

    status: int
    fields: dict[str, str]
    data: Any


def form_of(fields: dict[str, str], content: bytes | None, name: str = "a.bin") -> bytes:
    """A form with these fields, then the file."""
    whole = b""
    for key, value in fields.items():
        whole += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n'.encode()
        whole += value.encode() + b"\r\n"
    if content is not None:
        whole += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; '.encode()
        whole += f'filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode()
        whole += content + b"\r\n"
    return whole + f"--{BOUNDARY}--\r\n".encode()


class FormClient:
    """Talks to ``<base>/upload/`` and ``<base>/complete/``; a connection for each request."""

    def __init__(self, base: str) -> None:
        self.base = urlsplit(base)

    def chunk(
        self, content: bytes, where: tuple[int, int] | None = None, upload_id: str = ""
    ) -> Reply:
        """One chunk; ``where`` is its offset and the total."""
        connection, body = self.begin(content, where, upload_id)
        with closing(connection):
            connection.sendall(body)
            return self.read(connection)

    def begin(
        self,
        content: bytes,
        where: tuple[int, int] | None = None,
        upload_id: str = "",
        more: str = "",
    ) -> tuple[socket.socket, bytes]:
        """A connection on which the head was sent, and the body that belongs to it."""
        body = form_of({"upload_id": upload_id} if upload_id else {}, content)
        if where is not None:
            start, total = where
            more += f"Content-Range: bytes {start}-{start + len(content) - 1}/{total}\r\n"
        return self._open("upload/", len(body), more), body

    def complete(self, upload_id: str, content: bytes) -> Reply:
        """The md5 of the whole."""
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        body = form_of({"upload_id": upload_id, "md5": digest}, None)
        connection = self._open("complete/", len(body), "")
        with closing(connection):
            connection.sendall(body)
            return self.read(connection)

    def offset(self, upload_id: str) -> int:
        """How far the upload is: what a chunk at no possible offset is told."""
        reply = self.chunk(b"x", (2**40, 2**40 + 1), upload_id)
        assert reply.status == 400, reply
        return int(reply.data["offset"])

    def _open(self, path: str, length: int, more: str) -> socket.socket:
        host, port = self.base.hostname, self.base.port or 80
        connection = socket.create_connection((host, port), ANSWER_SECONDS)
        connection.sendall(
            (
                f"POST {self.base.path}{path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
                f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
                f"Content-Length: {length}\r\nConnection: close\r\n{more}\r\n"
            ).encode()
        )
        return connection

    @staticmethod
    def read(connection: socket.socket) -> Reply:
        """The answer; a connection that ends without one is an OSError."""
        with connection.makefile("rb") as stream:
            first = stream.readline()
            if not first:
                raise ConnectionError("no answer")
            fields: dict[str, str] = {}
            while line := stream.readline().strip():
                name, _, value = line.decode("latin-1").partition(": ")
                fields[name.lower()] = value
            text = stream.read(int(fields["content-length"]))
        data = json.loads(text) if "json" in fields.get("content-type", "") else text
        return Reply(int(first.split()[1]), fields, data)
