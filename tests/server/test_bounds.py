"""What clients without a token may cost: bodies for pages, forms that trickle, downloads that
nothing takes, names that are made up. On real servers, with limits of seconds."""

import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from conformance.wire import Response
from tests.faults.support import client_of, wait_for
from tests.legacy.form_client import BOUNDARY
from tests.rules.places import data_of, finished
from tests.support.servers import Server, running

READ_TIMEOUT = 2
RATE = 100
PAGE_MAX = 64 * 1024
FORMS, SHARE = 8, 2
OPTIONS = {
    "READ_TIMEOUT": READ_TIMEOUT,
    "DURABILITY": "process",
    "MIN_BODY_RATE": RATE,
    "PAGE_MAX_BODY": PAGE_MAX,
    "MAX_FORMS": FORMS,
    "CLIENT_MAX_FORMS": SHARE,
}
MIB = 1024 * 1024
HUGE = 2**36
FILE_HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
).encode()
PAGES = ["/healthz", "/", "/docs", "/admin/login/", "/no/such/page"]


@pytest.fixture(scope="module", params=["serve", "uvicorn"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    place = tmp_path_factory.mktemp(request.param)
    with running(request.param, place, options=OPTIONS) as started:
        yield started


def send(server: Server, head: str, source: str = "127.0.0.1") -> socket.socket:
    """A connection, from that address of this machine, on which a head was sent."""
    made = socket.create_connection(("127.0.0.1", server.port), 20, (source, 0))
    made.sendall(f"{head}\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return made


def answer(connection: socket.socket) -> tuple[int, str]:
    """Status and text; the connection is read until it is closed."""
    with closing(connection), connection.makefile("rb") as stream:
        text = stream.read().decode("latin-1")
    head, _, body = text.partition("\r\n\r\n")
    return int(head.split()[1]), body


def spooled(server: Server) -> int:
    """Bytes of files that the server's processes have open and that have no name."""
    found = 0
    for pid in server.pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                if os.readlink(entry).endswith("(deleted)"):
                    found += entry.stat().st_size
            except OSError:
                continue
    return found


# -- bodies for pages


@pytest.mark.parametrize("path", PAGES)
def test_a_body_for_a_page_has_a_bound_by_its_own_word(server: Server, path: str) -> None:
    connection = send(server, f"POST {path} HTTP/1.1\r\nContent-Length: {10**15}")
    status, text = answer(connection)
    assert (status, text) == (413, f"too-large: a page takes at most {PAGE_MAX} bytes\n")


@pytest.mark.parametrize("path", PAGES[3:])
def test_a_body_without_a_length_has_it_too(server: Server, path: str) -> None:
    connection = send(server, f"POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked")
    with pytest.raises(OSError, match=r"reset|pipe"):  # noqa: PT012 it is sent until it ends
        for _ in range(20_000):
            connection.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")
    assert spooled(server) <= PAGE_MAX
    connection.close()


@pytest.mark.parametrize(
    ("path", "is_trickle"), [("/healthz", False), ("/admin/login/", True), ("/no/such/page", True)]
)
def test_a_body_for_a_page_has_its_time(server: Server, path: str, is_trickle: bool) -> None:
    """Silent, or with a byte now and then."""
    connection = send(server, f"POST {path} HTTP/1.1\r\nContent-Length: 1000")
    started = time.monotonic()
    while not is_answered(connection):
        assert time.monotonic() - started < 20, "the body is waited for without end"
        if is_trickle:
            connection.sendall(b"x")
        time.sleep(0.5)
    connection.settimeout(20)
    status, text = answer(connection)
    assert (status, text.partition(":")[0]) == (408, "body-timeout")


def test_a_form_for_a_page_still_gets_there(server: Server) -> None:
    body = "a=" + "x" * (PAGE_MAX - 2)
    connection = send(
        server,
        "POST /no/such/page HTTP/1.1\r\nConnection: close\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=nope\r\n"
        f"Content-Length: {len(body)}",
    )
    connection.sendall(body.encode())
    assert answer(connection)[0] == 404


# -- forms


def form(server: Server, source: str, path: str = "/legacy/upload/") -> socket.socket:
    """A form whose body trickles; the head of its file has come."""
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
    connection = send(server, f"POST {path} HTTP/1.1\r\n{kind}\r\nContent-Length: 100000", source)
    connection.sendall(FILE_HEAD)
    return connection


def is_answered(connection: socket.socket) -> bool:
    connection.settimeout(0)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


def test_forms_that_trickle_end_and_leave_places_to_others(server: Server) -> None:
    """One address gets its share and no more, and another one a place beside it; OPTIONS is
    answered in any case. Honest forms come in between."""
    with ExitStack() as stack:
        forms = [stack.enter_context(closing(form(server, "127.0.0.2"))) for _ in range(3 * FORMS)]
        crowd = [
            stack.enter_context(closing(form(server, f"127.0.1.{number}")))
            for number in range(3, 3 + 2 * FORMS)
        ]
        time.sleep(0.3)
        assert answer(options(server, "127.0.0.2"))[0] == 200
        alone = stack.enter_context(closing(chunk(server, "127.0.0.9")))
        for connection in [*forms, *crowd]:
            trickle = wait_for(lambda one=connection: is_answered(one), "an answer", 30, 0.1)
            assert trickle
        statuses = [answer_soon(connection)[0] for connection in forms]
        assert 429 in statuses
        assert set(statuses) <= {429, 503}
        assert answer(alone)[0] in {200, 503}
    assert answer(chunk(server, "127.0.0.2"))[0] == 200


def answer_soon(connection: socket.socket) -> tuple[int, str]:
    connection.settimeout(20)
    try:
        return answer(connection)
    except ConnectionError:
        return 503, "reset"


def options(server: Server, source: str) -> socket.socket:
    return send(server, "OPTIONS /legacy/upload/ HTTP/1.1\r\nConnection: close", source)


def chunk(server: Server, source: str) -> socket.socket:
    body = FILE_HEAD + f"hello\r\n--{BOUNDARY}--\r\n".encode()
    connection = send(
        server,
        "POST /legacy/upload/ HTTP/1.1\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}",
        source,
    )
    connection.sendall(body)
    return connection


# -- appends


def test_an_append_that_trickles_ends_and_keeps_what_came(server: Server) -> None:
    with client_of(server) as client:
        url = client.create(10_000)
        with closing(client.start_patch(url, 0, 10_000, b"x")) as patch:
            sent = 1
            while not patch.readable(0.25):
                patch.send(b"x")
                sent += 1
                assert sent < 60, "the append is waited for without end"
            found: Response = patch.read_response(20)
        assert (found.status, found.body.partition(b":")[0]) == (503, b"body-timeout")
        assert sent - 3 <= client.offset(url) <= sent


def test_an_append_at_a_slow_but_honest_rate_goes_on(server: Server) -> None:
    with client_of(server) as client:
        url = client.create(1500)
        with closing(client.start_patch(url, 0, 1500, b"")) as patch:
            for _ in range(10):
                patch.send(bytes(150))
                time.sleep(0.5)
            assert patch.read_response(20).status == 204
        client.expect_offset(url, 1500)


# -- downloads


@pytest.fixture
def huge(server: Server) -> Iterator[str]:
    """The path of a finished upload of 64 GiB, all of it a hole."""
    with client_of(server) as client:
        url = client.create_complete(b"x")
        upload_id = url.rpartition("/")[2]
        os.truncate(finished(server) / "uploads" / upload_id[:2] / upload_id, HUGE)
        with closing(sqlite3.connect(data_of(server) / "db.sqlite3", timeout=20)) as connection:
            connection.execute(
                "UPDATE tusbridge_upload SET offset = ?, length = ? WHERE upload_id = ?",
                (HUGE, HUGE, upload_id),
            )
            connection.commit()
        yield f"/files/{upload_id}"
        client.delete(url)


def is_connected(server: Server, connection: socket.socket) -> bool:
    """Whether the server has its end of the connection still, by the kernel's table."""
    port = f":{connection.getsockname()[1]:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    states = [line.split()[3] for line in lines if line.split()[2].endswith(port)]
    return "01" in states


@pytest.mark.parametrize("taken", [0, 8 * MIB], ids=["nothing", "some"])
def test_r54_a_download_that_nothing_takes_costs_little_and_ends_with_its_connection(
    server: Server, huge: str, taken: int
) -> None:
    before = server.memory()
    count = 30
    with ExitStack() as stack:
        silent = []
        for _ in range(count):
            connection = stack.enter_context(closing(send(server, f"GET {huge} HTTP/1.1")))
            left = taken
            while left > 0:
                left -= len(connection.recv(min(left, MIB)))
            silent.append(connection)
        most = 0
        for connection in silent:
            while is_connected(server, connection):
                most = max(most, server.memory() - before)
                time.sleep(0.1)
                assert most < 4 * MIB * count
    assert most < 4 * MIB * count


# -- what a process remembers


def test_names_that_clients_make_up_are_not_remembered(server: Server) -> None:
    """Paths with one character beyond Latin-1 take four bytes for each, where they are kept."""
    emoji = "%F0%9F%98%80"

    def ask(number: int) -> None:
        path = f"/files/{number:06}{emoji}{'a' * 60_000}"
        with closing(send(server, f"GET {path} HTTP/1.1\r\nConnection: close")) as connection:
            while connection.recv(MIB):
                pass

    for number in range(20):
        ask(number)
    before = server.memory()
    for number in range(20, 140):
        ask(number)
    assert server.memory() - before < 24 * MIB
