"""Row 11: a whole upload comes back, and a hundred ranges of it; every byte is compared."""

import random
import time
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.answers import Answer
from benchmarks.content import MIB, agrees, small
from benchmarks.failures import Failed, NotOffered
from benchmarks.figures import CPU_MS, P50, P99, percentile
from benchmarks.rows.base import Row, Turn, Values, costs_beside, costs_of_bytes, part
from benchmarks.rows.uploads import append
from benchmarks.tus import appended

RANGE_BYTES = MIB
# the same ranges for every server
_SEED = 11


def whole(turn: Turn) -> Values:
    """Row 11, the whole."""
    _demand(turn, "", 200, "no downloads")
    path, length = _uploaded(turn)
    request = turn.requests.plain("GET", path)
    with turn.client() as client, turn.measured() as cost:
        answer, pieces = client.ask_for_pieces(request)
        _expect(answer, 200)
        _compare(pieces, 0, length)
    return costs_of_bytes(cost, length)


def ranges(turn: Turn) -> Values:
    """Row 11, in ranges of 1 MiB, one after the other by one connection."""
    _demand(turn, "", 200, "no downloads")
    _demand(turn, "Range: bytes=1-2\r\n", 206, "no ranges")
    path, length = _uploaded(turn)
    numbers = random.Random(_SEED)
    starts = [numbers.randrange(length - RANGE_BYTES) for _ in range(turn.sizes.ranges)]
    times = [time.perf_counter()]
    with turn.client() as client, turn.measured() as cost:
        for start in starts:
            wanted = f"{start}-{start + RANGE_BYTES - 1}"
            request = turn.requests.plain("GET", path, f"Range: bytes={wanted}\r\n")
            answer, pieces = client.ask_for_pieces(request)
            _expect(answer, 206)
            found = answer.fields.get("content-range", "")
            if found != f"bytes {wanted}/{length}":
                raise Failed(f"answered bytes={wanted} with Content-Range {found[:60]!r}")
            _compare(pieces, start, RANGE_BYTES)
            times.append(time.perf_counter())
    each = [after - before for before, after in pairwise(times)]
    return {
        P50: percentile(each, 50) * 1000,
        P99: percentile(each, 99) * 1000,
        CPU_MS: cost.cpu / len(each) * 1000,
        **costs_beside(cost),
    }


def _demand(turn: Turn, fields: str, status: int, why: str) -> None:
    """:raises NotOffered: a small upload is not answered with this status."""
    with turn.client() as client:
        path = turn.create(client, 4)
        appended(client.ask(turn.requests.append(path, 0, 4), [small(4)]), 4)
        if client.ask(turn.requests.plain("GET", path, fields)).status != status:
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
    parts=(
        part("download", "Download of 1 GiB", whole),
        part("ranges", "100 ranges of 1 MiB, one after the other", ranges),
    ),
)
