"""A real nginx with a configuration of the documentation, in front of a server's port."""

import re
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from benchmarks.ports import free_port
from tests.support.servers import ROOT

EXAMPLE = ROOT / "examples" / "nginx.conf"
START_SECONDS = 20
# Longer than it takes nginx and a client to see that a server has gone, in seconds.
ANSWER_SECONDS = 60
AROUND = """
daemon off;
user root;
worker_processes 1;
pid {place}/pid;
error_log {place}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    log_format told '$request_method $uri $status';
    access_log {place}/access.log told;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    include {place}/site.conf;
}}
"""


class Nginx:
    """nginx as a page of the documentation has it; only ports are others. A context manager."""

    def __init__(self, place: Path, upstream: int, site: str = "") -> None:
        self.port = free_port()
        site = site or EXAMPLE.read_text()
        assert "listen 80;" in site
        assert "127.0.0.1:8000" in site
        site = site.replace("listen 80;", f"listen 127.0.0.1:{self.port};")
        place.mkdir(parents=True, exist_ok=True)
        (place / "site.conf").write_text(site.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}"))
        (place / "nginx.conf").write_text(AROUND.format(place=place))
        self.url = f"http://127.0.0.1:{self.port}/files/"
        self._command = ["nginx", "-p", str(place), "-c", str(place / "nginx.conf")]
        self._place = place

    def __enter__(self) -> Self:
        tried = subprocess.run([*self._command, "-t"], capture_output=True, text=True, check=False)
        assert tried.returncode == 0, tried.stderr
        self._process = subprocess.Popen(self._command)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.05)
        self.__exit__()
        pytest.fail(f"nginx does not answer: {(self._place / 'error.log').read_text()}")

    def __exit__(self, *given: object) -> None:
        self._process.terminate()
        self._process.wait(START_SECONDS)

    @property
    def requests(self) -> list[str]:
        """``METHOD path status`` of each that has ended."""
        return (self._place / "access.log").read_text().splitlines()

    def wait_for(self, request: str, *, count: int = 1, since: int = 0) -> None:
        """Until so many requests that this pattern matches have ended, behind the first ``since``
        of all."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while sum(bool(re.fullmatch(request, line)) for line in self.requests[since:]) < count:
            assert time.monotonic() < deadline, self.requests
            time.sleep(0.02)
