"""Bytes of a broken PATCH are kept wherever uploads are in a site, and parallel uploads work."""

import socket
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from tests.contexts.client import BYTES, TUS, Client, content
from tests.support.serve import require
from tests.support.servers import Server, running

SIZE = 300_000


@pytest.fixture(scope="module", params=["uvicorn", "granian"])
def server(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require(find_spec("django_hosts"), "django-hosts")
    place = tmp_path_factory.mktemp("places")
    with running(request.param, place, settings="tests.contexts.site.places") as server:
        yield server


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("www.example", "/files"),
        ("www.example", "/team/files"),
        ("www.example", "/de/up"),
        ("media.example", "/up"),
    ],
)
def test_what_came_is_kept(server: Server, host: str, place: str) -> None:
    client = Client(server.port, Host=host)
    url = client.create(place, SIZE)
    assert url.rpartition("/")[0] == place
    break_off(server, host, url)
    assert client.wait_for_offset(url) == SIZE // 2
    client.patch(url, SIZE // 2, content(SIZE)[SIZE // 2 :])
    assert client.download(url) == content(SIZE)


def break_off(server: Server, host: str, url: str) -> None:
    """A PATCH whose client leaves in its midst."""
    fields = {**TUS, **BYTES, "Host": host, "Upload-Offset": "0", "Content-Length": str(SIZE)}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as wire:
        wire.sendall(f"PATCH {url} HTTP/1.1\r\n{head}\r\n".encode())
        wire.sendall(content(SIZE)[: SIZE // 2])


@pytest.fixture(params=["uvicorn", "granian"])
def behind_prefix(request: Any, tmp_path: Any) -> Iterator[tuple[Client, str]]:
    """A server that is told its prefix, and the path under which it then has uploads itself."""
    flag = {"uvicorn": "--root-path", "granian": "--url-path-prefix"}[request.param]
    with running(request.param, tmp_path, flags=(flag, "/app")) as server:
        yield Client(server.port), "/files/"


def test_a_prefix_of_the_server(behind_prefix: tuple[Client, str]) -> None:
    """As behind a proxy that strips it: Location has it, and names parts by it."""
    client, path = behind_prefix
    urls = [client.create(path, 5, Upload_Concat="partial") for _ in range(2)]
    for url in urls:
        assert url.startswith("/app/files/")
        client.patch(url.removeprefix("/app"), 0, b"hello")
    fields = {**TUS, "Upload-Concat": "final;" + " ".join(urls)}
    response, said = client.ask("POST", path, fields)
    assert response.status == 201, said
    assert client.download(str(response.headers["Location"]).removeprefix("/app")) == b"hello" * 2
