"""What servers keep of uploads, measured: the table of docs/servers.md.

    python -m tests.server.table [--server gunicorn] [--markdown docs/servers/kept.md]

Each runs a site with tusbridge, and ``TusbridgeWSGI`` or ``TusbridgeASGI`` around it: once by
itself, once behind nginx with the example for it.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from conformance.client import Client
from conformance.target import Target
from conformance.wire import WireError
from tests.support.nginx import EXAMPLE, Nginx
from tests.support.servers import ROOT, running

NAMES = {
    "granian": "granian (`tusbridge serve`)",
    "uvicorn": "uvicorn",
    "gunicorn": "gunicorn, gthread",
    "gunicorn-sync": "gunicorn, sync (its default)",
    "uwsgi": "uWSGI",
    "waitress": "waitress",
    "daphne": "daphne",
}
_ASGI = {"granian", "uvicorn", "daphne"}
_GUNICORN_EXAMPLE = ROOT / "examples" / "nginx-gunicorn.conf"
_MIDDLEWARE = ("tests.site.readers.reads_as_told",)
# Bytes of a PATCH, and of those that come before it breaks off.
_LENGTH = 1_000_000
_SENT = 300_000
_REFUSED = 2 * 1024 * 1024
# Seconds for an answer that is a matter of milliseconds, and after which an offset stands still.
_ANSWER_SECONDS = 3.0
_STILL_SECONDS = 1.0
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Row:
    """One server's behaviour, in the words of the table."""

    closed: str
    reset: str
    refused: str
    readers: str
    beside: str


HEADINGS = (
    "kept when the client closes",
    "kept when it is reset",
    "next request behind a refused body",
    "with middleware that reads bodies",
    "other requests beside a slow upload",
)
assert len(HEADINGS) == len(fields(Row))


@contextmanager
def site(kind: str, place: Path, *, proxied: bool) -> Iterator[str]:
    """The URL of uploads on a running site."""
    # a chunk's fsync is not what is measured
    options = {"DURABILITY": "process", "READ_TIMEOUT": 10}
    with running(kind, place, options=options, middleware=_MIDDLEWARE, may_stumble=True) as server:
        if not proxied:
            yield server.url
            return
        example = EXAMPLE if kind in _ASGI else _GUNICORN_EXAMPLE
        with Nginx(place / "nginx", server.port, example.read_text()) as nginx:
            yield nginx.url


def measure(url: str) -> Row:
    """All of it at one site."""
    with Client(Target(url=url, timeout_seconds=_TIMEOUT_SECONDS)) as client:
        return Row(
            closed=_in_words(_kept(client, is_reset=False)),
            reset=_in_words(_kept(client, is_reset=True)),
            refused=_behind_a_refusal(client),
            readers=_with_readers(client),
            beside=_beside_a_slow_one(client),
        )


def _kept(client: Client, *, is_reset: bool) -> int:
    """Bytes kept of a PATCH that breaks off."""
    url = client.create(_LENGTH)
    connection = client.start_patch(url, 0, _LENGTH, bytes(_SENT))
    # the server has what was sent before it hears of the end, as over any distance
    time.sleep(0.5)
    if is_reset:
        connection.reset()
    else:
        connection.close()
    return _still(client, url)


def _still(client: Client, url: str) -> int:
    """The offset, once it moves no more."""
    offset, since = -1, time.monotonic()
    while time.monotonic() - since < _STILL_SECONDS:
        now = client.offset(url)
        if now != offset:
            offset, since = now, time.monotonic()
        time.sleep(0.1)
    return offset


def _in_words(kept: int) -> str:
    if kept in {0, _SENT}:
        return "all" if kept else "nothing"
    return "nearly all" if kept > 0.9 * _SENT else "a part"


def _behind_a_refusal(client: Client) -> str:
    """On the connection, or on what a proxy has kept of it."""
    change = {"Upload-Offset": "7", "Content-Type": "application/offset+octet-stream"}
    found = set()
    for _ in range(4):
        connection = client.start("PATCH", client.create(9), change, length=_REFUSED)
        try:
            connection.send(bytes(_REFUSED))
            answer = connection.read_response()
            if answer.fields.get("Connection") == "close":
                found.add("closed, and said so")
            else:
                connection.send(b"OPTIONS /files/ HTTP/1.1\r\nHost: a\r\n\r\n")
                status = connection.read_response().status
                found.add("answered" if status == 200 else str(status))
        except WireError:
            found.add("lost")
        finally:
            connection.close()
    return ", ".join(sorted(found))


def _with_readers(client: Client) -> str:
    """Whether uploads work that middleware asks for: short ones, and longer than Django holds."""
    found = []
    for length in (40, 3_000_000):
        url = client.create(length)
        response = client.patch(url, 0, bytes(length), {"X-Read": "body", "X-Read-After": "body"})
        found.append(response.status)
    return "works" if found == [204, 204] else " / ".join(map(str, found))


def _beside_a_slow_one(client: Client) -> str:
    """Whether others are answered while a client says nothing in mid-body."""
    connection = client.start_patch(client.create(_LENGTH), 0, _LENGTH, b"hello")
    time.sleep(0.5)
    port = int(client.target.url.split(":")[2].partition("/")[0])
    asked = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        with closing(asked), suppress(OSError, HTTPException):
            asked.request("OPTIONS", "/files/")
            if asked.getresponse().status == 200:
                return "answered"
        return "none until it ends"
    finally:
        connection.close()


def render(rows: dict[tuple[str, bool], Row]) -> str:
    """As a table of Markdown."""
    lines = [f"| | {' | '.join(HEADINGS)} |", "|---" * (len(HEADINGS) + 1) + "|"]
    for (kind, proxied), row in rows.items():
        name = f"{NAMES[kind]}{', behind nginx' if proxied else ''}"
        cells = [getattr(row, field.name) for field in fields(Row)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def row_of(table: str, kind: str, *, proxied: bool) -> Row:
    """What a rendered table says of a server."""
    name = f"{NAMES[kind]}{', behind nginx' if proxied else ''}"
    line = next(line for line in table.splitlines() if line.startswith(f"| {name} |"))
    return Row(*(cell.strip() for cell in line.strip("|").split("|")[1:]))


def main() -> None:
    """Measure, print, and write the file that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", action="append", choices=NAMES, help="only this one")
    parser.add_argument("--markdown", type=Path, help="the file to write")
    given = parser.parse_args()
    rows = {}
    for kind in given.server or NAMES:
        for proxied in (False, True):
            with (
                tempfile.TemporaryDirectory() as place,
                site(kind, Path(place), proxied=proxied) as url,
            ):
                rows[kind, proxied] = measure(url)
            print(kind, proxied, rows[kind, proxied], file=sys.stderr)
    table = render(rows)
    print(table)
    if given.markdown:
        given.markdown.write_text(table)


if __name__ == "__main__":
    main()
