"""``tusbridge upload``: a tus client that goes on after a break, also in a later run."""

import http.client
import json
import os
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from urllib.parse import urljoin, urlsplit

import click

from tusbridge.texts import parse_size

# Seconds to wait for the server to take or to say something.
_TIMEOUT_SECONDS = 60
_BLOCK_BYTES = 1024 * 1024
_LONGEST_WAIT_SECONDS = 10.0
_MEDIA_TYPE = "application/offset+octet-stream"

Report = Callable[[int], None]


class _Retry(Exception):
    """Something that may pass by itself."""

    def __init__(self, why: str, wait: float = 0) -> None:
        super().__init__(why)
        self.wait = wait


def upload_file(
    file: Path,
    url: str,
    *,
    token: str | None,
    chunk_size: str | None,
    retries: int,
    restart: bool,
    quiet: bool,
) -> None:
    """Upload a file and print its URL.

    :raises click.ClickException: what went wrong, and what to do.
    """
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise click.ClickException(f"{url!r} is no URL; it begins with http:// or https://")
    try:
        size_of_chunk = parse_size(chunk_size) if chunk_size else None
    except ValueError as error:
        raise click.ClickException(f"--chunk-size: {error}") from error
    with file.open("rb") as source:
        length = os.fstat(source.fileno()).st_size
        memory = Memory(url, file, length)
        if restart:
            memory.forget()
        client = Client(url, token, size_of_chunk, retries)
        with show_progress(file.name, length, quiet=quiet) as report:
            location = client.run(source, file.name, length, memory, report)
    memory.forget()
    click.echo(location)


class Memory:
    """Which upload a file was being sent to, kept between runs."""

    def __init__(self, url: str, file: Path, length: int) -> None:
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        identity = f"{url}\n{file.resolve()}\n{length}\n{file.stat().st_mtime_ns}"
        self._path = state / "tusbridge" / "uploads" / sha256(identity.encode()).hexdigest()

    def recall(self) -> str | None:
        """The upload's URL, if one was begun."""
        with suppress(OSError, ValueError, KeyError):
            return str(json.loads(self._path.read_text(encoding="utf-8"))["url"])
        return None

    def keep(self, location: str) -> None:
        """Without a place to keep it, the upload works, but a later run begins anew."""
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.write_text(json.dumps({"url": location}), encoding="utf-8")

    def forget(self) -> None:
        """Begin anew the next time. Idempotent."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


class Client:
    """The tus client: one connection at a time."""

    def __init__(self, url: str, token: str | None, chunk: int | None, retries: int) -> None:
        self._url = url
        self._chunk = chunk
        self._retries = retries
        self._fields = {"Tus-Resumable": "1.0.0"}
        if token:
            self._fields["Authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None

    def run(self, source: BinaryIO, name: str, length: int, memory: Memory, report: Report) -> str:
        """Send the file; the upload's URL."""
        location = memory.recall()
        offset: int | None = None
        tries = 0
        while True:
            try:
                if location is not None and offset is None:
                    offset = self._ask(location)
                    location = location if offset is not None else None
                if location is None:
                    location, offset = self._create(name, length), 0
                    memory.keep(location)
                report(offset or 0)
                while offset is not None and offset < length:
                    offset = self._append(location, source, offset, length, report)
                    tries = 0
                return location
            except _Retry as error:
                tries += 1
                offset = None
                self._disconnect()
                if tries > self._retries:
                    raise click.ClickException(
                        f"gave up after {self._retries} tries: {error}; run it again to go on"
                    ) from error
                time.sleep(max(error.wait, min(0.5 * 2 ** (tries - 1), _LONGEST_WAIT_SECONDS)))

    def _create(self, name: str, length: int) -> str:
        metadata = f"filename {b64encode(os.fsencode(name)).decode()}"
        response = self._send(
            "POST",
            self._url,
            {"Upload-Length": str(length), "Upload-Metadata": metadata, "Content-Length": "0"},
        )
        location = response.getheader("Location")
        if response.status != 201 or not location:
            self._refuse(response)
        return urljoin(self._url, location)

    def _ask(self, location: str) -> int | None:
        """Where to go on; None when the server has forgotten the upload."""
        response = self._send("HEAD", location, {})
        if response.status in {403, 404, 410}:
            return None
        offset = response.getheader("Upload-Offset", "")
        if response.status not in {200, 204} or not offset.isdigit():
            self._refuse(response)
        return int(offset)

    def _append(
        self, location: str, source: BinaryIO, offset: int, length: int, report: Report
    ) -> int:
        count = min(self._chunk or length, length - offset)
        source.seek(offset)
        fields = {
            "Upload-Offset": str(offset),
            "Content-Type": _MEDIA_TYPE,
            "Content-Length": str(count),
        }
        response = self._send("PATCH", location, fields, _blocks(source, offset, count, report))
        if response.status != 204:
            self._refuse(response)
        now = response.getheader("Upload-Offset", "")
        if not now.isdigit() or int(now) <= offset:
            raise _Retry("the server took nothing")
        return int(now)

    def _send(
        self, method: str, url: str, fields: dict[str, str], body: Iterator[bytes] | None = None
    ) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            connection = self._connect()
            # a server that stops reading may have said why before
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path or "/", body=body, headers=self._fields | fields)
            response = connection.getresponse()
            response.body_text = response.read(1000).decode("utf-8", "replace").strip()  # type: ignore[attr-defined]
        except (OSError, http.client.HTTPException) as error:
            raise _Retry(
                f"{parts.netloc} does not answer ({error or type(error).__name__})"
            ) from error
        if response.will_close:
            self._disconnect()
        return response

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            parts = urlsplit(self._url)
            kind = (
                http.client.HTTPSConnection
                if parts.scheme == "https"
                else http.client.HTTPConnection
            )
            self._connection = kind(
                parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS, blocksize=_BLOCK_BYTES
            )
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _refuse(self, response: http.client.HTTPResponse) -> NoReturn:
        """Try again where that may help, else say what the server said."""
        said = getattr(response, "body_text", "") or response.reason
        if response.status in {409, 423, 429} or (
            response.status >= 500 and response.status != 501
        ):
            wait = response.getheader("Retry-After", "0")
            raise _Retry(said, float(wait) if wait.isdigit() else 0)
        if response.status == 401:
            said = "the server wants a valid access token; give it by --token or TUSBRIDGE_TOKEN"
        elif response.getheader("Tus-Resumable") is None:
            said = f"there is no tus server at {self._url} (it answered {response.status})"
        raise click.ClickException(said)


def _blocks(source: BinaryIO, offset: int, count: int, report: Report) -> Iterator[bytes]:
    end = offset + count
    while offset < end:
        block = source.read(min(_BLOCK_BYTES, end - offset))
        if not block:
            raise click.ClickException("the file got shorter while it was sent")
        yield block
        offset += len(block)
        report(offset)


@contextmanager
def show_progress(name: str, length: int, *, quiet: bool) -> Iterator[Report]:
    """A bar on a terminal, a line per tenth elsewhere; on standard error."""
    if quiet:
        yield lambda offset: None
    elif sys.stderr.isatty():
        with _bar(name, length) as report:
            yield report
    else:
        yield _lines(name, length)


@contextmanager
def _bar(name: str, length: int) -> Iterator[Report]:
    from rich.console import Console  # noqa: PLC0415 only where a bar is drawn
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns: list[Any] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=length)
        yield lambda offset: progress.update(task, completed=offset)


def _lines(name: str, length: int) -> Report:
    told = -1

    def report(offset: int) -> None:
        nonlocal told
        tenth = 10 if not length else offset * 10 // length
        if tenth > told:
            told = tenth
            click.echo(f"{name}: {tenth * 10} %, {offset} of {length} bytes", err=True)

    return report
