"""Rounds: who is measured when, and what becomes of those that fail."""

import math
import os
import stat
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.deadline import Deadline
from benchmarks.failures import Failed, NotOffered
from benchmarks.figures import CPU_GIB, WALL_GIB, Part
from benchmarks.measure import Server
from benchmarks.peers.base import Peer
from benchmarks.rows.base import Row, RowPart, Sizes, Turn
from benchmarks.rows.uploads import warm_up
from benchmarks.servers import serving

# Servers that need more for a GiB get a quarter of the bytes.
_SLOW_CPU, _SLOW_WALL = 5.0, 20.0
_WARM_UP_LIMIT_SECONDS = 30.0
# what is left until the end of the run
_SMALL_BYTES = 16 * 1024
STARTS = "starting and stopping"
# whose study a row is, where one is
STUDIED = "tusbridge"

Task = tuple[Row, RowPart]


@dataclass(slots=True, kw_only=True)
class Runner:
    """All that is measured in one run. ``place`` is a folder for data.

    A round that would not be over ``limit_seconds`` after the beginning is left out, but the first.

    Afterwards ``parts`` has the figures and failures, ``seconds`` the time that each row took,
    ``slow`` whose uploads were smaller, ``rounds_done`` how many there were, ``errors`` the
    benchmark's own mistakes.
    """

    peers: list[Peer]
    rows: list[Row]
    rounds: int
    sizes: Sizes
    place: Path
    postgres: str = ""
    limit_seconds: float = math.inf
    rounds_done: int = 0
    parts: dict[str, Part] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    slow: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    _judged: set[str] = field(default_factory=set)
    _took: dict[str, float] = field(default_factory=dict)

    def run(self) -> None:
        """Measure everything."""
        for row in self.rows:
            for one in row.parts:
                self.parts[one.name] = Part(row=row.number, name=one.name, title=one.title)
        until = time.monotonic() + self.limit_seconds
        for row in self.rows:
            if row.study:
                self._study(row)
        for number in range(self.rounds):
            if number and time.monotonic() + self._next_seconds(number) > until:
                say(f"round {number + 1} is left out: it would take too long")
                break
            self._round(number)
            self.rounds_done += 1

    def _round(self, number: int) -> None:
        before = dict(self.seconds)
        turn = number % len(self.peers)
        for peer in self.peers[turn:] + self.peers[:turn]:
            for rows in self._groups(number):
                self._serve(peer, rows, number)
        for row in self.rows:
            if row.beside and number < row.rounds:
                self._measure_beside(row, number)
        self._took = {key: value - before.get(key, 0.0) for key, value in self.seconds.items()}

    def _next_seconds(self, number: int) -> float:
        """What a round would take, by the one before it."""
        over = {f"row {row.number}" for row in self.rows if row.rounds <= number}
        return sum(seconds for key, seconds in self._took.items() if key not in over)

    def _measure_beside(self, row: Row, number: int) -> None:
        assert row.beside
        name, title, measure = row.beside
        place = self.place / f"{number}-beside-{row.number}"
        with self._timed(row, title), self._mistakes_noted(title):
            part = self.parts[row.parts[0].name]
            part.titles[name] = title
            part.add(name, measure(place, self.sizes))
        _empty(place)

    def _study(self, row: Row) -> None:
        assert row.study
        place = self.place / f"study-{row.number}"
        for peer in self.peers:
            if peer.name == STUDIED:
                with self._timed(row, row.title), self._mistakes_noted(row.title):
                    part = row.study(peer, self.sizes, place, self.postgres)
                    self.parts[part.name] = part
        _empty(place)

    @contextmanager
    def _timed(self, row: Row, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        took = time.monotonic() - started
        self.seconds[f"row {row.number}"] += took
        say(f"{what} {took:.1f} s")

    @contextmanager
    def _mistakes_noted(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.errors.append(f"{what}: {error!r}")
            traceback.print_exc()

    def _groups(self, number: int) -> Iterator[list[Row]]:
        """Rows that one server does in turn."""
        due = [row for row in self.rows if number < row.rounds]
        yield [row for row in due if not row.fresh]
        yield from ([row] for row in due if row.fresh)

    def _serve(self, peer: Peer, rows: list[Row], number: int) -> None:
        todo = [(row, one) for row in rows for one in row.parts if self._is_due(peer, one)]
        while todo:
            place = self.place / f"{number}-{peer.name}-{todo[0][1].name}"
            started = time.monotonic()
            inside = 0.0
            try:
                with serving(peer, place) as server:
                    inside = -time.monotonic()
                    self._work(peer, server, todo, number)
                    inside += time.monotonic()
            except Failed as error:
                for _, one in todo:
                    self._fail(peer, one, number, str(error))
                todo.clear()
            _empty(place)
            self.seconds[STARTS] += time.monotonic() - started - inside

    def _is_due(self, peer: Peer, one: RowPart) -> bool:
        part = self.parts[one.name]
        why = peer.without.get(one.name, "")
        if why:
            part.skipped[peer.name] = why
        return one.suits(peer) and peer.name not in part.failed | part.skipped

    def _work(self, peer: Peer, server: Server, todo: list[Task], number: int) -> None:
        """Take tasks from the list until there are no more, or one has failed."""
        kept: dict[str, Any] = {}
        is_well = True
        if peer.protocol == "tus":
            with self._timed(todo[0][0], f"{peer.name}: warm-up"):
                self._warm_up(peer, server)
        while todo and is_well:
            row, one = todo.pop(0)
            what = f"round {number + 1} of {self.rounds}: {peer.name}: {one.name}"
            with self._timed(row, what):
                turn = self._turn(peer, server, Deadline(row.limit_seconds), kept)
                is_well = self._do(turn, one, number)

    def _do(self, turn: Turn, one: RowPart, number: int) -> bool:
        """Measure one part; whether the server can be asked for others."""
        peer, server, part = turn.peer, turn.server, self.parts[one.name]
        try:
            with turn.deadline:
                part.add(peer.name, one.run(turn))
        except NotOffered as error:
            part.skipped[peer.name] = str(error)
        except Failed as error:
            self._fail(peer, one, number, f"{error}{server.end() and '; ' + server.end()}")
            return False
        except Exception as error:
            self.errors.append(f"{peer.name}, {one.name}: {error!r}")
            traceback.print_exc()
            self._fail(peer, one, number, f"mistake of the benchmark: {error!r}")
            return False
        if turn.remarks:
            part.remarks[peer.name] = turn.remarks
        return True

    def _warm_up(self, peer: Peer, server: Server) -> None:
        # one that takes nothing so large may do well in other rows
        with suppress(Failed), Deadline(_WARM_UP_LIMIT_SECONDS) as deadline:
            values = warm_up(self._turn(peer, server, deadline, {}))
            is_slow = values[CPU_GIB] > _SLOW_CPU or values[WALL_GIB] > _SLOW_WALL
            # decided once, so that all rounds have the same size
            if is_slow and peer.name not in self._judged:
                self.slow.add(peer.name)
        self._judged.add(peer.name)

    def _turn(self, peer: Peer, server: Server, deadline: Deadline, kept: dict[str, Any]) -> Turn:
        sizes = self.sizes.for_slow_server() if peer.name in self.slow else self.sizes
        return Turn(peer=peer, server=server, sizes=sizes, deadline=deadline, kept=kept)

    def _fail(self, peer: Peer, one: RowPart, number: int, why: str) -> None:
        self.parts[one.name].failed[peer.name] = f"round {number + 1}: {why}"
        say(f"FAILED {peer.name}: {one.name}: {why}")


def _empty(place: Path) -> None:
    """Give the disk's space back, and keep the files: for some seconds ext4 looks for a new one's
    inode among all that were removed, which makes it ten times as dear for the next server."""
    for folder, _, names in os.walk(place):
        for name in names:
            path = os.path.join(folder, name)
            found = os.lstat(path)
            if stat.S_ISREG(found.st_mode) and found.st_size > _SMALL_BYTES:
                os.truncate(path, 0)


def say(text: str) -> None:
    """Progress, beside the report."""
    print(text, file=sys.stderr, flush=True)
