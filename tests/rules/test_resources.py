"""R9, R54, R55, R56, R57: what slow, silent and greedy clients, and many uploads, may cost."""

import asyncio
import fcntl
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from conformance.client import Client
from tests.crowd.wire import Wire, head, run
from tests.faults.support import client_of, wait_for
from tests.rules.places import data_of, finished, lock_of, rows, unfinished
from tests.rules.raw import HEAD, exchange, path_of
from tests.support.servers import Server, running

# -- R9: locks


@contextmanager
def locked(server: Server, url: str) -> Iterator[None]:
    """The upload's file lock is held by somebody who does not let go: a process that was stopped
    in mid-write."""
    fd = os.open(lock_of(server, url.rpartition("/")[2]), os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def test_r9_locks_that_others_hold_stop_nobody_else_and_no_one_for_ever(
    server: Server, client: Client
) -> None:
    """More uploads than there are threads find their lock held; all get on within seconds, and
    whoever has nothing to do with it does not notice."""
    urls = [client.create(10) for _ in range(6)]
    for url in urls:
        assert client.patch(url, 0, b"hel").status == 204
        assert client.patch(url, 3, b"lo").status == 204
    other = client.create(10)

    def append(url: str) -> int:
        with client_of(server) as own:
            return own.patch(url, 5, b"world").status

    with ThreadPoolExecutor(len(urls)) as pool:
        with contextmanager(_all_locked)(server, urls):
            running_appends = [pool.submit(append, url) for url in urls]
            waits = []
            while not all(one.done() for one in running_appends):
                started = time.monotonic()
                assert client.head(other).status == 200
                waits.append(time.monotonic() - started)
                assert sum(waits) < 30, "a lock is waited for without end"
        assert [one.result() for one in running_appends] == [204] * len(urls)
    # the lock's patience is a second: whoever waited for it in an event loop took that long
    assert sorted(waits)[len(waits) // 2] < 0.5
    for url in urls:
        client.expect_content(url, b"helloworld")


def _all_locked(server: Server, urls: list[str]) -> Iterator[None]:

    with ExitStack() as stack:
        for url in urls:
            stack.enter_context(locked(server, url))
        yield


def test_r9_a_database_that_is_locked_stops_no_reader(server: Server, client: Client) -> None:
    """Writers wait for it, in threads; HEAD is answered beside them."""
    url, other = client.create(10), client.create(10)
    database = data_of(server) / "db.sqlite3"
    with (
        ThreadPoolExecutor(1) as pool,
        closing(sqlite3.connect(database, isolation_level=None)) as connection,
    ):
        connection.execute("BEGIN IMMEDIATE")
        try:
            appending = pool.submit(_append, server, url)
            waits = []
            while sum(waits) < 1.5 and not appending.done():
                started = time.monotonic()
                assert client.head(other).status == 200
                waits.append(time.monotonic() - started)
        finally:
            connection.execute("ROLLBACK")
        assert appending.result() in {204, 503}
    assert sorted(waits)[len(waits) // 2] < 0.5


def _append(server: Server, url: str) -> int:
    with client_of(server) as own:
        return own.patch(url, 0, b"helloworld").status


# -- R54: slow and silent clients


def test_r54_half_a_head_is_let_go(shared_server: Callable[[str], Server]) -> None:
    """Whether nothing comes, or something, or nothing more after an answer. Ours does; uvicorn
    waits for a first head without end, at the cost of a socket; gunicorn, of a thread."""
    server = shared_server("serve")

    async def be_silent(first: bytes) -> None:
        async with Wire(server.port) as wire:
            await wire.send(first)
            await wire.wait_until_closed()

    async def all_of_them() -> None:
        whole = b"OPTIONS /files/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        starts = [b"", b"P", b"PRI", b"\r\n", whole[:30], whole[:-2], whole, whole + whole[:9]]
        async with asyncio.timeout(20):
            await asyncio.gather(*(be_silent(start) for start in starts * 5))

    run(all_of_them())


HUGE = 2**36


@pytest.fixture
def huge(server: Server, client: Client) -> str:
    """A finished upload of 64 GiB, all of it a hole: reading it takes longer than any test."""
    url = client.create_complete(b"x")
    upload_id = url.rpartition("/")[2]
    os.truncate(file_of(server, url), HUGE)
    with closing(sqlite3.connect(data_of(server) / "db.sqlite3", timeout=20)) as connection:
        connection.execute(
            "UPDATE tusbridge_upload SET offset = ?, length = ? WHERE upload_id = ?",
            (HUGE, HUGE, upload_id),
        )
        connection.commit()
    return url


def file_of(server: Server, url: str) -> Path:
    upload_id = url.rpartition("/")[2]
    return finished(server) / "uploads" / upload_id[:2] / upload_id


def readers(server: Server, url: str) -> int:
    """How often the server has the finished file open."""
    path = file_of(server, url)
    found = 0
    for pid in server.pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found += os.path.samefile(entry, path)
            except OSError:
                continue  # closed in the meantime
    return found


@pytest.mark.parametrize("end", ["fin", "reset"])
def test_r54_a_download_whose_client_has_left_is_not_read_on(
    server: Server, client: Client, huge: str, end: str
) -> None:
    connections = []
    for _ in range(5):
        connection = client.start("GET", huge, {"Tus-Resumable": None})
        connections.append(connection)
        wait_for(lambda connection=connection: connection.readable(1), "the first bytes")
    assert readers(server, huge) == 5
    for connection in connections:
        if end == "reset":
            connection.reset()
        else:
            connection.close()
    wait_for(lambda: not readers(server, huge), "the file to be let go")
    client.delete(huge)


@pytest.mark.parametrize("server", ["serve", "uvicorn"], indirect=True)
def test_r54_a_download_that_nobody_takes_is_let_go(
    server: Server, client: Client, huge: str
) -> None:
    """A client that reads nothing holds a buffer, and for the read time-out only. Under gunicorn it
    is the server that waits, in a thread that no application can call back."""
    with closing(client.start("GET", huge, {"Tus-Resumable": None})) as connection:
        wait_for(lambda: readers(server, huge), "the download to begin")
        wait_for(lambda: not readers(server, huge), "the file to be let go")
        assert connection.readable(0)
    client.delete(huge)


def test_r54_slow_heads_beside_a_download_and_an_upload_cost_no_thread(
    shared_server: Callable[[str], Server],
) -> None:
    """Many more connections than threads: half heads, and bodies of which nothing comes."""
    server = shared_server("serve")
    content = os.urandom(2**20)
    with client_of(server) as client:
        silent = []
        for number in range(60):
            wire = socket.create_connection(("127.0.0.1", server.port), timeout=20)
            silent.append(wire)
            if number % 2:
                wire.sendall(b"PATCH /files/x HTTP/1.1\r\nHost: x\r\n")
            else:
                path = path_of(client.create(10)).decode()
                wire.sendall(head("PATCH", path, "Upload-Offset: 0\r\n", 10))
        started = time.monotonic()
        url = client.create_complete(content)
        client.expect_content(url, content)
        assert time.monotonic() - started < 5
        for wire in silent:
            wire.close()


# -- R55: inodes


def test_r55_a_finished_upload_is_one_file(server: Server, client: Client) -> None:
    """None before its first byte, one while it grows, and the file of its lock if it grew more than
    once; then one, and after its end none. Folders are shared."""
    content = b"helloworld"
    url = client.create(len(content))
    assert not of(server, url)
    for offset, until in ((0, 3), (3, 5)):
        assert client.patch(url, offset, content[offset:until]).status == 204
        assert of(server, url)
    assert len(of(server, url)) == 2
    assert client.patch(url, 5, content[5:]).status == 204
    assert of(server, url) == [file_of(server, url)]
    part = client.create_complete(content, {"Upload-Concat": "partial"})
    path = path_of(part).decode()
    final = client.location(client.post({"Upload-Concat": f"final;{' '.join([path] * 20)}"}))
    client.expect_content(final, content * 20)
    assert of(server, final) == [file_of(server, final)]
    for each in (url, part, final):
        client.delete(each)
        assert not of(server, each)


def of(server: Server, url: str) -> list[Path]:
    """All files of an upload."""
    upload_id = url.rpartition("/")[2]
    folders = (finished(server), unfinished(server))
    return [path for folder in folders for path in folder.rglob(f"*{upload_id}*")]


# -- R56: sizes of heads


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        pytest.param("/files/" + "a" * 600_000, "", id="url"),
        pytest.param("/files/?" + "q" * 600_000, "", id="query"),
        pytest.param(
            "/files/", f"Upload-Metadata: k {'QUFB' * 23_000}\r\n", id="90-kib-of-metadata"
        ),
        pytest.param("/files/", f"X-Large: {'x' * 600_000}\r\n", id="field"),
        pytest.param(
            "/files/", "".join(f"X-{n}: {'y' * 900}\r\n" for n in range(600)), id="fields"
        ),
        pytest.param("/files/", f"Upload-Concat: final;{' /files/x' * 10_000}\r\n", id="list"),
        pytest.param("/files/", f"Upload-Checksum: sha1 {'A' * 600_000}\r\n", id="checksum"),
    ],
)
def test_r56_a_head_has_its_bounds(server: Server, client: Client, line: str, fields: str) -> None:
    """400, 414 or 431, or the connection is closed on a client that goes on sending; nothing is
    made. The HTTP servers bound a head as a whole; fields of ours have bounds of their own."""
    before = len(rows(server))
    start = f"POST {line} HTTP/1.1\r\n{HEAD.decode()}Connection: close\r\n{fields}"
    if "Concat" not in fields:
        start += "Upload-Length: 1\r\n"
    found = exchange(server, f"{start}\r\n".encode())
    assert found.is_closed
    assert set(found.statuses) <= {400, 414, 431}, found
    assert len(rows(server)) == before
    assert client.post({"Upload-Length": "1"}).status == 201


# -- R57: starting

UPLOADS = 20_000
# Of these, as many have bytes; a file each is what would be looked at.
FILES = 3_000
# Runs in every Python that the server starts, and notes down which folders are listed and what is
# asked of the database.
HOOK = """
import os, sys
log = os.open(os.environ["RULES_HOOK_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
def note(kind, text):
    os.write(log, (kind + " " + " ".join(str(text).split()) + "\\n").encode(errors="replace"))
def hook(event, arguments):
    if event in ("os.listdir", "os.scandir"):
        note("list", arguments[0])
    elif event == "import" and arguments[0] == "sqlite3":
        watch_sqlite()
def watch_sqlite():
    import _sqlite3
    class Watched(_sqlite3.Connection):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.set_trace_callback(lambda text: note("sql", text))
    connect = _sqlite3.connect
    _sqlite3.connect = lambda *arguments, **options: connect(
        *arguments, **{"factory": Watched, **options}
    )
sys.addaudithook(hook)
"""


def test_r57_nothing_is_looked_through_at_start(tmp_path: Path) -> None:
    """However many uploads there are: no folder of files is listed, and no statement goes through
    the table."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(HOOK)
    log = tmp_path / "hook.log"
    with running("serve", tmp_path / "server") as server:
        with client_of(server) as client:
            url = client.create(10)
            assert client.patch(url, 0, b"hello").status == 204
        server.stop()
        _fill(server)
        server.environ |= {"PYTHONPATH": str(hooks), "RULES_HOOK_LOG": str(log)}
        server.start()
        with client_of(server) as client:
            client.expect_offset(url, 5)
        lines = wait_for(lambda: _with_sweep(log), "the first sweep")
    listed = [line for line in lines if line.startswith(f"list {data_of(server)}/files")]
    assert not listed, listed[:5]
    statements = {line[4:] for line in lines if line.startswith("sql ")}
    with closing(sqlite3.connect(data_of(server) / "db.sqlite3")) as connection:
        for text in statements:
            if "tusbridge_upload" in text and text.startswith(("SELECT", "UPDATE", "DELETE")):
                plan = connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()
                assert not [row for row in plan if row[3] == "SCAN tusbridge_upload"], text


def _with_sweep(log: Path) -> list[str]:
    """All lines, once something was asked about expired uploads."""
    lines = log.read_text().splitlines()
    return lines if any("expires_at" in line and "<=" in line for line in lines) else []


def _fill(server: Server) -> None:
    """Rows and files as that many uploads leave them."""
    columns = "upload_id, length, offset, status, file, filename, content_type, metadata, protocol"
    columns += ", completes_itself, concat, created_on, storage_alias, store_state, expires_at"
    ids = [f"{number:032x}" for number in range(UPLOADS)]
    now, later = "2026-01-01 00:00:00", "2126-01-01 00:00:00"
    common = ("x", "", "", "", "tus", 1, "", now, "default", "{}")
    values = [
        (upload_id, 10, 10, 2, *common, None)
        if number % 4
        else (upload_id, 10, 5, 1, *common, later)
        for number, upload_id in enumerate(ids)
    ]
    marks = ", ".join("?" * len(values[0]))
    with closing(sqlite3.connect(data_of(server) / "db.sqlite3")) as connection:
        connection.executemany(f"INSERT INTO tusbridge_upload ({columns}) VALUES ({marks})", values)
        connection.commit()
    for upload_id in ids[:FILES]:
        folder = unfinished(server) / upload_id[-2:]
        folder.mkdir(exist_ok=True)
        (folder / upload_id).touch()


def test_r57_the_hook_sees_what_it_should(tmp_path: Path) -> None:
    """A folder that is listed, and a statement, are noted down."""

    (tmp_path / "sitecustomize.py").write_text(HOOK)
    script = "import os, sqlite3; os.listdir('.'); sqlite3.connect(':memory:').execute('SELECT 7')"
    environ = {"PYTHONPATH": str(tmp_path), "RULES_HOOK_LOG": str(tmp_path / "log")}
    subprocess.run([sys.executable, "-c", script], env=environ, check=True, timeout=60)
    lines = (tmp_path / "log").read_text().splitlines()
    assert "list ." in lines
    assert "sql SELECT 7" in lines
