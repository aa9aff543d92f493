"""What tusbridge costs: CPU of the server, beside bare servers that do the least.

Run ``python -m benchmarks`` from the repository's root, with the extra ``server`` installed; two to
three minutes, and as much free disk as ``--mib`` says. Linux only (/proc).

Four servers run, each started anew in every round, in an order that rotates, all with one worker:

- ``serve, process`` and ``serve, power``: ``tusbridge serve`` with each ``--durability``, SQLite;
- ``bare ASGI``: granian and a function that writes a body to a file with ``os.write``;
- ``bare Django``: granian's WSGI, four threads, and a view that reads one row through the ORM.

How to read the table. Every figure is a median over the rounds, with the least and the most behind
it. CPU is user and system time of the server's whole process tree from /proc/<pid>/stat, in ticks
of 10 ms; it is steadier than wall time and does not include the client. ``ratio`` divides by the
bare server that comes closest: bare ASGI for ``one PATCH``, one GET of bare Django for every
row of small requests. So a ratio of 1.3 for ``one PATCH`` says: a database, leases, fencing and
threads cost 30 % over writing the bytes. ``create + PATCH`` is two requests and two
transactions more than a read; do not expect 1. ``wall`` depends on the disk and on who else is on
the machine: ``power`` waits for the disk once a second, and at the end of every request.
``peak growth`` is how far the resident memory of the tree rose above what it was before the
PATCH; no bytes of the page cache are in it.

Figures of two machines, or of two runs on a busy one, are not to be compared: the ratios are.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.measure import COMMANDS, Client, Server, cpu_seconds, peak, reset_peak, running

SMALL_BYTES = 4096
WARM_UP = 50
BARE_ASGI, BARE_DJANGO = "bare ASGI", "bare Django"
CREATE = "Upload-Length: {}\r\n"

# (row, unit) -> server -> one figure of each round
Figures = dict[tuple[str, str], dict[str, list[float]]]
PATCH_CPU, PATCH_WALL = ("one PATCH", "CPU-s per GiB"), ("one PATCH, wall", "s per GiB")
PATCH_PEAK = ("one PATCH, peak growth", "MiB")
READ = ("HEAD (bare: GET)", "CPU ms")
CREATE_WITH = ("create with 4 KiB", "CPU ms")
CREATE_PATCH = ("create + 4 KiB PATCH", "CPU ms")
# the bare server's row that a row is compared with
COMPARED = {
    PATCH_CPU: (BARE_ASGI, PATCH_CPU),
    PATCH_WALL: (BARE_ASGI, PATCH_WALL),
    PATCH_PEAK: (BARE_ASGI, PATCH_PEAK),
    **dict.fromkeys((READ, CREATE_WITH, CREATE_PATCH), (BARE_DJANGO, READ)),
}


def main() -> None:
    """Parse the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mib", type=int, default=1024, help="MiB of the one PATCH (1024)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured (3)")
    parser.add_argument("--requests", type=int, default=2000, help="small requests per row (2000)")
    options = parser.parse_args()
    if min(options.mib, options.rounds, options.requests) < 1:
        parser.error("every number is at least 1")
    figures: Figures = defaultdict(lambda: defaultdict(list))
    names = list(COMMANDS)
    place = Path(tempfile.mkdtemp(prefix="tusbridge-bench-"))
    try:
        for round_number in range(options.rounds):
            turn = round_number % len(names)
            for name in names[turn:] + names[:turn]:
                own = place / f"{round_number}-{name.replace(', ', '-').replace(' ', '-')}"
                with running(name, own) as server, Client(server.port) as client:
                    measure(server, client, figures, options.mib, options.requests)
                shutil.rmtree(own)
            print(f"round {round_number + 1} of {options.rounds} done", flush=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print_table(figures)


def measure(server: Server, client: Client, figures: Figures, mib: int, requests: int) -> None:
    """All rows that this server can do."""
    if server.name == BARE_ASGI:
        patch = client.head("PATCH", "/", length=SMALL_BYTES) + bytes(SMALL_BYTES)
        for _ in range(WARM_UP):
            client.ask(patch, 204)
        measure_patch(server, client, figures, "/", mib)
        return
    if server.name == BARE_DJANGO:
        get = client.head("GET", "/rows/one")
        figures[READ][server.name].append(cpu_ms(server, client, [(get, 200)], requests))
        return
    created = client.head("POST", "/files/", CREATE.format(mib * 2**20), length=0)
    path = path_of(client.ask(created, 201))
    measure_small(server, client, figures, path, requests)
    measure_patch(server, client, figures, path, mib)
    fields = client.ask(client.head("HEAD", path), 200)
    if int(fields["upload-offset"]) != mib * 2**20:
        raise SystemExit(f"{server.name} lost bytes: {fields}")


def measure_small(
    server: Server, client: Client, figures: Figures, path: str, requests: int
) -> None:
    """Rows of small requests: a HEAD of the upload at ``path``, and two ways to create one."""
    head = client.head("HEAD", path)
    figures[READ][server.name].append(cpu_ms(server, client, [(head, 200)], requests))
    content = bytes(SMALL_BYTES)
    length = CREATE.format(SMALL_BYTES)
    whole = client.head("POST", "/files/", length, length=SMALL_BYTES) + content
    figures[CREATE_WITH][server.name].append(cpu_ms(server, client, [(whole, 201)], requests))
    create = client.head("POST", "/files/", length, length=0)
    patch = client.head("PATCH", "{}", "Upload-Offset: 0\r\n", length=SMALL_BYTES) + content
    pair = [(create, 201), (patch, 204)]
    figures[CREATE_PATCH][server.name].append(cpu_ms(server, client, pair, requests))


def cpu_ms(server: Server, client: Client, requests: list[tuple[bytes, int]], count: int) -> float:
    """The server's CPU in ms for all of ``requests`` once, over ``count`` times after a warm-up.

    A path of ``{}`` stands for that of the upload created last.
    """
    path = ""
    before = 0.0
    for number in range(WARM_UP + count):
        if number == WARM_UP:
            before = cpu_seconds(server.pid)
        for request, status in requests:
            fields = client.ask(request.replace(b"{}", path.encode(), 1), status)
            path = path_of(fields) or path
    return (cpu_seconds(server.pid) - before) / count * 1000


def measure_patch(server: Server, client: Client, figures: Figures, path: str, mib: int) -> None:
    """One PATCH of ``mib`` MiB from offset 0, beginning with nothing left to write to the disk."""
    os.sync()
    request = client.head("PATCH", path, "Upload-Offset: 0\r\n", length=mib * 2**20)
    resident = reset_peak(server.pid)
    cpu, started = cpu_seconds(server.pid), time.monotonic()
    client.ask(request, 204, mib=mib)
    wall = time.monotonic() - started
    gib = mib / 1024
    figures[PATCH_WALL][server.name].append(wall / gib)
    figures[PATCH_CPU][server.name].append((cpu_seconds(server.pid) - cpu) / gib)
    figures[PATCH_PEAK][server.name].append((peak(server.pid) - resident) / 2**20)


def path_of(fields: dict[str, str]) -> str:
    """The path that Location names; "" without one."""
    location = fields.get("location", "")
    return "/" + location.split("/", 3)[3] if "://" in location else location


def print_table(figures: Figures) -> None:
    """Median, least and most of each row and server, and the ratio to the bare one."""
    print(f"\n{'':24}{'':15}{'server':16}{'median':>9}{'least':>9}{'most':>9}{'ratio':>8}")
    for row, (bare, bare_row) in COMPARED.items():
        floor = statistics.median(figures[bare_row][bare])
        for name in COMMANDS:
            found = figures[row].get(name)
            if not found:
                continue
            median = statistics.median(found)
            ratio = f"{median / floor:8.2f}" if floor else f"{'-':>8}"
            spread = f"{median:9.2f}{min(found):9.2f}{max(found):9.2f}"
            print(f"{row[0]:24}{row[1]:15}{name:16}{spread}{ratio}")


if __name__ == "__main__":
    main()
