"""``tusbridge upload``: a tus client that goes on after a break, also in a later run.

What a server says is shown as inert text, need not be a number where one is due, and never sends
the token to another origin.
"""

import http.client
import json
import os
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from urllib.parse import SplitResult, urljoin, urlsplit

import click

from tusbridge.errors import InvalidField
from tusbridge.protocol.fields import parse_integer
from tusbridge.texts import parse_size, render_inert

# Seconds to wait for the server to take or to say something.
_TIMEOUT_SECONDS = 60
_BLOCK_BYTES = 1024 * 1024
_LONGEST_WAIT_SECONDS = 10.0
# What is obeyed of a server's Retry-After, and the wait from which on the user hears of it.
_LONGEST_RETRY_AFTER_SECONDS = 60.0
_TOLD_WAIT_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}
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
    if not _is_url(url):
        raise click.ClickException(f"{url!r} is not a URL: it begins with http:// or https://")
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
        with show_progress(render_inert(file.name), length, quiet=quiet) as report:
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
        self._token = token
        self._connection: http.client.HTTPConnection | None = None
        self._connected_to: tuple[str, str, int] | None = None

    def run(self, source: BinaryIO, name: str, length: int, memory: Memory, report: Report) -> str:
        """Send the file; the upload's URL."""
        location = memory.recall()
        offset: int | None = None
        tries = creations = furthest = 0
        while True:
            try:
                if location is not None and offset is None:
                    offset = self._ask(location, length)
                    location = location if offset is not None else None
                if location is None:
                    creations += 1
                    if creations > self._retries + 1:
                        raise click.ClickException("gave up: the server forgets each upload")
                    location, offset = self._create(name, length), 0
                    memory.keep(location)
                report(offset or 0)
                while offset is not None and offset < length:
                    offset = self._append(location, source, offset, length, report)
                    if offset > furthest:
                        tries, furthest = 0, offset
                return location
            except _Retry as error:
                tries += 1
                offset = None
                self._disconnect()
                if tries > self._retries:
                    raise click.ClickException(
                        f"gave up after {self._retries} tries: {error}; run it again to go on"
                    ) from error
                pause = max(error.wait, min(0.5 * 2 ** (tries - 1), _LONGEST_WAIT_SECONDS))
                if pause > _TOLD_WAIT_SECONDS:
                    click.echo(f"trying again in {pause:.0f} s: {error}", err=True)
                time.sleep(pause)

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
        try:
            url = urljoin(self._url, location)
        except ValueError:
            url = ""
        if not _is_url(url):
            raise click.ClickException(
                f"the server named an upload that cannot be asked for: {render_inert(location)}"
            )
        return url

    def _ask(self, location: str, length: int) -> int | None:
        """Where to go on; None when the server has forgotten the upload."""
        response = self._send("HEAD", location, {})
        if response.status in {403, 404, 410}:
            return None
        offset = _offset_of(response)
        if response.status not in {200, 204} or offset is None:
            self._refuse(response)
        if offset > length:
            raise click.ClickException(f"the server has {offset} bytes, and the file {length}")
        return offset

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
        now = _offset_of(response)
        if now is None or now <= offset:
            raise _Retry("the server took nothing")
        if now > offset + count:
            raise click.ClickException(
                f"the server says it has {now} bytes; only {offset + count} were sent"
            )
        return now

    def _send(
        self, method: str, url: str, fields: dict[str, str], body: Iterator[bytes] | None = None
    ) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        fields = {"Tus-Resumable": "1.0.0", **fields}
        # a server may say that an upload lies elsewhere, but not who else gets to see the token
        if self._token and _origin(parts) == _origin(urlsplit(self._url)):
            fields["Authorization"] = f"Bearer {self._token}"
        try:
            connection = self._connect(parts)
            # a server that stops reading may have said why before
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path or "/", body=body, headers=fields)
            response = connection.getresponse()
            response.body_text = response.read(1000).decode("utf-8", "replace").strip()  # type: ignore[attr-defined]
        except (OSError, http.client.HTTPException) as error:
            why = render_inert(str(error)) or type(error).__name__
            raise _Retry(f"{parts.netloc} does not answer ({why})") from error
        if response.will_close:
            self._disconnect()
        return response

    def _connect(self, parts: SplitResult) -> http.client.HTTPConnection:
        if self._connected_to != _origin(parts):
            self._disconnect()
        if self._connection is None:
            self._connected_to = _origin(parts)
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
        self._connected_to = None

    def _refuse(self, response: http.client.HTTPResponse) -> NoReturn:
        """Try again where that may help, else say what the server said."""
        said = render_inert(getattr(response, "body_text", "") or response.reason)
        if response.status in {409, 423, 429} or (
            response.status >= 500 and response.status != 501
        ):
            raise _Retry(said, _retry_after(response.getheader("Retry-After", "")))
        location = response.getheader("Location")
        if response.status == 401:
            said = "the server wants a valid access token; give it by --token or TUSBRIDGE_TOKEN"
        elif 300 <= response.status < 400 and location:
            said = (
                f"the server sends elsewhere: {render_inert(location)}; use that URL if it is right"
            )
        elif response.getheader("Tus-Resumable") is None:
            said = f"there is no tus server at {self._url} (it answered {response.status})"
        raise click.ClickException(said)


def _is_url(text: str) -> bool:
    """Whether this is an http(s) URL that can be asked for: printable ASCII without blanks."""
    try:
        parts = urlsplit(text)
        _origin(parts)
    except ValueError:
        return False
    is_whole = parts.scheme in _PORTS and bool(parts.hostname)
    return is_whole and text.isascii() and text.isprintable() and " " not in text


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454, 4).

    :raises ValueError: the port is not a number of one.
    """
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def _offset_of(response: http.client.HTTPResponse) -> int | None:
    """Upload-Offset; None where there is none, or what stands there is not a number of bytes."""
    try:
        return parse_integer("Upload-Offset", response.getheader("Upload-Offset", ""))
    except InvalidField:
        return None


def _retry_after(text: str) -> float:
    """Seconds to wait (RFC 9110, 10.2.3), at most a minute; 0 for what cannot be read."""
    try:
        if text.isascii() and text.isdigit():
            # any number of so many digits is more than a minute
            seconds = float(text[:15])
        else:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0
    wait = min(max(seconds, 0), _LONGEST_RETRY_AFTER_SECONDS)
    if seconds > wait > 0:
        click.echo(f"the server asks for a pause of {seconds:.0f} s; it gets {wait:.0f}", err=True)
    return wait


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
