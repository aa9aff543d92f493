"""A running tusbridge for the tests that talk to it as a client does: over a socket.

TUSBRIDGE_TEST_URL names a server that runs already, TUSBRIDGE_TEST_TOKEN a bearer token that it
takes; without the former, a server is started on a free port.
"""

import base64
import contextlib
import hashlib
import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest

from benchmarks.ports import free_port

# A server that does not answer within this many seconds of its start is broken.
START_SECONDS = 60
# SIGTERM lets requests end; after this many seconds a server that still runs is broken.
STOP_SECONDS = 30
# Joining the parts of an upload behind the answer takes no longer than this, in seconds.
JOIN_SECONDS = 60
JOIN_POLL_SECONDS = 0.1


_TUSBRIDGE = (sys.executable, "-m", "tusbridge")


def require(found: object, what: str) -> None:
    """Fail the test without `what`; with TUSBRIDGE_SKIP_MISSING=1 skip it."""
    if found:
        return
    if os.environ.get("TUSBRIDGE_SKIP_MISSING") == "1":
        pytest.skip(f"missing: {what}")
    pytest.fail(f"missing: {what} (TUSBRIDGE_SKIP_MISSING=1 skips such tests)", pytrace=False)


@contextlib.contextmanager
def running_server(data_dir: Path, *, cors_origin: str | None = None) -> Iterator[str]:
    """The URL of a server's tus endpoint."""
    given = os.environ.get("TUSBRIDGE_TEST_URL")
    if given:
        yield given
        return
    port = free_port()
    data_dir.mkdir(parents=True, exist_ok=True)
    command = [*_TUSBRIDGE, "serve", "--port", str(port), "--data-dir", str(data_dir)]
    if cors_origin:
        command += ["--cors-origin", cors_origin]
    log = data_dir.parent / f"{data_dir.name}.log"
    with log.open("wb") as output, _started(command, output) as process:
        _wait_until_ready(f"http://127.0.0.1:{port}/readyz", process, log)
        yield f"http://127.0.0.1:{port}/files/"


def bearer_token(data_dir: Path, name: str) -> str:
    """A new token that the server over `data_dir` takes."""
    given = os.environ.get("TUSBRIDGE_TEST_TOKEN")
    if given:
        return given
    require(
        "TUSBRIDGE_TEST_URL" not in os.environ, "TUSBRIDGE_TEST_TOKEN for that TUSBRIDGE_TEST_URL"
    )
    command = [*_TUSBRIDGE, "token", "--data-dir", str(data_dir), name]
    made = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, env=_environment(), check=True
    )
    return made.stdout.split()[-1]


def _environment() -> dict[str, str]:
    """Ours, without what pytest-django put there for itself."""
    return {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}


@contextlib.contextmanager
def _started(command: list[str], output: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command, stdout=output, stderr=subprocess.STDOUT, env=_environment()
    ) as process:
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        pytest.fail(f"the server did not stop within {STOP_SECONDS} s of SIGTERM")


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _status(url) == 200:
            return
        time.sleep(0.05)
    state = f"exit code {process.returncode}" if process.poll() is not None else "still running"
    pytest.fail(
        f"no 200 from {url} ({state}); its output:\n{log.read_text(errors='replace')[-4000:]}"
    )


def _status(url: str) -> int | None:
    """The status of a GET; None where nobody answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", parts.path)
        return connection.getresponse().status
    return None


def download(url: str, token: str | None = None) -> bytes:
    """What a GET of an upload's URL answers with.

    423 says that its parts are being put together: it is asked again until `JOIN_SECONDS` are over.
    """
    fields = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=fields)
    deadline = time.monotonic() + JOIN_SECONDS
    while (body := _body_of(request, may_wait=time.monotonic() < deadline)) is None:
        time.sleep(JOIN_POLL_SECONDS)
    return body


def _body_of(request: urllib.request.Request, *, may_wait: bool) -> bytes | None:
    """The answer's body; None for a 423 that names a time to come back."""
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            body: bytes = response.read()
            return body
    except urllib.error.HTTPError as error:
        may_come_back = error.code == HTTPStatus.LOCKED and "Retry-After" in error.headers
        if not may_wait or not may_come_back:
            raise
        error.close()
        return None


def ask(url: str, token: str | None = None) -> dict[str, str]:
    """The fields of the answer to a HEAD of an upload, names in lower case."""
    fields = {"Tus-Resumable": "1.0.0"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, method="HEAD", headers=fields)
    with urllib.request.urlopen(request, timeout=60) as response:
        return {name.lower(): value for name, value in response.headers.items()}


def metadata_of(url: str) -> dict[str, str]:
    """An upload's metadata as the server tells it, decoded."""
    pairs = ask(url).get("upload-metadata", "").split(",")
    split = [pair.partition(" ") for pair in pairs if pair]
    return {key: base64.b64decode(value, validate=True).decode() for key, _, value in split}


def sha256(data: bytes) -> str:
    """A digest that says on failure which of two contents differ, without printing either."""
    return hashlib.sha256(data).hexdigest()
