"""What a server does when very many clients are slow, or silent.

TUSBRIDGE_CROWD is how many (200), TUSBRIDGE_BIG_MIB the size of the large upload (512),
TUSBRIDGE_MANY_MIB that of each of sixteen (16). Figures are printed (``pytest -s``); no test fails
on a time except by a bound far beyond what is expected.
"""

import asyncio
import base64
import hashlib
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import cpu_seconds
from tests.crowd.wire import (
    KIB,
    SlowUpload,
    Wire,
    allow_sockets,
    create,
    create_many,
    get,
    head,
    offset_of,
    patch_head,
    run,
    shared_out,
)
from tests.rules.places import rows
from tests.support.databases import fresh_database, query
from tests.support.servers import KINDS, ROOT, Server, running

CROWD = int(os.environ.get("TUSBRIDGE_CROWD", "200"))
BIG_MIB = int(os.environ.get("TUSBRIDGE_BIG_MIB", "512"))
MANY_MIB = int(os.environ.get("TUSBRIDGE_MANY_MIB", "16"))
MIB = 2**20
SLOW_SECONDS = 15.0
# Whatever is asked beside a crowd is answered within so many seconds.
BOUND_SECONDS = 1.0
# A new upload of 1 MiB beside a crowd that comes all at once: it waits until they have begun.
QUICK_SECONDS = 5.0 * max(1.0, CROWD / 200)
READ_TIMEOUT = 3
# Large uploads at once.
MANY = 16
# Requests for one upload that somebody else is writing to.
WAITING = 150
# A digest of nothing that is sent.
NO_MD5 = base64.b64encode(bytes(16)).decode()
POOL = 10


def report(test: str, **figures: object) -> None:
    """Print one line of figures."""
    shown = ", ".join(
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in figures.items()
    )
    print(f"\n[crowd] {test}: {shown}")


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[98]


@contextmanager
def sampled(take: Callable[[], int], pause: float) -> Iterator[list[int]]:
    """What ``take`` gives, every ``pause`` seconds in the block; at least once."""
    found = [take()]
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(pause):
            found.append(take())

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


async def quick_upload(port: int, size: int = MIB) -> float:
    """Create and fill an upload on a new connection; the seconds it took."""
    started = time.monotonic()
    async with Wire(port) as wire:
        path = await create(wire, size)
        await wire.send(patch_head(path, 0, size))
        answer = await wire.ask(bytes(size))
        assert answer.status == 204, answer
        assert answer.offset == size
    return time.monotonic() - started


async def probe(port: int, seconds: float, pause: float, *paths: str) -> dict[str, Any]:
    """What ``tests.crowd.probe`` found, from a process of its own."""
    arguments = ["-m", "tests.crowd.probe", str(port), str(seconds), str(pause), *paths]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds + 60)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, output
    found: dict[str, Any] = json.loads(output)
    return found


async def assert_kept(port: int, uploads: list[SlowUpload], seconds: float) -> float:
    """Every upload's offset is what its client sent, within so many seconds; how long it took."""
    started = time.monotonic()
    wrong: list[str] = []

    async def check(wire: Wire, upload: SlowUpload) -> None:
        offset = await offset_of(wire, upload.path)
        while offset != upload.sent and time.monotonic() < started + seconds:
            await asyncio.sleep(0.1)
            offset = await offset_of(wire, upload.path)
        if offset != upload.sent:
            wrong.append(f"{upload.path} is at {offset}, not {upload.sent}")

    await shared_out(port, uploads, check)
    assert not wrong, wrong[:5]
    return time.monotonic() - started


# -- slow clients


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_r54_slow_uploads_stay_alive_and_disturb_nobody(tmp_path: Path) -> None:
    allow_sockets(CROWD)
    with running("serve", tmp_path) as server:
        run(_slow_uploads(server))
        assert "ERROR" not in server.log, server.log[-3000:]


async def _slow_uploads(server: Server) -> None:
    port = server.port
    # a third come to their end in time, the others break off
    lengths = [(40 if number % 3 == 0 else 100) * KIB for number in range(CROWD)]
    paths = await create_many(port, lengths)
    still = await idle_upload(port)
    memory_before, cpu_before = server.memory(), cpu_seconds(server.process.pid)
    started = time.monotonic()
    uploads = [SlowUpload(path, length) for path, length in zip(paths, lengths, strict=True)]
    until = started + SLOW_SECONDS + 1
    crowd = [
        asyncio.create_task(upload.run(port, until, start_after=number / CROWD))
        for number, upload in enumerate(uploads)
    ]
    await asyncio.sleep(1.5)
    probing = asyncio.create_task(probe(port, SLOW_SECONDS - 3, 0.05, still, paths[1]))
    quick = []
    while time.monotonic() < until - 3:
        quick.append(await quick_upload(port))
        await asyncio.sleep(0.5)
    memory = await asyncio.to_thread(server.memory)
    found = await probing
    cpu, cpu_over = cpu_seconds(server.process.pid) - cpu_before, time.monotonic() - started
    await asyncio.gather(*crowd)
    kept_after = await assert_kept(port, uploads, 60)
    report(
        f"{CROWD} slow uploads",
        head_p50_ms=[1000 * round(statistics.median(times), 4) for times in found["times"]],
        head_p99_ms=[1000 * round(p99(times), 4) for times in found["times"]],
        head_max_ms=[1000 * round(max(times), 4) for times in found["times"]],
        heads=len(found["times"][0]),
        quick_p50_s=statistics.median(quick),
        quick_max_s=max(quick),
        cpu_s=cpu,
        cpu_over_s=cpu_over,
        cpu_with_the_ends_s=cpu_seconds(server.process.pid) - cpu_before,
        pss_growth_mib=(memory - memory_before) / MIB,
        kept_after_s=kept_after,
    )
    assert not [upload.trouble for upload in uploads if upload.trouble]
    ended = [upload for upload in uploads if upload.answer]
    assert len(ended) == len(range(0, CROWD, 3))
    assert {upload.answer.status for upload in ended if upload.answer} == {204}
    assert await get(port, ended[0].path) == ended[0].expected()
    assert not found["refused"]
    assert max(quick) < QUICK_SECONDS
    for times in found["times"]:
        assert p99(times) < BOUND_SECONDS


async def idle_upload(port: int) -> str:
    """The path of an upload that nobody writes to."""
    async with Wire(port) as wire:
        return await create(wire, KIB)


# -- silent clients


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_r54_silent_connections_are_let_go_and_their_bytes_kept(tmp_path: Path) -> None:
    allow_sockets(CROWD)
    with running("serve", tmp_path, options={"READ_TIMEOUT": READ_TIMEOUT}) as server:
        run(_silent_connections(server))
        assert "ERROR" not in server.log, server.log[-3000:]


async def _silent_connections(server: Server) -> None:
    port = server.port
    half_heads = CROWD // 10
    paths = await create_many(port, [100 * KIB] * (CROWD - half_heads))
    few = [number % 2 * 10 for number in range(len(paths))]
    ready, over = asyncio.Event(), asyncio.Event()
    waiting = len(paths) + half_heads
    closed_at: list[float] = []

    async def be_silent(first: bytes, *, is_watched: bool) -> None:
        nonlocal waiting
        async with Wire(port) as wire:
            await wire.send(first)
            waiting -= 1
            if not waiting:
                ready.set()
            if is_watched:
                await wire.wait_until_closed()
                closed_at.append(time.monotonic())
            else:
                await over.wait()

    pss_before = server.memory()
    started = time.monotonic()
    half = patch_head("/files/half", 0, 9)[:40]
    nobody = [asyncio.create_task(be_silent(half, is_watched=False)) for _ in range(half_heads)]
    silent = [
        asyncio.create_task(be_silent(patch_head(path, 0, 100 * KIB) + bytes(n), is_watched=True))
        for path, n in zip(paths, few, strict=True)
    ]
    await asyncio.wait_for(ready.wait(), 30)
    connected = time.monotonic() - started
    quick = await quick_upload(port)
    pss = await asyncio.to_thread(server.memory)
    _, left = await asyncio.wait(silent, timeout=READ_TIMEOUT + 30)
    over.set()
    for task in left:
        task.cancel()
    await asyncio.gather(*nobody, *silent, return_exceptions=True)
    report(
        f"{CROWD} silent connections",
        connected_s=connected,
        quick_s=quick,
        first_closed_s=min(closed_at, default=0.0) - started,
        last_closed_s=max(closed_at, default=0.0) - started,
        left_open=len(left),
        pss_growth_mib=(pss - pss_before) / MIB,
    )
    assert not left, f"{len(left)} of {len(silent)} are still open"
    assert quick < QUICK_SECONDS
    kept = [SlowUpload(path, 100 * KIB, sent=n) for path, n in zip(paths, few, strict=True)]
    await assert_kept(port, kept, 10)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_resuming_client_gets_past_a_silent_one(workers: int, tmp_path: Path) -> None:
    with running("serve", tmp_path, options={"WORKERS": workers}) as server:
        tries, seconds, slowest = run(_resume_past_a_silent_one(server.port))
    report(f"resume, workers={workers}", tries=tries, seconds=seconds, slowest_head_s=slowest)
    assert seconds < 4
    assert slowest < BOUND_SECONDS


async def _resume_past_a_silent_one(port: int) -> tuple[list[int], float, float]:
    """Statuses of the resuming client's PATCHes, its seconds, and those of the slowest HEAD."""
    content = os.urandom(64 * KIB)
    async with Wire(port) as silent:
        path = await create(silent, len(content))
        await silent.send(patch_head(path, 0, len(content)) + content[:5])
        # the server has them: whoever comes next comes behind
        async with asyncio.timeout(20):
            while await offset_anew(port, path) != 5:
                await asyncio.sleep(0.05)
        started = time.monotonic()
        resuming = asyncio.create_task(_resume(port, path, content))
        times, _ = await _ask_until_done(port, path, resuming)
        tries = await resuming
        seconds = time.monotonic() - started
    assert await get(port, path) == content
    return tries, seconds, max(times)


async def _resume(port: int, path: str, content: bytes) -> list[int]:
    """HEAD and PATCH, again and again until the upload is whole; the statuses of the PATCHes."""
    tries: list[int] = []
    async with asyncio.timeout(20):
        while tries[-1:] != [204]:
            async with Wire(port) as wire:
                offset = await offset_of(wire, path)
                await wire.send(patch_head(path, offset, len(content) - offset))
                tries.append((await wire.ask(content[offset:])).status)
    return tries


async def _ask_until_done(
    port: int, path: str, task: asyncio.Task[Any]
) -> tuple[list[float], list[int]]:
    """HEAD every 100 ms until the task is done; seconds and offsets, at least one."""
    times: list[float] = []
    offsets: list[int] = []
    while not task.done() or not times:
        asked = time.monotonic()
        offsets.append(await offset_anew(port, path))
        times.append(time.monotonic() - asked)
        await asyncio.sleep(0.1)
    return times, offsets


async def offset_anew(port: int, path: str) -> int:
    """The offset, asked on a new connection: every worker gets some of them."""
    async with Wire(port) as wire:
        return await offset_of(wire, path)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_heads_do_not_disturb_a_running_patch(workers: int, tmp_path: Path) -> None:
    with running("serve", tmp_path, options={"WORKERS": workers}) as server:
        run(_heads_beside_a_trickle(server.port))


async def _heads_beside_a_trickle(port: int) -> None:
    async with Wire(port) as wire:
        path = await create(wire, 60 * KIB)
    upload = SlowUpload(path, 60 * KIB, pause=0.1)
    trickle = asyncio.create_task(upload.run(port, time.monotonic() + 30))
    times, offsets = await _ask_until_done(port, path, trickle)
    await trickle
    report(
        "HEAD beside a trickle", heads=len(times), p50_s=statistics.median(times), p99_s=p99(times)
    )
    assert not upload.trouble
    assert upload.answer is not None
    assert upload.answer.status == 204
    assert offsets == sorted(offsets)
    assert max(times) < BOUND_SECONDS
    assert await get(port, path) == upload.expected()


# -- memory


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_r52_a_large_upload_needs_little_memory(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path) as server:
        run(_large_upload(server))


async def _large_upload(server: Server) -> None:
    block = bytearray(os.urandom(MIB))
    sent, received = hashlib.sha256(), hashlib.sha256()
    await quick_upload(server.port)
    before = server.memory()
    async with Wire(server.port) as wire:
        path = await create(wire, BIG_MIB * MIB)
        started, cpu = time.monotonic(), cpu_seconds(server.process.pid)
        with sampled(server.memory, 0.1) as memory:
            await wire.send(patch_head(path, 0, BIG_MIB * MIB))
            for number in range(BIG_MIB):
                block[:8] = number.to_bytes(8, "big")
                sent.update(block)
                await wire.send(memoryview(block))
            answer = await wire.answer()
        seconds, cpu = time.monotonic() - started, cpu_seconds(server.process.pid) - cpu
        assert answer.status == 204, answer
        with sampled(server.memory, 0.1) as memory_of_get:
            async for piece in wire.download(path):
                received.update(piece)
    growth, get_growth = max(memory) - before, max(memory_of_get) - before
    report(
        f"PATCH of {BIG_MIB} MiB",
        seconds=seconds,
        cpu_s=cpu,
        growth_mib=growth / MIB,
        get_growth_mib=get_growth / MIB,
    )
    assert received.digest() == sent.digest()
    assert growth < 64 * MIB
    assert get_growth < 64 * MIB


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_r52_many_large_uploads_at_once_need_little_memory(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path) as server:
        run(_many_large_uploads(server))


async def _many_large_uploads(server: Server) -> None:
    blocks = [os.urandom(MIB) for _ in range(MANY)]
    await quick_upload(server.port)
    before = server.memory()
    paths = await create_many(server.port, [MANY_MIB * MIB] * MANY)

    async def upload(number: int) -> None:
        async with Wire(server.port) as wire:
            await wire.send(patch_head(paths[number], 0, MANY_MIB * MIB))
            for _ in range(MANY_MIB):
                await wire.send(memoryview(blocks[number]))
            answer = await wire.answer()
        assert answer.status == 204, answer

    started = time.monotonic()
    with sampled(server.memory, 0.1) as memory:
        await asyncio.gather(*map(upload, range(MANY)))
    seconds, growth = time.monotonic() - started, max(memory) - before
    report(
        f"{MANY} PATCHes of {MANY_MIB} MiB, {server.kind}", seconds=seconds, growth_mib=growth / MIB
    )
    for number, path in enumerate(paths):
        digest = hashlib.sha256()
        async with Wire(server.port) as wire:
            async for piece in wire.download(path):
                digest.update(piece)
        assert digest.digest() == hashlib.sha256(blocks[number] * MANY_MIB).digest()
    assert growth < 128 * MIB


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_r52_those_who_wait_for_a_busy_upload_need_little_memory(tmp_path: Path) -> None:
    """Their bodies wait with them, and nobody has said yet that they are wanted. On uvicorn: what
    granian has read ahead of any application is not ours to bound."""
    allow_sockets(WAITING)
    # nobody takes the upload over, however late the holder's signs of life are here
    with running("uvicorn", tmp_path, options={"LEASE_TTL": 60}) as server:
        run(_waiting_uploads(server))


async def _waiting_uploads(server: Server) -> None:
    length = WAITING * MIB
    await quick_upload(server.port)
    async with Wire(server.port) as holder:
        path = await create(holder, length)
        # with a checksum nothing is committed before the end, so that the offset stays
        checksum = f"Upload-Offset: 0\r\nUpload-Checksum: md5 {NO_MD5}\r\n"
        await holder.send(head("PATCH", path, checksum, length) + b"x")
        async with asyncio.timeout(20):
            while not rows(server, "lease_token IS NOT NULL"):
                await asyncio.sleep(0.05)
        over = asyncio.Event()

        async def stay_alive() -> None:
            while not over.is_set():
                await holder.send(b"x")
                await asyncio.sleep(0.1)

        async def wait() -> int:
            async with Wire(server.port) as wire:
                await wire.send(patch_head(path, 0, length))
                sending = asyncio.create_task(wire.send(bytes(4 * MIB)))
                answer = await asyncio.wait_for(wire.answer(), 60)
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                return answer.status

        alive = asyncio.create_task(stay_alive())
        before = server.memory()
        with sampled(server.memory, 0.1) as memory:
            statuses = await asyncio.gather(*(wait() for _ in range(WAITING)))
        over.set()
        await alive
    growth = max(memory) - before
    report(f"{WAITING} that wait", growth_mib=growth / MIB, statuses=sorted(set(statuses)))
    assert set(statuses) == {423}
    assert growth < 128 * MIB


# -- database connections


@pytest.mark.service
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("uvicorn", 200), ("gunicorn", 40)])
def test_no_database_connection_is_held_while_bodies_come(
    kind: str, count: int, tmp_path: Path
) -> None:
    pool = {"pool": {"min_size": 0, "max_size": POOL, "timeout": 5}}
    with (
        fresh_database("postgresql") as url,
        running(kind, tmp_path, database_url=url, database_options=pool) as server,
    ):
        run(_uploads_beside_a_pool(server, url, count))


async def _uploads_beside_a_pool(server: Server, url: str, count: int) -> None:
    name = url.rpartition("/")[2]
    counting = (
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
        " AND pid <> pg_backend_pid()"
    )
    paths = await create_many(server.port, [24 * KIB] * count)
    uploads = [SlowUpload(path, 24 * KIB) for path in paths]
    halfway: list[int] = []

    async def look(wire: Wire, path: str) -> None:
        halfway.append(await offset_of(wire, path))

    started = time.monotonic()
    with sampled(lambda: int(query(url, counting)), 0.2) as connections:
        crowd = [asyncio.create_task(u.run(server.port, started + 60)) for u in uploads]
        await asyncio.sleep(4)
        await shared_out(server.port, paths, look)
        looked = time.monotonic() - started - 4
        await asyncio.gather(*crowd)
        seconds = time.monotonic() - started
    report(
        f"pool of {POOL}, {count} slow uploads, {server.kind}",
        seconds=seconds,
        connections=max(connections),
        samples=len(connections),
        looked_s=looked,
        halfway_least=min(halfway),
        halfway_none=halfway.count(0),
    )
    assert not [upload.trouble for upload in uploads if upload.trouble]
    statuses = [upload.answer.status for upload in uploads if upload.answer]
    assert statuses == [204] * count
    assert min(halfway) > 0
    assert max(connections) <= POOL
    assert await get(server.port, paths[0]) == uploads[0].expected()
