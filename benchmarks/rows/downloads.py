"""Row 11: a whole upload comes back, and a hundred ranges of it; every byte is compared."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from benchmarks.answers import Answer
from benchmarks.content import MIB, agrees, small
from benchmarks.failures import Failed, NotOffered
from benchmarks.figures import CPU_MS, P50, P99, percentile
from benchmarks.rows.base import Row, Turn, Values, costs_beside, costs_of_bytes, part
from benchmarks.rows.uploads import append
from benchmarks.tus import appended
from benchmarks.wire import Client

RANGE_BYTES = MIB
# the same ranges for every server
_SEED = 11
_LINGER_SECONDS = 0.1


def whole(turn: Turn) -> Values:
    """Row 11, the whole."""
    with _lingering(turn) as client:
        _demand(turn, client, "", 200, "no downloads")
        path, length = _uploaded(turn)
        with turn.measured() as cost:
            answer, pieces = client.ask_for_pieces(turn.requests.plain("GET", path))
            _expect(answer, 200)
            _compare(pieces, 0, length)
    return costs_of_bytes(cost, length)


def ranges(turn: Turn) -> Values:
    """Row 11, in ranges of 1 MiB, one after the other by one connection."""
    numbers = random.Random(_SEED)
    with _lingering(turn) as client:
        _demand(turn, client, "", 200, "no downloads")
        _demand(turn, client, "Range: bytes=1-2\r\n", 206, "no ranges")
        path, length = _uploaded(turn)
        with turn.measured() as cost:
            times = [time.perf_counter()]
            for _ in range(turn.sizes.ranges):
                _one_range(turn, client, path, numbers.randrange(length - RANGE_BYTES), length)
                times.append(time.perf_counter())
    each = [after - before for before, after in pairwise(times)]
    return {
        P50: percentile(each, 50) * 1000,
        P99: percentile(each, 99) * 1000,
        CPU_MS: cost.cpu / len(each) * 1000,
        **costs_beside(cost),
    }


def _one_range(turn: Turn, client: Client, path: str, start: int, length: int) -> None:
    wanted = f"{start}-{start + RANGE_BYTES - 1}"
    request = turn.requests.plain("GET", path, f"Range: bytes={wanted}\r\n")
    answer, pieces = client.ask_for_pieces(request)
    _expect(answer, 206)
    found = answer.fields.get("content-range", "")
    if found != f"bytes {wanted}/{length}":
        raise Failed(f"answered bytes={wanted} with Content-Range {found[:60]!r}")
    _compare(pieces, start, RANGE_BYTES)


@contextmanager
def _lingering(turn: Turn) -> Iterator[Client]:
    """A connection that is not closed at once when the last byte has come: @tus/server 2.4.5 may
    crash of that, and this is not what is measured here."""
    with turn.client() as client:
        yield client
        time.sleep(_LINGER_SECONDS)


def _demand(turn: Turn, client: Client, fields: str, status: int, why: str) -> None:
    """:raises NotOffered: a GET of a small upload is not answered with this status."""
    path = turn.create(client, 4)
    appended(client.ask(turn.requests.append(path, 0, 4), [small(4)]), 4)
    if client.ask(turn.requests.plain("GET", path, fields)).status != status:
        time.sleep(_LINGER_SECONDS)
        raise NotOffered(why)


def _uploaded(turn: Turn) -> tuple[str, int]:
    """An upload of this server, of which all bytes are there, and its length."""
    if "upload" not in turn.kept:
        length = turn.sizes.upload_bytes
        with turn.client() as client:
            path = turn.create(client, length)
            append(turn, client, path, 0, length)
        turn.kept["upload"] = (path, length)
    path, length = turn.kept["upload"]
    return path, length


def _expect(answer: Answer, status: int) -> None:
    if answer.status != status:
        raise Failed(f"answered GET with {answer.status}, not {status}")


def _compare(pieces: Iterator[memoryview], position: int, length: int) -> None:
    end = position + length
    for piece in pieces:
        if not agrees(piece, position):
            raise Failed(f"sent other bytes than it got, from byte {position} on")
        position += len(piece)
    if position != end:
        raise Failed(f"sent {position - end + length} bytes, not {length}")


DOWNLOAD = Row(
    number=11,
    title="Download of 1 GiB, and 100 ranges",
    rounds=2,
    parts=(
        part("download", "Download of 1 GiB", whole),
        part("ranges", "100 ranges of 1 MiB, one after the other", ranges),
    ),
)
