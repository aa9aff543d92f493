"""A process tree's CPU time, memory and bytes written, from /proc."""

import contextlib
import os
import re
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_WRITTEN = re.compile(r"^write_bytes: (\d+)", re.MULTILINE)


def tree(pid: int) -> list[int]:
    """A process and all below it, whichever thread started them."""
    found = [pid]
    with contextlib.suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [below for child in children.read_text().split() for below in tree(int(child))]
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time so far of a process tree, user and system, with children that have ended."""
    ticks = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            stat = Path(f"/proc/{one}/stat").read_text()
            # fields 14 to 17 of proc(5), counted after the name, which may hold spaces
            ticks += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return ticks / TICKS_PER_SECOND


def pss_bytes(pid: int) -> int:
    """Memory of a process tree: what several processes share is counted once, in parts."""
    return sum(_sum(f"/proc/{one}/smaps_rollup", _PSS) for one in tree(pid)) * 1024


def written_bytes(pid: int) -> int:
    """Bytes that a process tree made to be written to disks, with children that have ended."""
    return sum(_sum(f"/proc/{one}/io", _WRITTEN) for one in tree(pid))


def _sum(path: str, pattern: re.Pattern[str]) -> int:
    # one that ends meanwhile has nothing any more
    with contextlib.suppress(OSError):
        return sum(map(int, pattern.findall(Path(path).read_text())))
    return 0
