"""R21, R28: thousands of requests that are almost right, over raw sockets, on each server.

TUSBRIDGE_FUZZ is how many cases each server gets (2,000 for ours, 400 for others; a case is one
connection and sends one to five requests), TUSBRIDGE_FUZZ_SEED the seed, TUSBRIDGE_FUZZ_CASE one
case of it alone. What fails is printed whole, with its seed and number.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.crowd.wire import run
from tests.fuzz.driver import Driver
from tests.fuzz.grammar import make_case, silent_case
from tests.fuzz.requests import OPEN_LENGTH
from tests.support.servers import KINDS, Server, running

MIB = 2**20
LONG = int(os.environ.get("TUSBRIDGE_FUZZ", "0"))
CASES = {"serve": LONG or 2000, "gunicorn": LONG or 400, "uvicorn": LONG or 400}
SEED = int(os.environ.get("TUSBRIDGE_FUZZ_SEED", "20260101"))
ONLY = os.environ.get("TUSBRIDGE_FUZZ_CASE", "")
# Cases between two looks at the uploads that are aimed at; the first lot warms the server up.
LOT = 200
SILENT = 16
READ_TIMEOUT = 2
# What the server may have grown by in the end, and how many files more it may have open: sockets
# that are just being closed, database connections of threads that had none.
GROWTH_BYTES = 32 * MIB
MORE_DESCRIPTORS = 12
SETTLE_SECONDS = 20.0


@pytest.mark.slow
@pytest.mark.timeout(120 + LONG // 10)
@pytest.mark.parametrize("kind", KINDS)
def test_r21_no_request_breaks_a_server(kind: str, tmp_path: Path) -> None:
    """No 5xx but 503 and 507, no silence, no traceback, no growth, and nothing that was
    acknowledged is lost; R28: nothing behind an ambiguous framing is taken for a request."""
    options = {"READ_TIMEOUT": READ_TIMEOUT}
    with running(kind, tmp_path, options=options, may_stumble=kind == "uvicorn") as server:
        run(_fuzz(server))
        assert "internal-error" not in server.log, server.log[-4000:]
        assert "store-error" not in server.log, server.log[-4000:]


async def _fuzz(server: Server) -> None:
    numbers = [int(ONLY)] if ONLY else range(CASES[server.kind])
    print(f"\n[fuzz] {server.kind}: TUSBRIDGE_FUZZ_SEED={SEED}, {len(numbers)} cases")
    driver = Driver(server.port, SEED)
    await driver.prepare()
    started, memory, descriptors = time.monotonic(), 0, 0
    for at in range(0, len(numbers), LOT):
        await driver.send_all(make_case(SEED, number) for number in numbers[at : at + LOT])
        await driver.renew()
        if at == 0:
            memory, descriptors = server.memory(), server.descriptors()
    await driver.send_all(silent_case(SEED, number) for number in range(SILENT))
    seconds, growth = time.monotonic() - started, server.memory() - memory
    print(
        f"[fuzz] {server.kind}: {driver.sent} requests in {seconds:.0f} s, answers "
        f"{dict(sorted(driver.statuses.items()))} (0: none), growth {growth / MIB:.1f} MiB"
    )
    failures = "\n\n".join(str(outcome) for outcome in driver.failed[:5])
    assert not driver.failed, f"seed {SEED}, {len(driver.failed)} failed:\n{failures}"
    assert growth < GROWTH_BYTES
    await _settle(lambda: server.descriptors() <= descriptors + MORE_DESCRIPTORS, "files are open")
    await _check_uploads(driver)
    await _settle(lambda: not _strays(server), "files are nobody's")


async def _settle(is_fine: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not is_fine():
        assert time.monotonic() < deadline, f"after {SETTLE_SECONDS} s still: {what}"
        await asyncio.sleep(0.1)


async def _check_uploads(driver: Driver) -> None:
    """What was acknowledged is there, and everything works as ever."""
    for name, content in driver.pool.kept.items():
        _, body = await driver.ask(f"GET /files/{driver.pool.ids[name]} HTTP/1.1\r\n")
        assert body == content, name
    for name, told in driver.pool.told.items():
        offset = await driver.offset_of(name)
        assert offset is None or offset >= told, f"{name} fell from {told} to {offset}"
    upload_id = await driver.make(content := os.urandom(OPEN_LENGTH))
    _, body = await driver.ask(f"GET /files/{upload_id} HTTP/1.1\r\n")
    assert body == content


def _strays(server: Server) -> list[Path]:
    """Files that belong to no upload."""
    data = server.place / "data" if server.kind == "serve" else server.place
    with closing(sqlite3.connect(f"file:{data / 'db.sqlite3'}?mode=ro", uri=True)) as connection:
        known = {row[0] for row in connection.execute("SELECT upload_id FROM tusbridge_upload")}
    folders = [data / name for name in ("files", "files.partial", "media", "media.partial")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if path.name[:32] not in known]
