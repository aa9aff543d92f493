"""Receivers see the request, in whatever thread they run."""

import json
import sqlite3
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from tests.contexts.client import BYTES, SIZES, TUS, Client, content
from tests.support.serve import require
from tests.support.servers import Server, migrate, running

KINDS = {
    "uvicorn": ("uvicorn", ""),
    "granian": ("granian", ""),
    "gunicorn": ("gunicorn", "tests.site.wsgi:application"),
    "gunicorn-without-wrapper": ("gunicorn", "tests.contexts.site.wsgi:application"),
}
FIELDS = {"X_Test_User": "alice", "X_Language": "de", "X_Time_Zone": "Asia/Tokyo"}


def prepare(environ: dict[str, str]) -> None:
    for alias in ("default", "other"):
        migrate(environ, "--run-syncdb", "--database", alias)


@pytest.fixture(scope="module", params=KINDS)
def server(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    for name in ("crum", "simple_history"):
        require(find_spec(name), f"{name}")
    kind, application = KINDS[request.param]
    with running(
        kind,
        tmp_path_factory.mktemp("plain"),
        settings="tests.contexts.site.plain",
        application=application,
        prepare=prepare,
    ) as server:
        yield server


def heard(server: Server, url: str) -> list[dict[str, Any]]:
    """What receivers have seen of this upload."""
    lines = (server.place / "heard").read_text().splitlines()
    upload_id = url.rpartition("/")[2]
    return [seen for seen in map(json.loads, lines) if seen["upload"] == upload_id]


def expect(server: Server, url: str, *events: str, database: str = "default") -> None:
    found = heard(server, url)
    assert [seen["event"] for seen in found] == list(events)
    for seen in found:
        assert (seen["crum"], seen["history"]) == ("alice", "alice"), seen
        assert (seen["language"], seen["zone"]) == ("de", "Asia/Tokyo"), seen
        assert seen["database"] == database, seen


CREATED, COMPLETED, TERMINATED = "upload_created", "upload_completed", "upload_terminated"


@pytest.mark.parametrize("database", ["default", "other"])
@pytest.mark.parametrize("size", SIZES)
def test_an_append(server: Server, size: int, database: str) -> None:
    client = Client(server.port, X_Database=database, **FIELDS)
    url = client.upload(size)
    expect(server, url, CREATED, COMPLETED, database=database)
    assert client.download(url) == content(size)
    file = {"default": "db", "other": "other"}[database]
    with sqlite3.connect(server.place / f"{file}.sqlite3") as rows:
        row = rows.execute("SELECT 1 FROM tusbridge_upload WHERE upload_id = ?", [url[-32:]])
        assert row.fetchone()
    rows.close()


@pytest.mark.parametrize("size", SIZES)
def test_a_creation_with_its_bytes(server: Server, size: int) -> None:
    client = Client(server.port, **FIELDS)
    fields = {**TUS, **BYTES, "Upload-Length": str(size)}
    response, _ = client.ask("POST", "/files/", fields, content(size))
    assert (response.status, response.headers["Upload-Offset"]) == (201, str(size))
    expect(server, response.headers["Location"], CREATED, COMPLETED)


def test_an_append_that_takes_its_time(server: Server) -> None:
    """Its lease is kept alive where the request's router says; two at once, with equal keys."""
    clients = [Client(server.port, X_Database=name, **FIELDS) for name in ("default", "other")]
    size = 300_000
    urls = [client.create(length=size) for client in clients]
    running = [
        client.begin_trickle(url, content(size), seconds=4.0)
        for client, url in zip(clients, urls, strict=True)
    ]
    assert [offset.result() for offset in running] == [size, size]
    expect(server, urls[1], CREATED, COMPLETED, database="other")


def test_a_final_upload_and_its_end(server: Server) -> None:
    client = Client(server.port, **FIELDS)
    url, body = client.concatenate(100 * 1024, 5)
    expect(server, url, CREATED, COMPLETED)
    assert client.download(url) == body
    assert client.ask("DELETE", url, TUS)[0].status == 204
    expect(server, url, CREATED, COMPLETED, TERMINATED)


def test_forms(server: Server) -> None:
    client = Client(server.port, X_Database="other", **FIELDS)
    for size in SIZES:
        said = client.send_form(size)
        expect(server, said["upload_id"], CREATED, database="other")


def test_nothing_stays_in_the_threads(server: Server) -> None:
    """What one request set is not there for the next."""
    Client(server.port, **FIELDS).upload(SIZES[1])
    url = Client(server.port, X_Test_User="bob").upload(SIZES[1])
    for seen in heard(server, url):
        assert (seen["crum"], seen["history"]) == ("bob", "bob")
        assert (seen["language"], seen["zone"]) == ("en", "UTC")
