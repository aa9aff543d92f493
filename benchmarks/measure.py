"""Servers are started by their command line, and stopped with all their processes."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60
STOP_SECONDS = 10
# Settings of the one who runs this are not the server's.
_NOT_INHERITED = ("TUSBRIDGE_", "DJANGO_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: its name, the process at the top of its tree, its port."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def pid(self) -> int:
        """The process at the top."""
        return self.process.pid

    def end(self) -> str:
        """How it ended and what it said of that; "" while it runs."""
        status = self.process.poll()
        if status is None:
            return ""
        said = self.log.read_text(errors="replace").strip().splitlines()
        errors = [line.strip() for line in said if "error" in line.lower()] or said[-1:]
        return f"it ended with status {status}" + (f": {errors[-1][:200]}" if errors else "")


@contextlib.contextmanager
def started(
    name: str, command: list[str], place: Path, environ: dict[str, str]
) -> Iterator[Server]:
    """A server by its command line, in which, as in ``environ``, ``{port}`` is its port.

    ``place`` is a new folder, in which ``log`` has what the server says. Raises SystemExit if
    nobody listens in time.
    """
    port = free_port()
    place.mkdir(parents=True)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
    log = place / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**inherited, **{k: v.replace("{port}", str(port)) for k, v in environ.items()}},
            cwd=ROOT,
            # a group of its own, so that none of its processes is left behind
            start_new_session=True,
        )
    server = Server(name=name, process=process, port=port, log=log)
    try:
        _wait_until_listening(server)
        yield server
    finally:
        _stop(process)


def _wait_until_listening(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", server.port), 5).close()
            return
        time.sleep(0.05)
    text = server.log.read_text(errors="replace")[-2000:]
    raise SystemExit(f"the server does not start:\n{text}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
