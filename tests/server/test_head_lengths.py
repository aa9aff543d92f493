"""HEAD names the length that GET has, on every server (RFC 9110, 8.6)."""

from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.servers import KINDS, Server, running


def ask(
    server: Server, method: str, path: str, body: bytes = b"", **fields: str
) -> tuple[int, ...]:
    """Status and Content-Length; -1 where there is none."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    connection.request(method, path, body or None, {"Tus-Resumable": "1.0.0", **named})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, int(response.getheader("Content-Length", "-1"))


def make(server: Server, body: bytes, length: int, **fields: str) -> str:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    named |= {"Tus-Resumable": "1.0.0", "Upload-Length": str(length)}
    named["Content-Type"] = "application/offset+octet-stream"
    connection.request("POST", "/files/", body, named)
    response = connection.getresponse()
    assert response.status == 201, response.read()
    location = urlsplit(response.getheader("Location", "")).path
    connection.close()
    return location


@pytest.mark.parametrize("kind", KINDS)
def test_head_names_the_length_of_get(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path) as server:
        whole = make(server, b"hello", 5)
        assert ask(server, "HEAD", whole) == ask(server, "GET", whole) == (200, 5)
        others = {
            "empty": make(server, b"", 0),
            "unfinished": make(server, b"hello", 10),
            "part": make(server, b"hello", 5, Upload_Concat="partial"),
            "unknown": "/files/" + "0" * 32,
        }
        for name, path in others.items():
            assert ask(server, "HEAD", path)[1] == ask(server, "GET", path)[1], name
