"""Rows 1, 2, 3 and 9: many bytes, in one request, in pieces, at once, and with checksums."""

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor

from benchmarks.content import BLOCK, MIB
from benchmarks.failures import Failed
from benchmarks.rows.base import Row, Turn, Values, costs_of_bytes, part
from benchmarks.tus import appended, blocks, stands_at
from benchmarks.wire import Client

PIECE_BYTES = 8 * MIB
_WARM_UP_BYTES = 64 * MIB
_WRONG_CHECKSUM = 460


def warm_up(turn: Turn) -> Values:
    """Upload a little; what a GiB would take."""
    with turn.client() as client:
        path = turn.create(client, _WARM_UP_BYTES)
        with turn.measured() as cost:
            append(turn, client, path, 0, _WARM_UP_BYTES)
    return costs_of_bytes(cost, _WARM_UP_BYTES)


def append(
    turn: Turn, client: Client, path: str, offset: int, length: int, fields: str = ""
) -> None:
    """One PATCH, and its answer is as it should be."""
    request = turn.requests.append(path, offset, length, fields)
    appended(client.ask(request, blocks(length)), offset + length)


def check(turn: Turn, client: Client, path: str, offset: int) -> None:
    """The server says so, too, when it is asked for a finished upload."""
    turn.check_finished(client.ask(turn.requests.plain("HEAD", path)), offset)


def one_patch(turn: Turn) -> Values:
    """Row 1."""
    length = turn.sizes.upload_bytes
    with turn.client() as client:
        path = turn.create(client, length)
        # twice, for servers that hold a body in memory whole
        turn.prepare(2 * length)
        with turn.measured() as cost:
            append(turn, client, path, 0, length)
        check(turn, client, path, length)
    turn.kept["upload"] = (path, length)
    return costs_of_bytes(cost, length)


def many_patches(turn: Turn) -> Values:
    """Row 2."""
    return _in_pieces(turn, turn.sizes.upload_bytes, "")


def checksummed(turn: Turn) -> Values:
    """Row 9; a wrong checksum has to be found out before anything is measured."""
    turn.demand("checksum")
    good = _checksum(hashlib.sha1(bytes(BLOCK) * (PIECE_BYTES // MIB), usedforsecurity=False))
    wrong = _checksum(hashlib.sha1(b"", usedforsecurity=False))
    with turn.client() as client:
        path = turn.create(client, PIECE_BYTES)
        request = turn.requests.append(path, 0, PIECE_BYTES, wrong)
        status = client.ask(request, blocks(PIECE_BYTES)).status
        if status != _WRONG_CHECKSUM:
            raise Failed(f"answered a wrong checksum with {status}, not {_WRONG_CHECKSUM}")
        stands_at(client.ask(turn.requests.plain("HEAD", path)), 0)
    return _in_pieces(turn, turn.sizes.dear_bytes, good)


def _checksum(digest: "hashlib._Hash") -> str:
    return f"Upload-Checksum: sha1 {base64.b64encode(digest.digest()).decode()}\r\n"


def _in_pieces(turn: Turn, length: int, fields: str) -> Values:
    with turn.client() as client:
        path = turn.create(client, length)
        turn.prepare(length)
        with turn.measured() as cost:
            for offset in range(0, length, PIECE_BYTES):
                append(turn, client, path, offset, PIECE_BYTES, fields)
        check(turn, client, path, length)
    return costs_of_bytes(cost, length)


def at_once(turn: Turn) -> Values:
    """Row 3."""
    count = turn.sizes.at_once
    length = turn.sizes.upload_bytes // count
    with turn.client() as client:
        paths = [turn.create(client, length) for _ in range(count)]

    def upload(path: str) -> None:
        with turn.client() as client:
            append(turn, client, path, 0, length)

    turn.prepare(length * count)
    with ThreadPoolExecutor(count) as pool, turn.measured() as cost:
        for _ in pool.map(upload, paths):
            pass
    with turn.client() as client:
        for path in paths:
            check(turn, client, path, length)
    return costs_of_bytes(cost, length * count)


ONE_PATCH = Row(
    number=1,
    title="One PATCH of 1 GiB",
    parts=(part("patch", "One PATCH of 1 GiB", one_patch),),
)
MANY_PATCHES = Row(
    number=2,
    title="1 GiB in PATCHes of 8 MiB",
    parts=(part("patches", "1 GiB in PATCHes of 8 MiB", many_patches),),
)
AT_ONCE = Row(
    number=3,
    title="16 uploads of 64 MiB at once",
    parts=(part("at-once", "16 uploads of 64 MiB at once", at_once),),
)
CHECKSUMMED = Row(
    number=9,
    title="512 MiB in PATCHes of 8 MiB with SHA-1",
    parts=(part("checksums", "512 MiB in PATCHes of 8 MiB with SHA-1", checksummed),),
    rounds=2,
)
