"""Final uploads of 1,000 parts: each server with the settings that docs/servers.md gives it."""

import re
import shlex
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.support import client_of
from tests.support.nginx import Nginx
from tests.support.recipes import included, text_of
from tests.support.serve import require
from tests.support.servers import Server, running
from tusbridge.protocol.tus import MAX_PARTS

# As much of a request as one packet of a network may carry, and some more.
PIECE_BYTES = 16 * 1024
HEAD = b"HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nTus-Resumable: 1.0.0\r\n"
# The longest URL that the page speaks of.
URL_LENGTH = 100


def documented_flags(server: str) -> tuple[str, ...]:
    """What the page's table says in the row of a server."""
    section = text_of("docs/servers.md").partition("## Long lists of parts")[2]
    (row,) = re.findall(rf"^\| {server}.*\|$", section.partition("\n## ")[0], re.MULTILINE)
    (flags,) = re.findall(r"`(--[^`]+)`", row)
    return tuple(shlex.split(flags))


@contextmanager
def started(kind: str, place: Path) -> Iterator[tuple[Server, int]]:
    """A server, and the port to ask at."""
    flags = {"gunicorn": documented_flags("gunicorn"), "uvicorn": documented_flags("uvicorn")}
    served = "serve" if kind == "nginx" else kind
    with running(served, place / "site", flags=flags.get(kind, ("--allow-anonymous",))) as server:
        if kind != "nginx":
            yield server, server.port
            return
        require(shutil.which("nginx"), "nginx (apt-get install nginx-light)")
        with Nginx(place / "nginx", server.port, included("docs/nginx.md")) as nginx:
            yield server, nginx.port


def send(port: int, head: bytes) -> Any:
    """Send a head in pieces, as networks do; the answer's status and fields."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        for start in range(0, len(head), PIECE_BYTES):
            peer.sendall(head[start : start + PIECE_BYTES])
            time.sleep(0.01)
        got = b""
        while piece := peer.recv(65536):
            got += piece
    first, *lines = got.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, value in fields.items()}


@pytest.mark.parametrize(
    "kind", ["serve", "gunicorn", "uvicorn", pytest.param("nginx", marks=pytest.mark.nginx)]
)
def test_a_final_upload_of_as_many_parts_as_are_taken(tmp_path: Path, kind: str) -> None:
    with started(kind, tmp_path) as (server, port), client_of(server) as client:
        part = client.create_complete(b"x", {"Upload-Concat": "partial"}).rpartition("/")[2]
        url = f"https://uploads.example/{'prefix/' * 9}"
        url = f"{url[: URL_LENGTH - 33]}/{part}"
        assert len(url) == URL_LENGTH
        listed = f"final;{' '.join([url] * MAX_PARTS)}"
        concat = f"Upload-Concat: {listed}\r\n\r\n".encode()
        status, fields = send(port, b"POST /files/ " + HEAD + concat)
        assert status == 201, fields
        path = fields["location"].encode()
        status, fields = send(port, b"HEAD " + path + b" " + HEAD + b"\r\n")
        assert (status, fields["upload-length"]) == (200, str(MAX_PARTS))
        assert fields["upload-concat"] == listed
