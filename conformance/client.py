"""A tus client that sends what it is told, right or wrong, and judges what no answer may break."""

from __future__ import annotations

import random
import re
import secrets
import time
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from .exchange import Exchanges
from .expect import (
    expect,
    expect_field,
    expect_number,
    expect_status,
)
from .target import NotAnnounced, NotTestable, Target
from .wire import Connection, FieldLines, Response, WireError

OFFSET_TYPE = "application/offset+octet-stream"
# As most clients send it: "test.bin" and "application/octet-stream".
METADATA = "filename dGVzdC5iaW4=,filetype YXBwbGljYXRpb24vb2N0ZXQtc3RyZWFt"
# What a download may be told while the file is being put together.
NOT_YET = (409, 423, 503)
# Answers to GET of a server that hands no uploads out, which tus 1.0.0 leaves to it.
_NO_GET = (405, 501)
_HEX = "0123456789abcdef"
_PORTS = {"http": 80, "https": 443}

Change = Mapping[str, str | None]


def sample(count: int, seed: int = 1) -> bytes:
    """`count` bytes, the same ones for the same seed."""
    return random.Random(seed).randbytes(count)


class Client(Exchanges):
    """One check's connections to the target, and the violations seen on the way.

    A request carries `Tus-Resumable: 1.0.0` and the target's headers; a check changes fields by
    name, None takes one out.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(target.timeout_seconds, target.tls)
        self.target = target

    def start(
        self,
        method: str,
        url: str,
        change: Change | None = None,
        *,
        length: int | None = None,
        other: bool = False,
    ) -> Connection:
        """Opens a connection and sends the head; `length` is Content-Length, None sends none."""
        return self.open(method, url, self._lines(url, change or {}, length, other))

    def send(
        self,
        method: str,
        url: str,
        change: Change | None = None,
        body: bytes | None = None,
        *,
        other: bool = False,
    ) -> Response:
        """One whole request on a connection of its own; without a body only POST, PATCH and PUT say
        Content-Length.
        """
        carries_body = body is not None or method in ("POST", "PATCH", "PUT")
        connection = self.start(
            method, url, change, length=len(body or b"") if carries_body else None, other=other
        )
        connection.send_body(body or b"")
        return self.read(connection)

    def send_chunked(
        self,
        method: str,
        url: str,
        change: Change,
        pieces: tuple[bytes, ...],
        trailers: FieldLines = (),
    ) -> Response:
        connection = self.start(method, url, {**change, "Transfer-Encoding": "chunked"})
        for piece in pieces:
            connection.send_chunk(piece)
        connection.end_chunks(trailers)
        return self.read(connection)

    def options(self, url: str | None = None, change: Change | None = None) -> Response:
        return self.send(
            "OPTIONS", url or self.target.url, {"Tus-Resumable": None, **(change or {})}
        )

    def post(self, change: Change | None = None, body: bytes | None = None) -> Response:
        """A creation request; metadata as most clients send it unless changed."""
        return self.send(
            "POST", self.target.url, {"Upload-Metadata": METADATA, **(change or {})}, body
        )

    def create(self, length: int = 10, change: Change | None = None) -> str:
        """A new upload's URL."""
        return self.location(self.post({"Upload-Length": str(length), **(change or {})}))

    def create_complete(self, body: bytes, change: Change | None = None) -> str:
        """A complete upload's URL; empty bodies are complete at once."""
        url = self.create(len(body), change)
        if body:
            expect_status(self.patch(url, 0, body), 204)
        return url

    def location(self, response: Response) -> str:
        if response.status == 413:
            self._need_room_for(response.sent.value("Upload-Length") or "0")
        expect_status(response, 201)
        location = response.fields.get("Location")
        expect(bool(location), "expected a Location in the 201", response)
        return urljoin(self.target.url, location or "")

    def head(self, url: str, change: Change | None = None) -> Response:
        return self.send("HEAD", url, change)

    def offset(self, url: str) -> int:
        response = self.head(url)
        expect_status(response, 200, 204)
        return expect_number(response, "Upload-Offset")

    def expect_offset(self, url: str, offset: int) -> None:
        response = self.head(url)
        expect_status(response, 200, 204)
        expect_field(response, "Upload-Offset", str(offset))

    def expect_gone(self, url: str) -> None:
        expect_status(self.head(url), 404, 410)

    def patch(self, url: str, offset: int, body: bytes, change: Change | None = None) -> Response:
        return self.send("PATCH", url, {**append_fields(offset), **(change or {})}, body)

    def append(self, url: str, offset: int, body: bytes, change: Change | None = None) -> None:
        """A PATCH that must be stored."""
        response = self.patch(url, offset, body, change)
        expect_status(response, 204)
        expect_field(response, "Upload-Offset", str(offset + len(body)))

    def start_patch(self, url: str, offset: int, length: int, sent: bytes) -> Connection:
        """A PATCH that promises `length` bytes and has sent only `sent`."""
        connection = self.start("PATCH", url, append_fields(offset), length=length)
        connection.send_body(sent)
        return connection

    def patch_when_free(
        self,
        url: str,
        offset: int,
        body: bytes,
        change: Change | None = None,
        *,
        within_seconds: float,
    ) -> Response:
        """A PATCH, sent again while it is told 423, as clients do; the last answer within the
        time.
        """
        deadline = time.monotonic() + within_seconds
        while True:
            response = self.patch(url, offset, body, change)
            late = time.monotonic() > deadline
            expect(not late, f"expected the PATCH to be taken within {within_seconds} s", response)
            if response.status != 423:
                return response
            time.sleep(0.2)

    def wait_offset(
        self, url: str, low: int, high: int, *, within_seconds: float, each_seconds: float
    ) -> int:
        """HEAD until the offset is in low..high; fails when that, or one HEAD, takes too long."""
        deadline = time.monotonic() + within_seconds
        while True:
            begun = time.monotonic()
            response = self.head(url)
            took = time.monotonic() - begun
            expect_status(response, 200, 204)
            slow = f"expected HEAD to answer within {each_seconds} s, it took {took:.2f} s"
            expect(took <= each_seconds, slow, response)
            offset = expect_number(response, "Upload-Offset")
            if low <= offset <= high:
                return offset
            waited = (
                f"expected Upload-Offset in {low}..{high} within {within_seconds} s, got {offset}"
            )
            expect(time.monotonic() < deadline, waited, response)
            time.sleep(0.05)

    def delete(self, url: str) -> Response:
        return self.send("DELETE", url)

    def expect_content(self, url: str, content: bytes) -> None:
        """Compares a complete upload's bytes where the server hands them out; where it does not,
        says nothing.
        """
        try:
            response = self.send("GET", url) if self.target.downloads else None
        except WireError:
            return
        if response is not None and response.status == 200:
            expect(response.body == content, _difference(response.body, content), response)

    def serves_downloads(self) -> bool:
        """Whether a complete upload comes back by GET, which tus 1.0.0 leaves open."""
        if not self.target.downloads:
            return False
        try:
            return self.send("GET", self.create_complete(b"1234567890")).status == 200
        except WireError:
            return False

    def download(self, url: str, change: Change | None = None) -> Response:
        """The answer to a GET, where the server has downloads at all."""
        if not self.target.downloads:
            raise NotTestable("needs downloads, which are not to be tried")
        response = self.send("GET", url, change)
        if response.status in _NO_GET:
            raise NotTestable("the server hands no uploads out")
        return response

    def expect_download(self, url: str, content: bytes, *, within_seconds: float) -> None:
        """Compares what GET hands out; asks again while it is told to, for a server may still be
        putting it together.
        """
        deadline = time.monotonic() + within_seconds
        while (response := self.send("GET", url)).status in NOT_YET:
            late = f"expected the download within {within_seconds} s"
            expect(time.monotonic() < deadline, late, response)
            time.sleep(0.1)
        expect_status(response, 200)
        expect(response.body == content, _difference(response.body, content), response)

    def expect_no_download(self, url: str, of: str) -> None:
        if self.target.downloads:
            response = self.send("GET", url)
            expect(response.status >= 400, f"expected no download of {of}", response)

    def extensions(self) -> list[str]:
        return [*self.options().fields.tokens("Tus-Extension"), *self.target.assumed]

    def require(self, *extensions: str) -> None:
        announced = self.extensions()
        for extension in extensions:
            if extension not in announced:
                raise NotAnnounced(extension)

    def max_size(self) -> int:
        """Tus-Max-Size; that it is a number is row 12's."""
        told = self.options().fields.get("Tus-Max-Size")
        if told is None or not (told.isascii() and told.isdecimal()):
            raise NotTestable(f"the server sends no {'' if told is None else 'valid '}Tus-Max-Size")
        return int(told)

    def unknown_url(self) -> str:
        """A URL shaped like an upload's that belongs to none."""
        url = self.create()
        name = _last_segment(url)
        return _with_segment(url, re.sub("[0-9a-f]", lambda _: secrets.choice(_HEX), name))

    def beside_uploads(self, name: str) -> str:
        """A URL with this last segment in an upload's place."""
        return _with_segment(self.create(), name)

    def _need_room_for(self, length: str) -> None:
        """A length over Tus-Max-Size is refused with good reason."""
        told = self.options().fields.get("Tus-Max-Size") or length
        if told.isdecimal() and int(told) < int(length):
            raise NotTestable(f"it needs {length} bytes, Tus-Max-Size is {told}")

    def _lines(
        self, url: str, change: Change, length: int | None, other: bool
    ) -> list[tuple[str, str]]:
        own = (self.target.other_headers or ()) if other else self.target.headers
        # a server may say that an upload lies elsewhere, but not who else gets to see a login
        own = own if origin_of(url) == origin_of(self.target.url) else ()
        named: dict[str, str | None] = {
            "Host": urlsplit(url).netloc,
            **dict(own),
            "Tus-Resumable": "1.0.0",
        }
        if length is not None:
            named["Content-Length"] = str(length)
        named.update(change)
        return [(name, value) for name, value in named.items() if value is not None]

    def violations_of(self, response: Response) -> list[str]:
        """No field twice, no server error. Tus-Resumable, which is to be in every answer too, is
        row 1's: a server that forgets it would fail half of all checks by it.
        """
        return _fields_twice(response) + super().violations_of(response)


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454, 4); of a URL that is none, what nothing else has."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return url, None, None


def append_fields(offset: int | str) -> dict[str, str | None]:
    return {"Content-Type": OFFSET_TYPE, "Upload-Offset": str(offset)}


def wrong_version(version: str | None = "0.2.2") -> dict[str, str | None]:
    return {"Tus-Resumable": version}


def _last_segment(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]


def _with_segment(url: str, name: str) -> str:
    """The URL with another last segment; a slash behind it stays."""
    bare = url.rstrip("/")
    return f"{bare.rpartition('/')[0]}/{name}{url[len(bare) :]}"


def _fields_twice(response: Response) -> list[str]:
    names = [
        name.lower()
        for name, _ in response.fields.lines
        if name.lower().startswith(("tus-", "upload-", "location"))
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [f"expected each field once, {name} came twice" for name in twice]


def _difference(got: bytes, wanted: bytes) -> str:
    pairs = enumerate(zip(got, wanted, strict=False))
    at = next(
        (index for index, (ours, theirs) in pairs if ours != theirs), min(len(got), len(wanted))
    )
    return f"expected {len(wanted)} given bytes, got {len(got)}; they differ from byte {at} on"
