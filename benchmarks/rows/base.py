"""What a row is, and what it is given: a running server, sizes, a time limit."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.answers import Answer
from benchmarks.content import MIB
from benchmarks.costs import Cost, measured
from benchmarks.deadline import Deadline
from benchmarks.failures import NotOffered
from benchmarks.figures import CPU_GIB, GENERATOR, GROWTH, PEAK, WALL_GIB, Measure, Part
from benchmarks.measure import Server
from benchmarks.peers.base import Peer
from benchmarks.tus import Requests, blocks, created, extensions, forgets, stands_at
from benchmarks.wire import Client

GIB = 1024 * MIB
Values = dict[Measure, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much the rows do. ``upload_bytes`` is a multiple of 16 MiB, ``dear_bytes`` half of it,
    for rows whose every byte costs more; ``joined_bytes`` is the same for every server."""

    upload_bytes: int
    dear_bytes: int
    joined_bytes: int
    at_once: int
    connections: int
    small_bytes: int
    small_uploads: int
    heads: int
    # Rows of small requests end after so long, however many there were.
    small_seconds: float
    crowd: int
    crowd_seconds: float
    growth: tuple[int, ...]
    growth_times: int
    growth_requests: int
    ranges: int

    @classmethod
    def of(cls, scale: float) -> "Sizes":
        """``scale`` 1 is what the documentation shows."""

        def some(count: float, least: int) -> int:
            return max(least, int(count * scale))

        return cls(
            upload_bytes=some(64, 2) * 16 * MIB,
            joined_bytes=some(64, 2) * 16 * MIB,
            dear_bytes=some(64, 2) * 8 * MIB,
            at_once=16,
            connections=8,
            small_bytes=4096,
            small_uploads=some(5000, 50),
            heads=some(20_000, 100),
            small_seconds=max(0.5, 1.25 * scale),
            crowd=some(1000, 50),
            crowd_seconds=max(2.0, 20 * scale),
            growth=(100, some(10_000, 500), some(200_000, 2000)),
            growth_times=some(5, 2),
            growth_requests=some(400, 50),
            ranges=some(100, 10),
        )

    def for_slow_server(self) -> "Sizes":
        """A quarter of the bytes, unless they are few already; figures of rows are per GiB."""
        if self.upload_bytes < GIB:
            return self
        return replace(self, upload_bytes=self.upload_bytes // 4, dear_bytes=self.dear_bytes // 4)


@dataclass(slots=True, kw_only=True)
class Turn:
    """One part of a row, of one server in one round."""

    peer: Peer
    server: Server
    sizes: Sizes
    deadline: Deadline
    # what was left on this server by parts before this one
    kept: dict[str, Any] = field(default_factory=dict)
    # what the report shall say beside the figures
    remarks: list[str] = field(default_factory=list)

    @property
    def requests(self) -> Requests:
        """Heads of requests to the server."""
        return Requests(self.server.port, self.peer.path)

    def client(self) -> Client:
        """A connection to the server."""
        return Client(self.server.port, self.deadline)

    def create(self, client: Client, length: int) -> str:
        """The path of a new upload."""
        return created(client.ask(self.requests.create(length)))

    def demand(self, extension: str) -> None:
        """:raises NotOffered: the server does not say that it has this extension of tus."""
        if "extensions" not in self.kept:
            with self.client() as client:
                answer = client.ask(self.requests.plain("OPTIONS", self.peer.path))
            self.kept["extensions"] = extensions(answer)
        if extension not in self.kept["extensions"]:
            raise NotOffered(f"without the extension {extension}")

    def check_finished(self, answer: Answer, length: int) -> None:
        """An answer to HEAD, of an upload that has all its bytes; some servers forget those.

        :raises Failed: it says that there are not as many.
        """
        if forgets(answer):
            self.remark(f"answers HEAD of finished uploads with {answer.status}")
        else:
            stands_at(answer, length)

    def remark(self, text: str) -> None:
        """Have this said in the report."""
        if text not in self.remarks:
            self.remarks.append(text)

    def prepare(self, length: int) -> None:
        """Call :func:`prepare` in the folder of the server's data."""
        prepare(self.server.log.parent, length)

    @contextmanager
    def measured(self) -> Iterator[Cost]:
        """What the block costs the server."""
        with measured(self.server.pid) as cost:
            yield cost


def prepare(folder: Path, length: int) -> None:
    """Let nothing be left to be written to the disk, and ``length`` bytes of memory be warm.

    Memory that a virtual machine has not used for seconds costs whoever gets it first up to two
    seconds of CPU per GiB, which is more than the server. A file of that size, written and removed,
    makes it the benchmark's.
    """
    scratch = folder / "scratch"
    with scratch.open("wb") as file:
        file.writelines(blocks(length))
    scratch.unlink()
    os.sync()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPart:
    """What becomes one table. ``suits`` says whether a peer speaks what it takes."""

    name: str
    title: str
    run: Callable[[Turn], Values]
    suits: Callable[[Peer], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Something to be measured. ``rounds`` is how often at most, ``fresh`` asks for a server that
    did nothing before, ``limit_seconds`` is for each part of one server in one round.

    ``beside`` is measured once a round without a server, in a new folder: name, title, how.
    ``study`` is for tusbridge alone, once a run, and starts servers itself: it is given the peer, a
    new folder, and the URL of a PostgreSQL server, or "".
    """

    number: int
    title: str
    parts: tuple[RowPart, ...]
    rounds: int = 1000
    fresh: bool = False
    limit_seconds: float = 60.0
    beside: tuple[str, str, Callable[[Path, Sizes], Values]] | None = None
    study: Callable[[Peer, Sizes, Path, str], Part] | None = None


def speaks_tus(peer: Peer) -> bool:
    """Whether tus clients can talk to it."""
    return peer.protocol == "tus"


def part(
    name: str,
    title: str,
    run: Callable[[Turn], Values],
    suits: Callable[[Peer], bool] = speaks_tus,
) -> RowPart:
    """A part, by position."""
    return RowPart(name=name, title=title, run=run, suits=suits)


def costs_of_bytes(cost: Cost, length: int) -> Values:
    """Figures of ``length`` bytes that went through."""
    return {
        WALL_GIB: cost.wall * GIB / length,
        CPU_GIB: cost.cpu * GIB / length,
        **costs_beside(cost),
    }


def costs_beside(cost: Cost) -> Values:
    """Figures that every row has."""
    return {
        PEAK: cost.peak_bytes / MIB,
        GROWTH: cost.growth_bytes / MIB,
        GENERATOR: cost.generator_cpu / cost.wall if cost.wall else 0.0,
    }
