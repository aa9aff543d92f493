"""Behind Debian's nginx, with the very configuration that the documentation shows."""

import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.ports import free_port
from conformance.checks import ALL
from conformance.registry import Check
from tests.server.test_conformance import ORIGIN, READ_TIMEOUT
from tests.support import conformance
from tests.support.conformance import FAILED, NOT_ANNOUNCED, NOT_TESTABLE, PASSED, Report, logins
from tests.support.serve import require
from tests.support.servers import ROOT, running

pytestmark = pytest.mark.nginx

EXAMPLE = ROOT / "examples" / "nginx.conf"
START_SECONDS = 20
AROUND = """
daemon off;
user root;
worker_processes 1;
pid {place}/pid;
error_log {place}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    include {place}/site.conf;
}}
"""
# What nginx does before it asks us.
BEYOND_US = {
    "row-021-malformed-id": "nginx answers by itself what is no URL",
    "row-021-nul-in-id": "nginx answers by itself what is no URL",
    "row-081-no-100-before-a-refusal": "nginx sends 100 Continue itself",
    "row-082-expect-with-too-many-bytes": "nginx sends 100 Continue itself",
    "row-082-expect-over-the-limit": "nginx sends 100 Continue itself",
}
# What it may do: it drops its last buffer when a client ends the connection right behind it.
NOT_ALWAYS = {"row-041-fin-right-behind-the-bytes"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    place = tmp_path_factory.mktemp("nginx")
    require(shutil.which("nginx"), "nginx (apt-get install nginx-light)")
    options = {"CORS_ORIGINS": [ORIGIN], "READ_TIMEOUT": READ_TIMEOUT}
    with running("serve", place / "serve", options=options) as server:
        words = [f"--cors-origin={ORIGIN}", f"--read-timeout={READ_TIMEOUT}", *logins(server)]
        with nginx(place, server.port) as port:
            return conformance.check(place, f"http://127.0.0.1:{port}/files/", *words)


class nginx:  # noqa: N801 -- used as a function is
    """nginx with an example's configuration, in front of a port; gives its own."""

    def __init__(self, place: Path, upstream: int, example: Path = EXAMPLE) -> None:
        self.port = free_port()
        site = example.read_text()
        assert "listen 80;" in site
        assert "127.0.0.1:8000" in site
        site = site.replace("listen 80;", f"listen 127.0.0.1:{self.port};")
        (place / "site.conf").write_text(site.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}"))
        (place / "nginx.conf").write_text(AROUND.format(place=place))
        self._command = ["nginx", "-p", str(place), "-c", str(place / "nginx.conf")]
        self._log = place / "error.log"

    def __enter__(self) -> int:
        subprocess.run([*self._command, "-t"], check=True, capture_output=True)
        self._process = subprocess.Popen(self._command)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self.port
            time.sleep(0.05)
        self.__exit__()
        pytest.fail(f"nginx does not answer: {self._log.read_text()}")

    def __exit__(self, *given: object) -> None:
        self._process.terminate()
        self._process.wait(START_SECONDS)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_row_behind_nginx(check: Check, report: Report) -> None:
    outcome = report.outcome(check.id)
    if check.id in BEYOND_US:
        assert outcome == FAILED, "it works now: take it off the list"
    elif check.id not in NOT_ALWAYS:
        assert outcome in {PASSED, NOT_TESTABLE, NOT_ANNOUNCED}, report.explain(check.id)
