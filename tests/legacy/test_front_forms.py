"""Forms over sockets: slow, silent, broken off, refused; and a server that stops meanwhile."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.faults.support import wait_for
from tests.legacy.form_client import FormClient, Reply
from tests.support.servers import KINDS, Server, running

READ_TIMEOUT = 2
CONTENT = bytes(range(256)) * 4096


@pytest.fixture(scope="module", params=KINDS)
def server(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp(request.param)
    options = {"READ_TIMEOUT": READ_TIMEOUT, "DURABILITY": "process"}
    with running(request.param, place, options=options) as started:
        yield started


@pytest.fixture
def client(server: Server) -> FormClient:
    return FormClient(server.url.replace("/files/", "/legacy/"))


def partial_files(server: Server) -> set[str]:
    """What lies where unfinished bytes do."""
    folders = [*server.place.glob("*.partial"), *server.place.glob("*/*.partial")]
    found = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    return {file.name for file in found}


def begun(client: FormClient, size: int = 1000) -> str:
    """An upload with its first bytes."""
    reply = client.chunk(CONTENT[:size], (0, len(CONTENT)))
    assert reply.status == 200, reply
    assert reply.fields["range"] == f"bytes=0-{size - 1}"
    return str(reply.data["upload_id"])


def test_a_chunk_that_breaks_off_leaves_the_offset_where_it_was(
    server: Server, client: FormClient
) -> None:
    upload_id = begun(client)
    connection, body = client.begin(CONTENT[1000:], (1000, len(CONTENT)), upload_id)
    with closing(connection):
        connection.sendall(body[: len(body) // 2])
    assert client.offset(upload_id) == 1000
    reply = client.chunk(CONTENT[1000:], (1000, len(CONTENT)), upload_id)
    assert reply.status == 200, reply
    assert client.complete(upload_id, CONTENT).status == 200


def test_a_first_chunk_that_breaks_off_leaves_nothing(server: Server, client: FormClient) -> None:
    before = partial_files(server)
    connection, body = client.begin(CONTENT, (0, len(CONTENT)))
    with closing(connection):
        connection.sendall(body[:-10])
        wait_for(lambda: partial_files(server) - before, "the bytes on the disk")
    wait_for(lambda: partial_files(server) <= before, "that they are gone again")


def test_r6_a_short_body_without_a_range_is_no_whole_file(
    server: Server, client: FormClient
) -> None:
    before = partial_files(server)
    connection, body = client.begin(CONTENT)
    with closing(connection):
        connection.sendall(body[:-1000])
    wait_for(lambda: partial_files(server) <= before, "that nothing is left")


def test_r54_a_silent_client_is_let_go(server: Server, client: FormClient) -> None:
    upload_id = begun(client)
    connection, body = client.begin(CONTENT[1000:], (1000, len(CONTENT)), upload_id)
    with closing(connection):
        connection.sendall(body[:5000])
        started = time.monotonic()
        reply = client.read(connection)
    assert time.monotonic() - started < READ_TIMEOUT + 8
    assert reply.status == 503, reply
    assert client.offset(upload_id) == 1000


def test_a_slow_chunk_comes_whole_and_holds_nobody_up(server: Server, client: FormClient) -> None:
    upload_id = begun(client)
    connection, body = client.begin(CONTENT[1000:50_000], (1000, len(CONTENT)), upload_id)
    with closing(connection):
        for at in range(0, len(body), 10_000):
            connection.sendall(body[at : at + 10_000])
            # beside it everybody else goes on
            assert begun(client, 10)
        reply = client.read(connection)
    assert reply.status == 200, reply
    assert client.offset(upload_id) == 50_000


def test_a_refused_chunk_is_read_to_its_end(server: Server, client: FormClient) -> None:
    """A browser reads no answer before it has sent all."""
    upload_id = begun(client)
    big = os.urandom(8 * 1024 * 1024)
    reply = client.chunk(big, (5, len(big) + 5), upload_id)
    assert (reply.status, reply.data["offset"]) == (400, 1000)


def test_more_bytes_than_the_range_says_are_refused(server: Server, client: FormClient) -> None:
    upload_id = begun(client)
    connection, body = client.begin(
        CONTENT[1000:9000], None, upload_id, "Content-Range: bytes 1000-1999/9000\r\n"
    )
    with closing(connection):
        connection.sendall(body)
        reply = client.read(connection)
    assert (reply.status, reply.data["detail"]) == (400, "File size doesn't match headers")
    assert client.offset(upload_id) == 1000


def test_whoever_waits_for_100_continue_gets_it(server: Server, client: FormClient) -> None:
    connection, body = client.begin(CONTENT, None, "", "Expect: 100-continue\r\n")
    with closing(connection):
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        reply: Reply = client.read(connection)
    assert reply.status == 200, reply


@pytest.mark.parametrize("kind", KINDS)
def test_r13_a_server_that_stops_drops_a_chunk_that_is_not_whole(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path, options={"DURABILITY": "process"}) as server:
        client = FormClient(server.url.replace("/files/", "/legacy/"))
        upload_id = begun(client)
        connection, body = client.begin(CONTENT[1000:], (1000, len(CONTENT)), upload_id)
        with closing(connection), ThreadPoolExecutor(1) as pool:
            connection.sendall(body[: len(body) // 2])
            stopping = pool.submit(server.stop)
            # gunicorn ends without an answer
            with suppress(OSError):
                assert client.read(connection).status == 503
            connection.close()
            assert stopping.result() < 12
        server.start()
        assert client.offset(upload_id) == 1000
        reply = client.chunk(CONTENT[1000:], (1000, len(CONTENT)), upload_id)
        assert reply.status == 200, reply
        assert client.complete(upload_id, CONTENT).status == 200
