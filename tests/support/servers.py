"""Real servers on sockets: ``tusbridge serve``, and a Django site under gunicorn and uvicorn."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("serve", "gunicorn", "uvicorn")
START_SECONDS = 60
STOP_SECONDS = 15


@dataclass
class Server:
    """A running server; ``place`` is its folder."""

    kind: str
    url: str
    place: Path
    process: subprocess.Popen[bytes]
    command: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    database_url: str = ""

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].partition("/")[0])

    @property
    def pids(self) -> list[int]:
        """The process and all its children."""
        return [self.process.pid, *descendants(self.process.pid)]

    @property
    def log(self) -> str:
        return (self.place / "log").read_text(errors="replace")

    def kill(self) -> None:
        """kill -9 of all its processes."""
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def start(self) -> None:
        """Start it (again), and wait until it answers."""
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, env=self.environ, cwd=ROOT
            )
        wait_until_answering(self)

    def stop(self) -> float:
        """SIGTERM; the seconds it took to end."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"{self.kind} did not stop within {STOP_SECONDS} s:\n{self.log[-3000:]}")
        return time.monotonic() - started

    def descriptors(self) -> int:
        """Open files of all its processes."""
        return sum(_count_descriptors(pid) for pid in self.pids)

    def memory(self) -> int:
        """Resident bytes of all its processes, shared pages counted once (PSS)."""
        return sum(_pss(pid) for pid in self.pids)


@contextmanager
def running(
    kind: str,
    place: Path,
    *,
    database_url: str = "",
    options: dict[str, Any] | None = None,
    database_options: dict[str, Any] | None = None,
    flags: tuple[str, ...] = (),
    apps: tuple[str, ...] = (),
    middleware: tuple[str, ...] = (),
    may_stumble: bool = False,
    settings: str = "tests.site.settings",
    application: str = "",
    prepare: Callable[[dict[str, str]], None] | None = None,
) -> Iterator[Server]:
    """A server of that kind until the end of the block. ``options`` are TUSBRIDGE's names;
    ``apps`` and ``middleware`` are a site's besides.

    ``settings`` and ``application`` name another site's; ``prepare`` makes its database, given the
    environment of its processes.

    Whatever it logged of its own mistakes fails the test; with ``may_stumble`` only what went
    through our code, for uvicorn trips over some requests before it asks any application, or while
    it is told the answer to the one before.
    """
    place.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environ = {name: v for name, v in os.environ.items() if not name.startswith("TUSBRIDGE_")}
    if kind == "serve":
        command = _serve_command(port, place, database_url, options or {}, flags)
    else:
        environ |= {
            "SITE_PLACE": str(place),
            "SITE_DATABASE_URL": database_url,
            "SITE_TUSBRIDGE": json.dumps(options or {}),
            "SITE_DATABASE_OPTIONS": json.dumps(database_options or {}),
            "SITE_APPS": json.dumps(apps),
            "SITE_MIDDLEWARE": json.dumps(middleware),
            "DJANGO_SETTINGS_MODULE": settings,
        }
        (prepare or migrate)(environ)
        command = _site_command(kind, port, flags, application)
    url = f"http://127.0.0.1:{port}/files/"
    server = Server(kind, url, place, None, command, environ, database_url)  # type: ignore[arg-type]
    server.start()
    try:
        yield server
        if server.process.poll() is None:
            server.stop()
    finally:
        if server.process.poll() is None:
            server.kill()
    found = _tracebacks(server.log)
    if may_stumble:
        found = [text for text in found if f'File "{ROOT}/tusbridge/' in text]
        found = [text for text in found if "in send_400_response" not in text]
    assert not found, f"{len(found)} tracebacks, the first:\n{found[0]}"


def _tracebacks(log: str) -> list[str]:
    """Each with the line before it, and its error; in JSON it is part of its line."""
    found = re.findall(r"(?m)^.*\nTraceback \(most recent call last\):\n(?: .*\n)*.*", f"\n{log}")
    return found + [line for line in log.splitlines() if "Traceback" in line[1:]]


def _serve_command(
    port: int, place: Path, database_url: str, options: dict[str, Any], flags: tuple[str, ...]
) -> list[str]:
    command = [sys.executable, "-m", "tusbridge", "serve", "--port", str(port)]
    command += ["--data-dir", str(place / "data")]
    if database_url:
        command += ["--database-url", database_url]
    for name, value in options.items():
        flag = {"CORS_ORIGINS": "--cors-origin"}.get(name, f"--{name.lower().replace('_', '-')}")
        for one in value if isinstance(value, list) else [value]:
            command += [flag, str(one)]
    return [*command, *flags]


def migrate(environ: dict[str, str], *flags: str) -> None:
    """Make the site's tables."""
    command = [sys.executable, "-m", "django", "migrate", "-v0", *flags]
    subprocess.run(command, env=environ, cwd=ROOT, check=True, timeout=60)


def _site_command(kind: str, port: int, flags: tuple[str, ...], application: str) -> list[str]:
    """A site's server, with the front or the wrapper of ours; ``-plain`` without."""
    server, _, how = kind.partition("-")
    wsgi = "tests.site.plain:application" if how == "plain" else "tests.site.wsgi:application"
    is_wsgi = server in {"gunicorn", "waitress", "uwsgi"}
    app = application or (wsgi if is_wsgi else "tests.site.asgi:application")
    address = f"127.0.0.1:{port}"
    if server == "gunicorn":
        worker = ("-k", "sync") if how == "sync" else ("-k", "gthread", "--threads", "64")
        command = [
            *("gunicorn", *worker, "--config", "python:tests.site.gunicorn", "-b", address),
            *("--graceful-timeout", "5", "--limit-request-line", "8190", *flags, app),
        ]
    elif server == "granian":
        command = ["granian", "--interface", "asgi", "--http", "auto", "--no-ws"]
        command += ["--port", str(port), *flags, app]
    elif server == "waitress":
        command = ["waitress", f"--listen={address}", "--threads=16", *flags, app]
    elif server == "daphne":
        command = ["daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), *flags, app]
    elif server == "uwsgi":
        return [
            *(str(Path(sys.executable).with_name("uwsgi")), "--http11-socket", address),
            *("--master", "--enable-threads", "--threads", "16", "--need-app"),
            *("--disable-logging", "--die-on-term", "--wsgi", app, *flags),
        ]
    else:
        command = ["uvicorn", "--port", str(port), "--log-level", "warning", *flags, app]
    return [sys.executable, "-m", *command]


def wait_until_answering(server: Server) -> None:
    """Until OPTIONS is answered with 200; a server that cannot start fails the test."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
        with closing(connection), suppress(OSError, HTTPException):
            connection.request("OPTIONS", urlsplit(server.url).path)
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    pytest.fail(f"{server.kind} does not answer:\n{server.log[-4000:]}")


def descendants(pid: int) -> list[int]:
    """All processes below one, from /proc."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        direct = [int(child) for child in children.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [below for child in direct for below in (child, *descendants(child))]


def _count_descriptors(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return (
        next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) * 1024
    )
