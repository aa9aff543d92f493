"""Bodies that nothing reads, under gunicorn: the connection goes on behind them, or says that it
does not. And an example of its own for nginx in front of it.
"""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.faults.support import client_of, wait_for
from tests.support.nginx import Nginx
from tests.support.serve import require
from tests.support.servers import ROOT, Server, running

KIB = 1024
LENGTHS = (100 * KIB, 700 * KIB, 2048 * KIB)
# More than is read of a body that nobody wants.
ENDLESS = 16 * 1024 * KIB
BYTES = "Content-Type: application/offset+octet-stream\r\nTus-Resumable: 1.0.0\r\n"
FORM = "Content-Type: multipart/form-data; boundary=b\r\n"
NO_UPLOAD = "/files/" + "0" * 32

# What is refused: the request line and its fields, and the status. Ours, then those of the site.
OURS: dict[str, tuple[str, str, int]] = {
    "unknown": (f"PATCH {NO_UPLOAD}", f"{BYTES}Upload-Offset: 0\r\n", 404),
    "offset": ("PATCH {upload}", f"{BYTES}Upload-Offset: 7\r\n", 409),
    "version": ("PATCH {upload}", "Upload-Offset: 0\r\n", 412),
    "too-large": ("PATCH {upload}", f"{BYTES}Upload-Offset: 0\r\n", 413),
    "type": ("PATCH {upload}", "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n", 415),
    "method": ("PUT {upload}", BYTES, 405),
    "creation": ("POST /files/", f"{BYTES}Upload-Length: 5\r\n", 413),
    "head": ("HEAD {upload}", BYTES, 200),
    "form": ("POST /legacy/complete/", "Content-Type: application/json\r\n", 400),
    "form-type": ("POST /legacy/upload/", "Content-Type: application/json\r\n", 400),
}
SITES: dict[str, tuple[str, str, int]] = {
    "no-page": ("POST /nowhere", FORM, 404),
    "forged": ("POST /protected/", "Content-Type: application/json\r\n", 403),
    "login": ("POST /answer/302/", FORM, 302),
    "no-method": ("POST /answer/405/", FORM, 405),
    "form-method": ("PUT /legacy/upload/", FORM, 405),
}


@pytest.fixture(scope="module", params=["gunicorn", "gunicorn-plain"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    options = {"READ_TIMEOUT": 5, "DURABILITY": "process"}
    with running(request.param, tmp_path_factory.mktemp(request.param), options=options) as started:
        yield started


@pytest.fixture(scope="module")
def refused(server: Server) -> Callable[[str, int], bytes]:
    """The head of a request of a kind, with a body of so many bytes."""
    with client_of(server) as client:
        upload = "/files/" + client.create(50 * KIB).rpartition("/")[2]

    def head(kind: str, length: int) -> bytes:
        line, fields, _ = (OURS | SITES)[kind]
        start = f"{line.format(upload=upload)} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}"
        return f"{start}Content-Length: {length}\r\n\r\n".encode()

    return head


def read(client: socket.socket, method: str) -> HTTPResponse:
    answer = HTTPResponse(client, method=method)
    answer.begin()
    answer.read()
    return answer


def ask_twice(server: Server, head: bytes, length: int) -> tuple[HTTPResponse, int | None]:
    """The refusal, and the status of a request behind it; None where the refusal said that the
    connection ends."""
    method = head.split()[0].decode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(head)
        client.sendall(bytes(length))
        answer = read(client, method)
        if answer.getheader("Connection") == "close":
            return answer, None
        client.sendall(b"GET /answer/200/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        return answer, read(client, "GET").status


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", [*OURS, *SITES])
def test_the_next_request_is_answered_behind_a_refused_body(
    server: Server, refused: Callable[[str, int], bytes], kind: str, length: int
) -> None:
    if server.kind == "gunicorn-plain" and kind in SITES:
        pytest.skip("nothing of ours sees it; docs/servers.md says so")
    answer, status = ask_twice(server, refused(kind, length), length)
    assert answer.status == (OURS | SITES)[kind][2]
    assert status == 200, "a body that is soon over keeps its connection"


@pytest.mark.parametrize("kind", ["offset", "form", *SITES])
def test_a_body_without_end_closes_the_connection_and_the_answer_says_so(
    server: Server, refused: Callable[[str, int], bytes], kind: str
) -> None:
    if server.kind == "gunicorn-plain":
        pytest.skip("gunicorn lets nobody say so but its own wrapper")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(refused(kind, ENDLESS) + bytes(64 * KIB))
        answer = read(client, "POST")
    assert answer.status == (OURS | SITES)[kind][2]
    assert answer.getheader("Connection") == "close"


def test_chunks_that_nobody_wants_keep_the_connection_too(server: Server) -> None:
    head = f"PATCH {NO_UPLOAD} HTTP/1.1\r\nHost: a\r\n{BYTES}Upload-Offset: 0\r\n"
    piece = bytes(200 * KIB)
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(piece), piece)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + body)
        assert read(client, "PATCH").status == 404
        client.sendall(b"GET /answer/200/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert read(client, "GET").status == 200


@pytest.mark.nginx
@pytest.mark.parametrize("kind", ["offset", "no-page", "form"])
def test_no_request_behind_nginx_pays_for_the_one_before(
    server: Server, refused: Callable[[str, int], bytes], tmp_path: Path, kind: str
) -> None:
    """What nginx keeps open, it uses again."""
    if server.kind == "gunicorn-plain" and kind in SITES:
        pytest.skip("nothing of ours sees it; docs/servers.md says so")
    require(shutil.which("nginx"), "nginx (apt-get install nginx-light)")
    example = ROOT / "examples" / "nginx-gunicorn.conf"
    with Nginx(tmp_path, server.port, example.read_text()) as nginx:
        found = []
        for number in range(12):
            length = (100 + 200 * number) * KIB
            with socket.create_connection(("127.0.0.1", nginx.port), timeout=30) as client:
                client.sendall(refused(kind, length))
                client.sendall(bytes(length))
                found.append(read(client, "PATCH").status)
            with closing(HTTPConnection("127.0.0.1", nginx.port, timeout=30)) as connection:
                connection.request("POST", "/files/", headers={"Tus-Resumable": "1.0.0"})
                found.append(connection.getresponse().status)
        assert found == [(OURS | SITES)[kind][2], 400] * 12


@pytest.mark.nginx
def test_pages_and_uploads_have_a_server_each(tmp_path: Path) -> None:
    """The first recommendation of docs/servers.md: one site under two servers, behind one nginx."""
    require(shutil.which("nginx"), "nginx (apt-get install nginx-light)")
    example = (ROOT / "examples" / "nginx-site.conf").read_text()
    with (
        running("gunicorn-sync", tmp_path) as pages,
        running("uvicorn", tmp_path) as uploads,
        Nginx(tmp_path / "nginx", pages.port, example.replace(":8001;", f":{uploads.port};")) as n,
        client_of(Server("uvicorn", n.url, tmp_path, uploads.process)) as client,
    ):
        url = client.create(1000)
        # a slow upload holds none of the pages up, though they have one process for all
        connection = client.start_patch(url, 0, 1000, bytes(500))
        with closing(HTTPConnection("127.0.0.1", n.port, timeout=30)) as asked:
            asked.request("GET", "/answer/200/")
            answer = asked.getresponse()
            assert (answer.status, answer.read()) == (200, b"no\n")
        connection.close()
        wait_for(lambda: client.offset(url) == 500, "what came to be kept")
        client.append(url, 500, bytes(500))
        client.expect_content(url, bytes(1000))
