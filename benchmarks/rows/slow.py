"""Row 6: very many slow uploads, and what others notice of them."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from benchmarks.answers import Answer
from benchmarks.failures import Failed
from benchmarks.figures import CPU, Measure, percentile
from benchmarks.load import Script, drive
from benchmarks.measure import ROOT
from benchmarks.rows.base import Row, Turn, Values, costs_beside, part
from benchmarks.tus import created, stands_at
from benchmarks.wire import Client

PIECE_BYTES = 1024
PIECE_PAUSE_SECONDS = 0.25
_PROBE_PAUSE_SECONDS = 0.05
# Whatever a probe waits longer counts as this.
_PROBE_LIMIT_SECONDS = 10.0
_SETTLE_SECONDS = 1.0

ALIVE = Measure(name="alive", unit="%", digits=1, compared=False)
HEAD_P50 = Measure(name="HEAD p50", unit="ms")
HEAD_P99 = Measure(name="HEAD p99", unit="ms")
CREATE_P50 = Measure(name="create p50", unit="ms")
CREATE_P99 = Measure(name="create p99", unit="ms")


def slow_uploads(turn: Turn) -> Values:
    """Row 6. Alive are uploads whose every byte was taken, and answered at the end."""
    paths = _created(turn)
    with turn.client() as client:
        idle = turn.create(client, PIECE_BYTES)
    head = (turn.requests.plain("HEAD", idle), lambda answer: stands_at(answer, 0))
    create = (turn.requests.create(PIECE_BYTES), created)
    over = threading.Event()
    with turn.measured() as cost, ThreadPoolExecutor(2) as pool:
        try:
            crowd = _crowd(turn, paths)
            probes = [pool.submit(_probe, turn, over, *probe) for probe in (head, create)]
            well = _wait(turn, crowd)
        finally:
            over.set()
        heads, creations = map(_result, probes)
    return {
        ALIVE: 100 * well / len(paths),
        HEAD_P50: percentile(heads, 50) * 1000,
        HEAD_P99: percentile(heads, 99) * 1000,
        CREATE_P50: percentile(creations, 50) * 1000,
        CREATE_P99: percentile(creations, 99) * 1000,
        CPU: cost.cpu,
        **costs_beside(cost),
    }


def _pieces(turn: Turn) -> int:
    return int(turn.sizes.crowd_seconds / PIECE_PAUSE_SECONDS)


def _created(turn: Turn) -> list[str]:
    paths: list[str] = []
    request = turn.requests.create(_pieces(turn) * PIECE_BYTES)

    def script() -> Script:
        paths.append(created((yield request)))

    connections, count = turn.sizes.connections, turn.sizes.crowd
    drive(turn.server.port, turn.deadline, script, connections=connections, count=count)
    return paths


def _crowd(turn: Turn, paths: list[str]) -> "subprocess.Popen[str]":
    pieces = _pieces(turn)
    length = pieces * PIECE_BYTES
    plan = {
        "port": turn.server.port,
        "heads": [turn.requests.append(path, 0, length).decode() for path in paths],
        "pieces": pieces,
        "piece_bytes": PIECE_BYTES,
        "pause": PIECE_PAUSE_SECONDS,
    }
    crowd = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crowd"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    turn.deadline.on_end(crowd.kill)
    assert crowd.stdin is not None
    with crowd.stdin as plans:
        json.dump(plan, plans)
    return crowd


def _wait(turn: Turn, crowd: "subprocess.Popen[str]") -> int:
    try:
        assert crowd.stdout is not None
        with crowd.stdout as output:
            text = output.read()
        if crowd.wait() or not text:
            turn.deadline.check()
            raise RuntimeError(f"the crowd ended with status {crowd.returncode}")
    finally:
        crowd.kill()
        crowd.wait()
    found = json.loads(text)
    turn.remarks += [f"{count} slow uploads: {why}" for why, count in found["troubles"].items()]
    return int(found["well"])


def _probe(
    turn: Turn, over: threading.Event, request: bytes, check: Callable[[Answer], object]
) -> list[float]:
    """Seconds that each request took, one after the other until it is over."""
    times: list[float] = []
    client = Client(turn.server.port, turn.deadline, _PROBE_LIMIT_SECONDS)
    # the first ones would find a crowd that has yet to come
    over.wait(_SETTLE_SECONDS)
    while not over.wait(_PROBE_PAUSE_SECONDS) or not times:
        asked = time.perf_counter()
        try:
            check(client.ask(request))
            times.append(time.perf_counter() - asked)
        except Failed:
            if time.perf_counter() - asked < _PROBE_LIMIT_SECONDS:
                raise
            times.append(_PROBE_LIMIT_SECONDS)
            client.close()
            client = Client(turn.server.port, turn.deadline, _PROBE_LIMIT_SECONDS)
    client.close()
    return times


def _result(probe: "Future[list[float]]") -> list[float]:
    return probe.result()


SLOW = Row(
    number=6,
    title="1,000 slow uploads for 20 s, with probes beside them",
    parts=(part("slow", "1,000 slow uploads for 20 s, with probes beside them", slow_uploads),),
    rounds=1,
    fresh=True,
    limit_seconds=60.0,
)
