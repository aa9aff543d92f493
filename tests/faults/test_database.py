"""R12: a database that is away or locked is told as 503 or 423, soon, and costs no byte."""

import base64
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest

from conformance.client import Client
from conformance.wire import Connection, Response
from tests.faults import support
from tests.faults.support import MIB, client_of, is_refused_for_now, sample
from tests.support.databases import POSTGRESQL, fresh_database, query
from tests.support.servers import Server, running

ANSWER_SECONDS = 10.0
LOCKED_SECONDS = 8.0
# Four tries of a commit, each with SQLite's patience of 5 s, and the waits between them.
LONGEST_COMMIT_SECONDS = 25.0
TERMINATIONS = 6
PIECE = 128 * 1024

# What a server may answer once for each connection that it had: the next request makes a new one.
PASSING = frozenset({423, 503})

content = sample(6 * MIB)

# Holds the lock until it is told to end, or for so long.
HOLD = """
import select, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
connection.execute("BEGIN " + sys.argv[2])
print("held", flush=True)
select.select([sys.stdin], [], [], float(sys.argv[3]))
connection.execute("ROLLBACK")
connection.close()
"""


class PostgreSQL:
    """The server's database, as its administrator sees it."""

    def __init__(self, url: str) -> None:
        self.name = url.rpartition("/")[2]

    def terminate(self) -> int:
        """End all connections to it; how many there were."""
        found = query(
            POSTGRESQL,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            f"WHERE datname = '{self.name}'",
        )
        return int(found)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody gets in."""
        self._allow("false")
        try:
            self.terminate()
            yield
        finally:
            self._allow("true")

    def _allow(self, value: str) -> None:
        query(POSTGRESQL, f"ALTER DATABASE {self.name} WITH ALLOW_CONNECTIONS {value}")


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[tuple[Server, Client, PostgreSQL]]:
    with (
        fresh_database("postgresql") as url,
        running("serve", tmp_path, database_url=url) as server,
        client_of(server) as client,
    ):
        yield server, client, PostgreSQL(url)


@pytest.mark.service
def test_r12_postgresql_backends_end_in_mid_patch(
    postgresql: tuple[Server, Client, PostgreSQL],
) -> None:
    """R12, R4: connections cut under a PATCH: 204, or 503 with Retry-After; nothing is lost."""
    _, client, database = postgresql
    url = client.create(len(content))
    acknowledged = ended = refused = 0
    for number in range(TERMINATIONS):
        offset = support.offset_of(client, url, PASSING)
        assert offset >= acknowledged
        acknowledged = offset
        stop = min(offset + MIB - number, len(content))
        connection = client.start_patch(url, offset, stop - offset, b"")
        for at in range(offset, stop, PIECE):
            connection.send(content[at : min(at + PIECE, stop)])
            if at - offset in {2 * PIECE, 6 * PIECE}:
                told = support.offset_of(client, url, PASSING)
                assert told >= acknowledged
                acknowledged = told
                ended += database.terminate()
        response = client.read(connection, ANSWER_SECONDS)
        assert response.status == 204 or is_refused_for_now(response), response
        refused += response.status == 503
        if response.status == 204:
            acknowledged = int(response.fields.get("Upload-Offset") or 0)
            assert acknowledged == stop
    support.finish(client, url, content, acknowledged, PASSING)
    print(f"{ended} backends ended, {refused} of {TERMINATIONS} PATCHes refused")


@pytest.mark.service
def test_r12_postgresql_that_refuses_connections(
    postgresql: tuple[Server, Client, PostgreSQL],
) -> None:
    """R12: HEAD 423 without an offset, POST and PATCH 503, all with Retry-After and soon."""
    _, client, database = postgresql
    url = client.create(len(content))
    assert client.patch(url, 0, content[:MIB]).status == 204
    connection = client.start_patch(url, MIB, len(content) - MIB, content[MIB : 2 * MIB])
    acknowledged = client.wait_offset(url, 2 * MIB, 2 * MIB, within_seconds=10, each_seconds=5)
    with database.away():
        longest = max(_refusals(client, url))
        # the PATCH that was under way goes on as far as it can
        connection.send(content[2 * MIB :])
        begun = time.monotonic()
        response = client.read(connection, ANSWER_SECONDS)
        seconds = time.monotonic() - begun
        assert is_refused_for_now(response), response
    support.finish(client, url, content, acknowledged, PASSING)
    print(f"refused in {longest:.2f} s at most; the PATCH under way in {seconds:.2f} s")


@pytest.mark.service
def test_r12_postgresql_away_for_a_moment_in_mid_patch(
    postgresql: tuple[Server, Client, PostgreSQL],
) -> None:
    """R12: the commit is tried again; a short absence costs nothing at all, or is told as 503."""
    _, client, database = postgresql
    url = client.create(len(content))
    connection = client.start_patch(url, 0, len(content), content[:MIB])
    acknowledged = client.wait_offset(url, MIB, MIB, within_seconds=10, each_seconds=5)
    with database.away():
        connection.send(content[MIB:])
        # long enough for the last commit to have been tried once
        connection.readable(0.3)
    response = client.read(connection, ANSWER_SECONDS)
    assert response.status == 204 or is_refused_for_now(response), response
    if response.status == 204:
        acknowledged = len(content)
    support.finish(client, url, content, acknowledged, PASSING)
    print(f"after 0.3 s without a database: {response.status}")


@pytest.mark.service
def test_r12_postgresql_that_falls_silent(tmp_path: Path) -> None:
    """R12, R9: connections stand and nothing answers on them; requests end all the same."""
    with (
        fresh_database("postgresql") as direct,
        Forwarder(int(_place_of(direct).partition(":")[2] or 5432)) as way,
        running("serve", tmp_path, database_url=_through(direct, way.port)) as server,
        client_of(server) as client,
    ):
        url = client.create(len(content))
        assert client.patch(url, 0, content[:MIB]).status == 204
        with way.held():
            longest = max(_refusals(client, url))
        support.finish(client, url, content, MIB, PASSING)
    print(f"refused in {longest:.2f} s at most")


def _place_of(url: str) -> str:
    return url.rpartition("/")[0].rpartition("@")[2]


def _through(url: str, port: int) -> str:
    return url.replace(f"@{_place_of(url)}/", f"@127.0.0.1:{port}/")


class Forwarder:
    """Passes connections on to a port of this machine, until it holds everything back."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._may_pass = threading.Event()
        self._may_pass.set()
        self._is_over = False
        self._sockets: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over = True
        self._may_pass.set()
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for each in self._sockets:
            each.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing passes in either direction until the end of the block."""
        self._may_pass.clear()
        try:
            yield
        finally:
            self._may_pass.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets.append(far)
                for pair in ((near, far), (far, near)):
                    self._threads.append(threading.Thread(target=self._pass_on, args=pair))
                    self._threads[-1].start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._may_pass.wait()
                if self._is_over:
                    return
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _refusals(client: Client, url: str) -> Iterator[float]:
    """Ask for everything; the seconds that each refusal took."""
    asked = {
        "HEAD": lambda: client.head(url),
        "POST": lambda: client.post({"Upload-Length": "10"}),
        "PATCH": lambda: client.patch(url, MIB, content[MIB : MIB + 10]),
        "DELETE": lambda: client.delete(url),
        "GET": lambda: client.send("GET", url),
    }
    for method, ask in asked.items():
        begun = time.monotonic()
        response = ask()
        seconds = time.monotonic() - begun
        yield seconds
        assert seconds < ANSWER_SECONDS, f"{method} took {seconds:.1f} s"
        assert "Upload-Offset" not in response.fields, response
        assert (response.fields.get("Retry-After") or "").isdigit(), response
        assert response.status == (423 if method == "HEAD" else 503), response


@contextmanager
def _locked(
    database: Path, mode: str, seconds: float = LOCKED_SECONDS
) -> Iterator[subprocess.Popen[bytes]]:
    """Another process holds the database until the end of the block, and for so long at most."""
    command = [sys.executable, "-c", HOLD, str(database), mode, str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield holder
        finally:
            holder.communicate(b"end\n", timeout=seconds + 5)


@pytest.mark.parametrize("mode", ["EXCLUSIVE", "IMMEDIATE"])
def test_r12_sqlite_locked_for_8_seconds(tmp_path: Path, mode: str) -> None:
    """R12: HEAD 200 or 423, PATCH 204 or 503 in bounded time, POST 201 or 503; nothing is lost."""
    with running("serve", tmp_path) as server, client_of(server) as client:
        url = client.create(len(content))
        fresh = client.create(len(content))
        connection = client.start_patch(url, 0, len(content), content[:MIB])
        acknowledged = client.wait_offset(url, MIB, MIB, within_seconds=10, each_seconds=5)
        with _locked(server.place / "data" / "db.sqlite3", mode) as holder:
            connection.send(content[MIB:])
            begun = client.start_patch(fresh, 0, MIB, content[:MIB])
            seconds = [_head_while_locked(client, url, acknowledged)]
            seconds.append(_timed(lambda: client.post({"Upload-Length": "10"}), {201, 503}))
            holder.wait(LOCKED_SECONDS + 5)
        ended = _end(client, connection), _end(client, begun)
        support.finish(client, url, content, acknowledged)
        support.finish(client, fresh, content)
    print(f"{mode}: HEAD in {seconds[0]:.2f} s, POST in {seconds[1]:.2f} s, PATCHes {ended}")


@pytest.mark.slow
def test_r12_sqlite_locked_for_a_minute_ends_a_patch_in_bounded_time(tmp_path: Path) -> None:
    """R12: a commit is tried a few times and then given up, once."""
    with running("serve", tmp_path) as server, client_of(server) as client:
        url = client.create(len(content))
        connection = client.start_patch(url, 0, len(content), content[:MIB])
        acknowledged = client.wait_offset(url, MIB, MIB, within_seconds=10, each_seconds=5)
        with _locked(server.place / "data" / "db.sqlite3", "IMMEDIATE", 60):
            connection.send(content[MIB:])
            begun = time.monotonic()
            response = client.read(connection, 55)
            seconds = time.monotonic() - begun
            assert is_refused_for_now(response), response
        support.finish(client, url, content, acknowledged)
    assert seconds < LONGEST_COMMIT_SECONDS


def _head_while_locked(client: Client, url: str, acknowledged: int) -> float:
    begun = time.monotonic()
    response = client.head(url)
    assert response.status in {200, 423}, response
    if response.status == 200:
        assert int(response.fields.get("Upload-Offset") or 0) >= acknowledged
    return time.monotonic() - begun


def _timed(ask: Callable[[], Response], allowed: set[int]) -> float:
    begun = time.monotonic()
    response = ask()
    assert response.status in allowed, response
    assert response.status != 503 or is_refused_for_now(response), response
    seconds = time.monotonic() - begun
    assert seconds < ANSWER_SECONDS
    return seconds


def _end(client: Client, connection: Connection) -> int:
    response = client.read(connection, ANSWER_SECONDS)
    assert response.status == 204 or is_refused_for_now(response), response
    return response.status


@pytest.mark.service
@pytest.mark.parametrize(
    ("charset", "stored"),
    [("utf8mb3", "photo%20%EF%BF%BD%20h%C3%A4user.png"), ("latin1", "photo%20_%20h%C3%A4user.png")],
)
def test_r21_mariadb_with_fewer_characters_takes_any_name(
    tmp_path: Path, charset: str, stored: str
) -> None:
    """Its old ``utf8``: a name with an emoji was a database that is away, again and again."""
    name = "photo \U0001f600 h\u00e4user.png"
    metadata = f"filename {base64.b64encode(name.encode()).decode()}"
    with fresh_database("mariadb") as url:
        query(url, f"ALTER DATABASE {url.rpartition('/')[2]} CHARACTER SET {charset}")
        with (
            running("serve", tmp_path, database_url=url) as server,
            client_of(server) as client,
        ):
            done = client.create_complete(b"done", {"Upload-Metadata": metadata})
            part = client.create_complete(b"part", {"Upload-Concat": "partial"})
            concat = f"final;/files/{support.id_of(part)}"
            final = client.location(
                client.post({"Upload-Concat": concat, "Upload-Metadata": metadata})
            )
            for made, wanted in ((done, b"done"), (final, b"part")):
                assert client.head(made).fields.get("Upload-Metadata") == metadata
                support.assert_content(client, made, wanted)
                told = client.send("GET", made).fields.get("Content-Disposition") or ""
                assert stored in told
