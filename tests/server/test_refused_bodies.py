"""What becomes of bodies that nobody wants, on servers with the front."""

import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.support.servers import Server, running

MIB = 1024 * 1024
HEAD = (
    "PATCH {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTus-Resumable: 1.0.0\r\n"
    "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 7\r\n"
    "Content-Length: {length}\r\n"
)
# What browsers send along with any PATCH of the site's own page.
ORIGIN = "Origin: http://127.0.0.1:{port}\r\n"
# Of a refused body: what a server's kernel takes that nobody reads, and the front's own patience.
TAKEN_BYTES = MIB


@pytest.fixture(params=["serve", "uvicorn"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with running(request.param, tmp_path) as server:
        yield server


def head_of(server: Server, path: str, length: int, more: str) -> bytes:
    text = f"{HEAD}{more}\r\n"
    return text.format(path=path, port=server.port, length=length).encode()


def create(server: Server, length: int) -> str:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    fields = {"Tus-Resumable": "1.0.0", "Upload-Length": str(length)}
    connection.request("POST", "/files/", headers=fields)
    with connection.getresponse() as answer:
        location = answer.getheader("Location")
    connection.close()
    assert location
    return location


def read_answer(client: socket.socket) -> HTTPResponse:
    answer = HTTPResponse(client)
    answer.begin()
    answer.read()
    return answer


def send_until_stopped(client: socket.socket, length: int) -> int:
    """Send a body as a browser does: to its end, whatever is answered meanwhile; the bytes that
    went."""
    sent = 0
    try:
        while sent < length:
            sent += client.send(bytes(64 * 1024))
    except (ConnectionResetError, BrokenPipeError):
        pass
    return sent


def test_a_body_at_the_wrong_offset_is_not_taken(server: Server) -> None:
    """Its page sends it once more: whatever is taken now comes twice."""
    length = 64 * MIB
    path = create(server, 2 * length)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        client.sendall(head_of(server, path, length, ORIGIN))
        assert send_until_stopped(client, length) <= TAKEN_BYTES
        answer = read_answer(client)
    assert (answer.status, answer.getheader("Upload-Offset")) == (409, "0")
    assert answer.getheader("Connection") == "close"


@pytest.mark.parametrize(
    ("upload", "length", "more", "status"),
    [
        ("own", 100_000, ORIGIN, 409),
        ("own", 3 * MIB, "", 409),
        ("no", 3 * MIB, ORIGIN, 404),
        ("no", 3 * MIB, "", 404),
    ],
)
def test_a_refused_body_that_is_soon_over_keeps_its_connection(
    server: Server, upload: str, length: int, more: str, status: int
) -> None:
    path = create(server, 8 * MIB) if upload == "own" else "/files/" + "0" * 32
    head = head_of(server, path, length, more)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        for _ in range(2):
            client.sendall(head + bytes(length))
            assert read_answer(client).status == status
