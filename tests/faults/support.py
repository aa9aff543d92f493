"""What the fault tests share: a client for a server, and what is to be seen of its processes,
its rows and its folders from outside."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import pytest

from conformance.client import Client, sample
from conformance.target import Target
from conformance.wire import Connection, Response, TimedOut, WireError
from tests.support.servers import Server

KIB = 1024
MIB = 1024 * KIB
# Above every answer's bound that the rules name, so that a slow answer is told from none.
ANSWER_SECONDS = 30.0
# tusbridge's patience with a silent holder, and what a loaded machine adds.
TAKE_OVER_SECONDS = 30.0

T = TypeVar("T")

__all__ = ["sample"]


@contextmanager
def client_of(server: Server) -> Iterator[Client]:
    """A client; an answer that no fault excuses (500, say) fails the test."""
    with Client(Target(url=server.url, timeout_seconds=ANSWER_SECONDS)) as client:
        yield client
    assert not client.violations, client.violations[0]


def wait_for(find: Callable[[], T], what: str, seconds: float = 20.0, pause: float = 0.02) -> T:
    """What ``find`` gives once it is true; fails after so long."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(pause)
    return found


def kill(server: Server) -> None:
    """SIGKILL all processes, and wait until none is left."""
    pids = server.pids
    server.kill()
    wait_for(lambda: not any(map(is_running, pids)), "the end of all killed processes")


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with suppress(FileNotFoundError, ProcessLookupError):
        status = Path(f"/proc/{pid}/stat").read_text()
        return status.rpartition(")")[2].split()[0] not in "ZX"
    return False


def patch(
    client: Client, url: str, offset: int, body: bytes, passing: frozenset[int] = frozenset({423})
) -> Response:
    """A PATCH, again while it is refused for what passes: a killed holder's lease (423)."""
    deadline = time.monotonic() + TAKE_OVER_SECONDS
    while True:
        response = client.patch(url, offset, body)
        if response.status not in passing or time.monotonic() > deadline:
            return response


def finish(
    client: Client,
    url: str,
    content: bytes,
    acknowledged: int = 0,
    passing: frozenset[int] = frozenset({423}),
) -> None:
    """Go on from the HEAD's offset to the end; every byte has to be the one that was sent."""
    offset = offset_of(client, url, passing)
    assert offset >= acknowledged, f"{acknowledged} bytes were acknowledged, now there are {offset}"
    if offset < len(content):
        response = patch(client, url, offset, content[offset:], passing)
        assert response.status == 204, response
    assert offset_of(client, url, passing) == len(content)
    assert_content(client, url, content, passing)


def offset_of(
    client: Client, url: str, passing: frozenset[int] = frozenset(), seconds: float = 20.0
) -> int:
    """What HEAD tells; asked again while it answers with what passes."""

    def ask() -> Response | None:
        response = client.head(url)
        assert response.status == 200 or response.status in passing, response
        assert (response.status == 200) == ("Upload-Offset" in response.fields), response
        return response if response.status == 200 else None

    response = wait_for(ask, "HEAD with an offset", seconds)
    assert response is not None
    return int(response.fields.get("Upload-Offset") or 0)


def assert_content(
    client: Client, url: str, content: bytes, passing: frozenset[int] = frozenset()
) -> None:
    """GET gives exactly these bytes."""
    deadline = time.monotonic() + TAKE_OVER_SECONDS
    while (response := client.send("GET", url)).status in passing:
        assert time.monotonic() < deadline, response
    assert response.status == 200, response
    assert sha256(response.body).hexdigest() == sha256(content).hexdigest(), (
        f"{len(content)} bytes expected, {len(response.body)} came; "
        f"they differ from byte {first_difference(response.body, content)} on"
    )


def first_difference(got: bytes, expected: bytes) -> int:
    """Where two contents begin to differ."""
    pairs = enumerate(zip(got, expected, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(got), len(expected)))


def answer_of(client: Client, connection: Connection, seconds: float) -> Response | None:
    """The answer to what was sent; None where the server ended the connection without one."""
    try:
        return client.read(connection, seconds)
    except TimedOut as error:
        pytest.fail(f"no answer within {seconds} s: {error}")
    except WireError:
        return None


def is_refused_for_now(response: Response) -> bool:
    """503 that says when to come again (R12)."""
    return response.status == 503 and (response.fields.get("Retry-After") or "").isdigit()


def error_code(response: Response) -> str:
    """The stable code before the colon of an error's text."""
    return response.body.decode().partition(":")[0]


def id_of(url: str) -> str:
    """The upload's id, the last segment of its URL."""
    return url.rpartition("/")[2]


def rows(database: Path, where: str = "1", *values: Any) -> list[dict[str, Any]]:
    """Rows of uploads in a server's SQLite database."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute(f"SELECT * FROM tusbridge_upload WHERE {where}", values)
        return [dict(row) for row in found]


def files_of(place: Path, url: str) -> list[Path]:
    """Whatever lies below a folder with the upload's id in its name."""
    return [path for path in place.rglob(f"*{id_of(url)}*") if path.is_file()]
