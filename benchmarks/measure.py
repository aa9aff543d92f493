"""Servers to be measured, what their processes cost, and a client of raw sockets.

CPU is that of the server's whole process tree; the client's is not in any figure.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60
STOP_SECONDS = 15
# One buffer, sent again and again: the client makes no bytes while it measures.
BLOCK = memoryview(os.urandom(2**20))

_SERVE = ("-m", "tusbridge", "serve", "--durability")
_GRANIAN = ("-m", "granian", "--workers", "1", "--no-log", "--interface")
# Arguments of Python by the server's name; those of the data folder and the port are added.
COMMANDS = {
    "serve, process": (*_SERVE, "process"),
    "serve, power": (*_SERVE, "power"),
    "bare ASGI": (*_GRANIAN, "asgi", "--loop", "asyncio", "benchmarks.bare_asgi:application"),
    "bare Django": (
        *(*_GRANIAN, "wsgi", "--blocking-threads", "4"),
        "benchmarks.bare_django:application",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: its name, the process at the top of its tree, its port."""

    name: str
    pid: int
    port: int


def running(name: str, place: Path) -> contextlib.AbstractContextManager[Server]:
    """One of ``COMMANDS`` with its data in the folder ``place``, until the end of the block."""
    command = [sys.executable, *COMMANDS[name], "--port", "{port}"]
    if name.startswith("serve"):
        command += ["--data-dir", str(place)]
    return started(name, command, place, {"BARE_PLACE": str(place)})


@contextlib.contextmanager
def started(
    name: str, command: list[str], place: Path, environ: dict[str, str]
) -> Iterator[Server]:
    """A server by its command line, in which ``{port}`` stands for its port; so in ``environ``."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    place.mkdir(parents=True)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TUSBRIDGE_", "DJANGO_"))}
    log = place / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            stdout=output,
            stderr=output,
            env={**inherited, **{k: v.replace("{port}", str(port)) for k, v in environ.items()}},
            cwd=ROOT,
        )
    try:
        _wait_until_listening(process, port, log)
        yield Server(name=name, pid=process.pid, port=port)
    finally:
        _stop(process)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        time.sleep(0.05)
    raise SystemExit(f"the server does not start:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    pids = tree(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


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


def reset_peak(pid: int) -> int:
    """Begin to watch for the highest resident size of a process tree; the bytes it has now."""
    for one in tree(pid):
        Path(f"/proc/{one}/clear_refs").write_text("5")
    return _status_bytes(pid, "VmRSS")


def peak(pid: int) -> int:
    """Highest resident bytes since :func:`reset_peak`, summed over the tree."""
    return _status_bytes(pid, "VmHWM")


def _status_bytes(pid: int, name: str) -> int:
    texts = [Path(f"/proc/{one}/status").read_text() for one in tree(pid)]
    found = [re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE) for text in texts]
    return sum(int(match[1]) * 1024 for match in found if match)


class Client:
    """One keep-alive connection. An answer that was not expected raises."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 300)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = f"127.0.0.1:{port}"

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def head(self, method: str, path: str, fields: str = "", length: int | None = None) -> bytes:
        """A request's head, ready to be sent; ``fields`` are whole lines."""
        lines = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nTus-Resumable: 1.0.0\r\n"
        if length is not None:
            lines += (
                f"Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n"
            )
        return f"{lines}{fields}\r\n".encode()

    def talk(self, request: bytes, tail: bytes, *, mib: int) -> dict[str, str]:
        """Send a request, ``mib`` MiB and a tail; the answer's JSON, which has to be a 200."""
        self._socket.sendall(request)
        for _ in range(mib):
            self._socket.sendall(BLOCK)
        self._socket.sendall(tail)
        with self._socket.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            length = 0
            while (line := answer.readline().strip()) != b"":
                name, _, value = line.lower().partition(b": ")
                length = int(value) if name == b"content-length" else length
            body = answer.read(length)
        if status != 200:
            raise SystemExit(f"{status}: {body[:500]!r}")
        return dict(json.loads(body))

    def ask(self, request: bytes, status: int, *, mib: int = 0) -> dict[str, str]:
        """Send a request, and ``mib`` MiB after it; the answer's fields, by lower-case name."""
        self._socket.sendall(request)
        for _ in range(mib):
            self._socket.sendall(BLOCK)
        answer = b""
        while b"\r\n\r\n" not in answer:
            received = self._socket.recv(65536)
            if not received:
                raise SystemExit(f"no answer, but {answer!r}")
            answer += received
        first, *lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        if int(first.split()[1]) != status or int(fields.get("content-length", "0")):
            raise SystemExit(f"not {status} without a body, but {answer!r}")
        return fields
