"""The soak: honest uploads alone, then beside hostile clients, and the server's memory."""

import asyncio
import os
import resource
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass, field

from tests.crowd.wire import Wire, create, head, patch_head
from tests.soak.hostile import ATTACKS, attack_for_ever
from tests.support.servers import Server

MIB = 2**20
# An honest upload: so many bytes, at a mebibyte a second.
SIZE, PIECE = MIB, 64 * 1024
_PIECE_SECONDS = PIECE / MIB
# Honest clients at a time, and seconds for which they are alone first.
HONEST = 4
ALONE_SECONDS = 10.0
# What hostile clients download, and take nothing of.
DOWNLOAD_MIB = 64
# What is promised.
MOST_GROWTH = 150 * MIB
MOST_TIMES = 2.0


@dataclass(slots=True)
class Found:
    """What was seen: seconds of honest uploads, and bytes of memory."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    before: int = 0
    most: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def growth(self) -> int:
        return self.most - self.before

    @property
    def times(self) -> float:
        """The longest honest upload beside hostile clients, by the usual one alone."""
        return max(self.beside, default=0.0) / statistics.median(self.alone)

    def __str__(self) -> str:
        return (
            f"uploads alone {len(self.alone)}, median {statistics.median(self.alone):.2f} s, "
            f"longest {max(self.alone):.2f} s; beside {len(self.beside)}, median "
            f"{statistics.median(self.beside or [0]):.2f} s, longest "
            f"{max(self.beside, default=0):.2f} s ({self.times:.2f} times); memory "
            f"{self.before / MIB:.0f} MiB, at most {self.growth / MIB:+.0f} MiB; "
            f"load {os.getloadavg()[0]:.1f}"
        )


async def soak(server: Server, seconds: float) -> Found:
    """Let hostile clients at a server for so long."""
    _allow_sockets()
    found = Found()
    port = server.port
    url = await _large_upload(port)
    await _honest(port, ALONE_SECONDS, found.alone, found.wrong)
    found.before = found.most = await asyncio.to_thread(server.memory)
    hostile = [
        asyncio.create_task(attack_for_ever(attack, port, f"127.0.{kind}.{1 + n % 200}", url))
        for kind, (attack, count) in enumerate(ATTACKS.items(), 1)
        for n in range(count)
    ]
    watching = asyncio.create_task(_watch(server, found))
    await _honest(port, seconds, found.beside, found.wrong)
    for task in (*hostile, watching):
        task.cancel()
    await asyncio.gather(*hostile, watching, return_exceptions=True)
    return found


async def _watch(server: Server, found: Found) -> None:
    while True:
        found.most = max(found.most, await asyncio.to_thread(server.memory))
        await asyncio.sleep(0.5)


async def _honest(port: int, seconds: float, times: list[float], wrong: list[str]) -> None:
    until = time.monotonic() + seconds

    async def one_client() -> None:
        while time.monotonic() < until:
            started = time.monotonic()
            try:
                await _upload(port)
            except (OSError, AssertionError) as error:
                wrong.append(f"{type(error).__name__} {error}"[:500])
                await asyncio.sleep(1)
            else:
                times.append(time.monotonic() - started)

    await asyncio.gather(*(one_client() for _ in range(HONEST)))


async def _upload(port: int) -> None:
    async with Wire(port) as wire:
        path = await _create(wire)
        await wire.send(patch_head(path, 0, SIZE))
        due = time.monotonic()
        for _ in range(SIZE // PIECE):
            await wire.send(bytes(PIECE))
            due += _PIECE_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        answer = await asyncio.wait_for(wire.answer(), 60)
        assert answer.status == 204, answer
        answer = await wire.ask(b"DELETE" + patch_head(path, 0, 0)[5:])
        assert answer.status == 204, answer


async def _create(wire: Wire) -> str:
    """The path of a new upload; where there is too much to do, after a while, as clients do."""
    for _ in range(3):
        answer = await wire.ask(head("POST", "/files/", f"Upload-Length: {SIZE}\r\n", 0))
        if answer.status == 201:
            return answer.fields["location"]
        assert answer.body.startswith(b"overloaded: "), answer
        await asyncio.sleep(int(answer.fields["retry-after"]))
    raise AssertionError(answer)


async def _large_upload(port: int) -> str:
    async with Wire(port) as wire:
        path = await create(wire, DOWNLOAD_MIB * MIB)
        await wire.send(patch_head(path, 0, DOWNLOAD_MIB * MIB))
        for _ in range(DOWNLOAD_MIB):
            await wire.send(bytes(MIB))
        assert (await wire.answer()).status == 204
        return path


def _allow_sockets() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
