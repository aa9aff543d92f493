"""What chunks of forms cost: the original of the contract, the drop-in, and ``tusbridge serve``.

Run ``python -m benchmarks.legacy --original .venvs/original/bin/python`` from the root of the
repository, after ``make original``. The first two are one site under one gunicorn, four threads,
once with django-chunked-upload-patched and once with ours; nothing is synced to the disk by either
(``DURABILITY`` is ``process``). One upload goes up in chunks of 8 MiB by one connection, then its
md5. Figures are as in ``python -m benchmarks``; the ratio is to the original.
"""

import argparse
import hashlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.measure import BLOCK, Client, Server, cpu_seconds, peak, reset_peak, started

CHUNK_MIB = 8
ORIGINAL = "original"
_BOUNDARY = "benchmark-boundary"
_GUNICORN = (
    *("-m", "gunicorn", "-k", "gthread", "--threads", "4", "--workers", "1"),
    "benchmarks.chunked_site:application",
)
_SERVE = ("-m", "tusbridge", "serve", "--durability")

Figures = dict[str, dict[str, list[float]]]


def commands(original: str) -> dict[str, list[str]]:
    """Each server's command line, without port and folder."""
    ours = sys.executable
    return {
        ORIGINAL: [original, *_GUNICORN],
        "drop-in": [ours, *_GUNICORN],
        "serve, process": [ours, *_SERVE, "process"],
        "serve, power": [ours, *_SERVE, "power"],
    }


def main() -> None:
    """Parse the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.legacy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--original", required=True, help="a Python that has the original")
    parser.add_argument("--mib", type=int, default=1024, help="MiB of the upload (1024)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured (3)")
    options = parser.parse_args()
    if options.mib < CHUNK_MIB or options.mib % CHUNK_MIB or options.rounds < 1:
        parser.error(f"--mib is a multiple of {CHUNK_MIB}, --rounds at least 1")
    figures: Figures = defaultdict(lambda: defaultdict(list))
    servers = commands(os.path.abspath(options.original))
    place = Path(tempfile.mkdtemp(prefix="tusbridge-bench-"))
    try:
        for number in range(options.rounds):
            names = list(servers)
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                own = place / f"{number}-{name.replace(', ', '-')}"
                with start(name, servers[name], own) as server, Client(server.port) as client:
                    print(name, flush=True)
                    measure(server, client, figures, options.mib)
                shutil.rmtree(own)
            print(f"round {number + 1} of {options.rounds} done", flush=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print_table(figures, list(servers))


def start(name: str, command: list[str], place: Path) -> AbstractContextManager[Server]:
    """The server, running until the end of the block."""
    environ = {"BENCH_PLACE": str(place), "BENCH_DROPIN": str(int(name != ORIGINAL))}
    if name.startswith("serve"):
        return started(name, [*command, "--data-dir", str(place), "--port", "{port}"], place, {})
    return started(name, [*command, "--bind", "127.0.0.1:{port}"], place, environ)


def measure(server: Server, client: Client, figures: Figures, mib: int) -> None:
    """One upload of ``mib`` MiB, completed, after a small one."""
    upload(client, 1, CHUNK_MIB)
    os.sync()
    resident = reset_peak(server.pid)
    cpu, begun = cpu_seconds(server.pid), time.monotonic()
    upload_id, md5 = upload(client, mib // CHUNK_MIB, CHUNK_MIB)
    sent_cpu, sent = cpu_seconds(server.pid), time.monotonic()
    complete(client, upload_id, md5)
    done_cpu, done = cpu_seconds(server.pid), time.monotonic()
    gib = mib / 1024
    for row, value in {
        "chunks, CPU-s per GiB": (sent_cpu - cpu) / gib,
        "md5, CPU-s per GiB": (done_cpu - sent_cpu) / gib,
        "both, CPU-s per GiB": (done_cpu - cpu) / gib,
        "chunks, MB/s": mib * 1.048576 / (sent - begun),
        "md5, wall s per GiB": (done - sent) / gib,
        "peak growth, MiB": (peak(server.pid) - resident) / 2**20,
    }.items():
        figures[row][server.name].append(value)


def upload(client: Client, count: int, chunk_mib: int) -> tuple[str, str]:
    """Send ``count`` chunks; the upload's id and md5. The client's own work is in no figure."""
    size, total = chunk_mib * 2**20, count * chunk_mib * 2**20
    digest = hashlib.md5(usedforsecurity=False)
    upload_id = ""
    for number in range(count):
        fields = f"Content-Range: bytes {number * size}-{(number + 1) * size - 1}/{total}\r\n"
        form = field("upload_id", upload_id) if upload_id else b""
        form += (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
        head = post("/legacy/upload/", len(form) + size + len(tail), fields)
        upload_id = client.talk(head + form, tail, mib=chunk_mib)["upload_id"]
        for _ in range(chunk_mib):
            digest.update(BLOCK)
    return upload_id, digest.hexdigest()


def complete(client: Client, upload_id: str, md5: str) -> None:
    """Send the md5."""
    tail = f"--{_BOUNDARY}--\r\n".encode()
    form = field("upload_id", upload_id) + field("md5", md5) + tail
    client.talk(post("/legacy/complete/", len(form), "") + form, b"", mib=0)


def field(name: str, value: str) -> bytes:
    """One field of a form."""
    return (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
    ).encode()


def post(path: str, length: int, fields: str) -> bytes:
    """A request's head."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n{fields}\r\n"
    ).encode()


def print_table(figures: Figures, names: list[str]) -> None:
    """Median, least and most of each row and server, and the ratio to the original."""
    print(f"\n{'':24}{'server':16}{'median':>9}{'least':>9}{'most':>9}{'ratio':>8}")
    for row, found in figures.items():
        floor = statistics.median(found[ORIGINAL])
        for name in names:
            median = statistics.median(found[name])
            ratio = f"{median / floor:8.2f}" if floor else f"{'-':>8}"
            spread = f"{median:9.2f}{min(found[name]):9.2f}{max(found[name]):9.2f}"
            print(f"{row:24}{name:16}{spread}{ratio}")


if __name__ == "__main__":
    main()
