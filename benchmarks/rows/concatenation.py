"""Row 7: four partial uploads become one, beside what ``cp`` needs for the same bytes."""

import os
import subprocess
import time
from pathlib import Path

from benchmarks.answers import Answer
from benchmarks.content import MIB
from benchmarks.costs import Cost
from benchmarks.figures import CPU, Measure
from benchmarks.processes import written_bytes
from benchmarks.rows.base import Row, Sizes, Turn, Values, costs_beside, part, prepare
from benchmarks.rows.uploads import append
from benchmarks.tus import blocks, created

PARTS = 4
_LOOK_SECONDS = 0.01
# A server that writes no more than this between two looks is at something else.
_QUIET_SECONDS, _NOTHING_BYTES = 0.5, 65536

THERE = Measure(name="offset is the length", unit="s")
DONE = Measure(name="nothing more is written", unit="s")
WRITTEN = Measure(name="written", unit="MiB", digits=0)


def concatenate(turn: Turn) -> Values:
    """Row 7: until the final upload's offset is its length, and until the disk has all of it."""
    turn.demand("concatenation")
    length = turn.sizes.joined_bytes
    with turn.client() as client:
        paths = []
        for _ in range(PARTS):
            request = turn.requests.create(length // PARTS, "Upload-Concat: partial\r\n")
            paths.append(created(client.ask(request)))
            append(turn, client, paths[-1], 0, length // PARTS)
    turn.prepare(length)
    with turn.client() as client:
        written = written_bytes(turn.server.pid)
        with turn.measured() as cost:
            final = created(client.ask(turn.requests.concatenate(paths)))
            head = turn.requests.plain("HEAD", final)
            while not _is_whole(answer := client.ask(head), length):
                turn.deadline.check()
                time.sleep(_LOOK_SECONDS)
            there = cost.wall_so_far()
            done = _when_all_is_written(turn, cost)
        turn.check_finished(answer, length)
        written = written_bytes(turn.server.pid) - written
    return {
        THERE: there,
        DONE: max(there, done),
        CPU: cost.cpu,
        WRITTEN: written / MIB,
        **costs_beside(cost),
    }


def _when_all_is_written(turn: Turn, cost: Cost) -> float:
    """Seconds from the beginning of the block to the last bytes of any size: a server may answer
    first and copy then."""
    last, seen = 0.0, written_bytes(turn.server.pid)
    while cost.wall_so_far() - last < _QUIET_SECONDS:
        turn.deadline.check()
        time.sleep(_LOOK_SECONDS)
        now = written_bytes(turn.server.pid)
        if now - seen > _NOTHING_BYTES:
            last = cost.wall_so_far()
        seen = now
    return last


def _is_whole(answer: Answer, length: int) -> bool:
    # a final upload that is not whole yet may be without an offset (tus 1.0.0, concatenation)
    return answer.status not in {200, 204} or answer.fields.get("upload-offset") == str(length)


def copy(place: Path, sizes: Sizes) -> Values:
    """The same bytes, copied by ``cp``."""
    source, target = place / "from", place / "to"
    source.mkdir(parents=True)
    target.mkdir()
    for number in range(PARTS):
        with (source / str(number)).open("wb") as file:
            file.writelines(blocks(sizes.joined_bytes // PARTS))
    prepare(place, sizes.joined_bytes)
    started = time.perf_counter()
    process = subprocess.Popen(["cp", *sorted(map(str, source.iterdir())), str(target)])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"cp ended with status {process.returncode}")
    # ru_oublock counts in 512 bytes
    return {
        THERE: wall,
        DONE: wall,
        CPU: used.ru_utime + used.ru_stime,
        WRITTEN: used.ru_oublock * 512 / MIB,
    }


CONCATENATION = Row(
    number=7,
    title="Concatenation of 4 x 256 MiB",
    parts=(part("concat", "Concatenation of 4 x 256 MiB", concatenate),),
    rounds=1,
    beside=("cp", "cp of the same four files", copy),
)
