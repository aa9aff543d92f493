"""`tusbridge upload` at servers that say strange things: nothing breaks, hangs or leaks."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CONTENT = b"0123456789"
Reply = tuple[int, dict[str, str], bytes]
Say = Callable[[str, str, dict[str, str]], Reply]


@contextmanager
def saying(say: Say) -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """A server that answers what ``say`` says to method, path and fields; its URL, and what it was
    asked: methods with their fields."""
    asked: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            fields = {name.lower(): value for name, value in self.headers.items()}
            asked.append((self.command, fields))
            self.rfile.read(int(fields.get("content-length", "0")))
            status, more, body = say(self.command, self.path, fields)
            self.send_response_only(status)
            told = {"Tus-Resumable": "1.0.0", "Content-Length": str(len(body)), **more}
            for name, value in told.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_POST = do_HEAD = do_PATCH = do_GET = answer  # noqa: N815 the library's names

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/files/", asked
        finally:
            server.shutdown()
            thread.join()


def upload(
    url: str, tmp_path: Path, *options: str, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "a.bin"
    if not file.exists():
        file.write_bytes(CONTENT)
    ran = subprocess.run(
        [sys.executable, "-m", "tusbridge", "upload", str(file), url, *options],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={"XDG_STATE_HOME": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"},
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr
    return ran


def created(location: str = "/files/1") -> Reply:
    return 201, {"Location": location}, b""


@pytest.mark.parametrize(
    "offset", ["\xb2", "9" * 5000, "-1", "+5", "5.0", "", "1_0", "0x5", "\x1b[2J", "05"]
)
def test_an_odd_offset_is_no_number_and_no_traceback(tmp_path: Path, offset: str) -> None:
    def say(method: str, path: str, fields: dict[str, str]) -> Reply:
        if method == "POST":
            return created()
        return (204 if method == "PATCH" else 200), {"Upload-Offset": offset}, b""

    with saying(say) as (url, asked):
        ran = upload(url, tmp_path, "--retries", "0")
    assert ran.returncode == 1
    assert "the server took nothing" in ran.stderr
    assert [method for method, _ in asked] == ["POST", "PATCH"]


@pytest.mark.parametrize(("method", "status"), [("PATCH", 204), ("HEAD", 200)])
def test_more_bytes_than_were_sent_are_not_believed(
    tmp_path: Path, method: str, status: int
) -> None:
    def say(asked: str, path: str, fields: dict[str, str]) -> Reply:
        if asked == "POST":
            return created()
        return (status, {"Upload-Offset": "11"}, b"") if asked == method else (423, {}, b"busy")

    with saying(say) as (url, _):
        ran = upload(url, tmp_path, "--retries", "1")
    assert ran.returncode == 1
    assert "11" in ran.stderr


@pytest.mark.parametrize(
    "value",
    [
        *("-5", "garbage", "\xb2", "1e9", "", "Sun, 99 Foo 2026 99:99:99 GMT", "nan", "inf"),
        *("\x1b]0;x\x07", formatdate(0, usegmt=True), "Fri, 01 Jan 99999 00:00:00 GMT"),
    ],
)
def test_a_retry_after_that_says_no_time_is_none(tmp_path: Path, value: str) -> None:
    def say(method: str, path: str, fields: dict[str, str]) -> Reply:
        return 503, {"Retry-After": value}, b"no"

    begun = time.monotonic()
    with saying(say) as (url, asked):
        ran = upload(url, tmp_path, "--retries", "1")
    assert ran.returncode == 1
    assert "gave up after 1 tries" in ran.stderr
    assert len(asked) == 2
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    "value",
    ["86400", "9" * 5000, formatdate(time.time() + 86400, usegmt=True)],
    ids=["seconds", "digits", "date"],
)
def test_a_retry_after_of_a_day_is_cut_and_said(tmp_path: Path, value: str) -> None:
    def say(method: str, path: str, fields: dict[str, str]) -> Reply:
        return 503, {"Retry-After": value}, b"no \x1b[31mroom"

    with saying(say) as (url, _):
        ran = upload(url, tmp_path, "--retries", "0")
    assert "it gets 60" in ran.stderr
    assert "no \\x1b[31mroom" in ran.stderr


@pytest.mark.parametrize(
    "head", [(404, {}, b""), (410, {}, b""), (200, {"Upload-Offset": "0"}, b"")]
)
def test_a_server_that_forgets_is_given_up(tmp_path: Path, head: Reply) -> None:
    """Each PATCH of a chunk is taken, the next one breaks, and all is gone again."""

    def say(method: str, path: str, fields: dict[str, str]) -> Reply:
        if method == "POST":
            return created()
        if method == "HEAD":
            return head
        taken = fields["upload-offset"] == "0"
        return (204, {"Upload-Offset": "5"}, b"") if taken else (503, {}, b"no")

    with saying(say) as (url, asked):
        ran = upload(url, tmp_path, "--retries", "2", "--chunk-size", "5")
    assert ran.returncode == 1
    assert "gave up" in ran.stderr
    assert len(asked) < 20


def test_the_token_goes_to_its_own_origin_only(tmp_path: Path) -> None:
    def elsewhere(method: str, path: str, fields: dict[str, str]) -> Reply:
        return 204, {"Upload-Offset": "10"}, b""

    with saying(elsewhere) as (other, asked_there):
        location = other.replace("/files/", "/files/1")
        with saying(lambda *_: created(location)) as (url, asked_here):
            ran = upload(url, tmp_path, "--token", "secret")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == location
    assert [fields.get("authorization") for _, fields in asked_here] == ["Bearer secret"]
    assert [(method, "authorization" in fields) for method, fields in asked_there] == [
        ("PATCH", False)
    ]


@pytest.mark.parametrize(
    "location",
    [
        *("http://[::1", "http://127.0.0.1:99999/x", "ftp://127.0.0.1/x", "javascript:alert(1)"),
        *("/files/\x1b[2J", "/files/a b", "/files/\xe9", "http://:80/"),
    ],
)
def test_a_location_that_cannot_be_asked_for_is_said(tmp_path: Path, location: str) -> None:
    with saying(lambda *_: created(location)) as (url, asked):
        ran = upload(url, tmp_path, "--retries", "0")
    assert ran.returncode == 1
    assert "cannot be asked for" in ran.stderr
    assert len(asked) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_told_and_not_followed(tmp_path: Path, status: int) -> None:
    location = {"Location": "http://127.0.0.1:1/files/"}
    with saying(lambda *_: (status, location, b"")) as (url, asked):
        ran = upload(url, tmp_path, "--token", "secret")
    assert "sends elsewhere: http://127.0.0.1:1/files/" in ran.stderr
    assert len(asked) == 1


@pytest.mark.parametrize("url", ["http://h:99999/", "http://[::1/", "http://h:x/", "h/files"])
def test_a_url_that_is_none_is_said(tmp_path: Path, url: str) -> None:
    ran = upload(url, tmp_path)
    assert "is not a URL" in ran.stderr


def test_an_upload_that_another_run_began_elsewhere_gets_no_token(tmp_path: Path) -> None:
    """What is remembered came from a server, too."""
    with (
        saying(lambda *_: (200, {"Upload-Offset": "10"}, b"")) as (other, asked_there),
        saying(lambda *_: created(f"{other}1")) as (url, _),
    ):
        upload(url, tmp_path, "--token", "secret", "--retries", "0")
        (kept,) = (tmp_path / "state").rglob("*/uploads/*")
        assert json.loads(kept.read_text())["url"] == f"{other}1"
        again = upload(url, tmp_path, "--token", "secret")
    assert again.returncode == 0
    assert {"authorization" in fields for _, fields in asked_there} == {False}
