"""Rows 4 and 5: uploads of 4 KiB, and HEAD, over eight keep-alive connections."""

from collections.abc import Callable

from benchmarks.content import small
from benchmarks.figures import CPU_MS, P50, P99, RATE, percentile
from benchmarks.load import Script, drive
from benchmarks.rows.base import Row, Turn, Values, costs_beside, part
from benchmarks.tus import appended, created, created_with, stands_at

_WARM_UP = 50


def create_and_patch(turn: Turn) -> Values:
    """Row 4, in two requests."""
    requests, length = turn.requests, turn.sizes.small_bytes
    create, body = requests.create(length), small(length)

    def script() -> Script:
        path = created((yield create))
        appended((yield requests.append(path, 0, length) + body), length)

    return _driven(turn, script, turn.sizes.small_uploads)


def create_with(turn: Turn) -> Values:
    """Row 4, in one request."""
    turn.demand("creation-with-upload")
    length = turn.sizes.small_bytes
    request = turn.requests.create_with(length, small(length))

    def script() -> Script:
        created_with((yield request), length)

    return _driven(turn, script, turn.sizes.small_uploads)


def head(turn: Turn) -> Values:
    """Row 5, of an upload that has some of its bytes."""
    length = turn.sizes.small_bytes
    with turn.client() as client:
        path = turn.create(client, 2 * length)
        request = turn.requests.append(path, 0, length)
        appended(client.ask(request, [small(length)]), length)
    request = turn.requests.plain("HEAD", path)

    def script() -> Script:
        stands_at((yield request), length)

    return _driven(turn, script, turn.sizes.heads)


def _driven(turn: Turn, script: Callable[[], Script], count: int) -> Values:
    port, connections = turn.server.port, turn.sizes.connections
    drive(port, turn.deadline, script, connections=connections, count=_WARM_UP)
    with turn.measured() as cost:
        times = drive(
            port,
            turn.deadline,
            script,
            connections=connections,
            count=count,
            seconds=turn.sizes.small_seconds,
        )
    done = len(times.each)
    return {
        RATE: done / times.whole,
        P50: percentile(times.each, 50) * 1000,
        P99: percentile(times.each, 99) * 1000,
        CPU_MS: cost.cpu / done * 1000,
        **costs_beside(cost),
    }


SMALL = Row(
    number=4,
    title="Uploads of 4 KiB, 8 connections",
    parts=(
        part("create-patch", "Create + PATCH of 4 KiB, 8 connections", create_and_patch),
        part("create-with", "Creation with 4 KiB, 8 connections", create_with),
    ),
)
HEAD = Row(
    number=5,
    title="HEAD, 8 connections",
    parts=(part("head", "HEAD, 8 connections", head),),
)
