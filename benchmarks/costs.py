"""What a block of work costs a server: wall time, CPU, memory at its peak."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.processes import cpu_seconds, pss_bytes

# Between two looks at the memory. A look walks the server's memory map: at a large one it is looked
# less often, so that this takes no more than one part in so many of a core.
_LOOK_SECONDS, _LOOK_PART = 0.05, 20
# A server may go on with what it has answered already: that is its cost as well.
_QUIET_SECONDS, _LONGEST_QUIET_SECONDS = 0.05, 1.0


@dataclass(slots=True, kw_only=True)
class Cost:
    """Filled at the end of the block. ``generator_cpu`` is what this process took beside it."""

    pid: int
    started: float
    cpu_before: float
    wall: float = 0.0
    cpu: float = 0.0
    peak_bytes: int = 0
    growth_bytes: int = 0
    generator_cpu: float = 0.0

    def wall_so_far(self) -> float:
        """Seconds since the beginning of the block."""
        return time.perf_counter() - self.started

    def cpu_so_far(self) -> float:
        """CPU-seconds since the beginning of the block."""
        return cpu_seconds(self.pid) - self.cpu_before


@contextmanager
def measured(pid: int) -> Iterator[Cost]:
    """What the process tree below ``pid`` does in the block."""
    with _highest_memory(pid) as looks:
        own, cpu = time.process_time(), cpu_seconds(pid)
        cost = Cost(pid=pid, started=time.perf_counter(), cpu_before=cpu)
        yield cost
        cost.wall = cost.wall_so_far()
        cost.generator_cpu = time.process_time() - own
        cost.cpu = _cpu_when_quiet(pid) - cpu
    cost.peak_bytes, cost.growth_bytes = max(looks), max(looks) - looks[0]


def _cpu_when_quiet(pid: int) -> float:
    until = time.monotonic() + _LONGEST_QUIET_SECONDS
    cpu, before = cpu_seconds(pid), -1.0
    while cpu != before and time.monotonic() < until:
        time.sleep(_QUIET_SECONDS)
        cpu, before = cpu_seconds(pid), cpu
    return cpu


@contextmanager
def _highest_memory(pid: int) -> Iterator[list[int]]:
    looks = [pss_bytes(pid)]
    over = threading.Event()

    def look() -> None:
        took = 0.0
        while not over.wait(max(_LOOK_SECONDS, _LOOK_PART * took)):
            started = time.perf_counter()
            looks.append(pss_bytes(pid))
            took = time.perf_counter() - started

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()
        looks.append(pss_bytes(pid))
