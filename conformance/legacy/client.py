"""A client of the two views that sends what it is told, right or wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Literal
from urllib.parse import urlsplit

from ..client import sample
from ..exchange import Exchanges
from ..target import NotTestable
from ..wire import Connection, Response
from .expect import expect_offset_error, expect_progress, expect_taken
from .forms import Body, FilePart, multipart, urlencoded
from .target import Field, Target, require

# Whose headers a request carries.
Who = Literal["own", "other", "anonymous"]
Change = Mapping[str, str | None]


def span(start: int, size: int, total: int) -> str:
    """A Content-Range; an empty one ends before it starts, as jQuery-File-Upload's would."""
    return f"bytes {start}-{start + size - 1}/{total}"


def md5_of(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A request that is sent but for its last bytes."""

    connection: Connection
    rest: bytes

    def let_go(self) -> None:
        self.connection.send(self.rest)


class Client(Exchanges):
    """One check's connections to the target, and the violations seen on the way."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.timeout_seconds, target.tls)
        self.target = target

    def content(self, count: int, seed: int = 1) -> bytes:
        """`count` bytes, the same ones for the same seed; as many have to be allowed."""
        limit = self.target.max_bytes
        if limit is not None and count > limit:
            raise NotTestable(f"needs {count} bytes, and the limit is {limit}")
        return sample(count, seed)

    # requests of any kind

    def start(
        self, method: str, url: str, body: Body | None, change: Change | None, who: Who
    ) -> Connection:
        """Opens a connection and sends the head."""
        named: dict[str, str | None] = {"Host": urlsplit(url).netloc, **dict(self._headers(who))}
        if body is not None:
            named |= {"Content-Type": body.type, "Content-Length": str(len(body.content))}
        named |= change or {}
        lines = [(name, value) for name, value in named.items() if value is not None]
        return self.open(method, url, lines)

    def send(
        self,
        method: str,
        url: str,
        body: Body | None = None,
        change: Change | None = None,
        *,
        who: Who = "own",
        may_crash: bool = False,
    ) -> Response:
        """One whole request on a connection of its own; `may_crash` allows a server error."""
        connection = self.start(method, url, body, change, who)
        if body is not None:
            connection.send_body(body.content)
        response = connection.read_response() if may_crash else self.read(connection)
        connection.close()
        return response

    def hold(
        self, url: str, body: Body, change: Change | None = None, *, hold_bytes: int = 1
    ) -> Held:
        """A POST of which all but the last `hold_bytes` are sent."""
        connection = self.start("POST", url, body, change, "own")
        first, rest = body.content[:-hold_bytes], body.content[-hold_bytes:]
        connection.send_body(first)
        return Held(connection=connection, rest=rest)

    def let_go_at_once(self, held: Sequence[Held]) -> list[Response]:
        """The answers to requests whose last bytes are sent at the same moment."""
        together = Barrier(len(held))

        def go(one: Held) -> Response:
            together.wait()
            one.let_go()
            return self.read(one.connection)

        with ThreadPoolExecutor(len(held)) as pool:
            return list(pool.map(go, held))

    # the upload view

    def form(
        self,
        content: bytes,
        upload_id: str | None = None,
        *,
        fields: Sequence[Field] = (),
        filename: str = "test.bin",
    ) -> Body:
        """The form of one chunk."""
        named = [("upload_id", upload_id)] if upload_id is not None else []
        part = FilePart(name=self.target.field_name, content=content, filename=filename)
        return multipart([*named, *fields], [part])

    def post(
        self, body: Body, content_range: str | None = None, *, who: Who = "own", query: str = ""
    ) -> Response:
        """A POST to the upload view."""
        change = {"Content-Range": content_range}
        return self.send("POST", self.target.upload_url + query, body, change, who=who)

    def chunk(
        self,
        content: bytes,
        start: int,
        total: int,
        upload_id: str | None = None,
        *,
        who: Who = "own",
        fields: Sequence[Field] = (),
        filename: str = "test.bin",
    ) -> Response:
        body = self.form(content, upload_id, fields=fields, filename=filename)
        return self.post(body, span(start, len(content), total), who=who)

    def begin(self, content: bytes, total: int, *, who: Who = "own") -> str:
        """A new upload's id; its first chunk is stored."""
        found = expect_progress(self.chunk(content, 0, total, who=who), len(content))
        return str(found["upload_id"])

    def append(
        self, upload_id: str, content: bytes, start: int, total: int, *, who: Who = "own"
    ) -> None:
        """A chunk that must be stored."""
        response = self.chunk(content, start, total, upload_id, who=who)
        expect_progress(response, start + len(content), upload_id)

    def hold_chunk(
        self, upload_id: str, content: bytes, start: int, total: int, *, hold_bytes: int = 1
    ) -> Held:
        change = {"Content-Range": span(start, len(content), total)}
        body = self.form(content, upload_id)
        return self.hold(self.target.upload_url, body, change, hold_bytes=hold_bytes)

    def probe(self, upload_id: str, offset: int, *, who: Who = "own") -> Response:
        """The answer to a chunk that is wrong when the offset is so: how clients ask for it."""
        limit = self.target.max_bytes
        content = b"" if limit is not None and offset >= limit else b"?"
        total = offset + 2 if limit is None else min(offset + 2, limit)
        body = self.form(content, upload_id)
        return self.post(body, span(offset + 1, len(content), total), who=who)

    def expect_offset(self, upload_id: str, offset: int, *, who: Who = "own") -> None:
        expect_offset_error(self.probe(upload_id, offset, who=who), offset)

    # the complete view

    def complete_form(
        self, upload_id: str | None, md5: str | None, fields: Sequence[Field] = ()
    ) -> Body:
        named = [("upload_id", upload_id), ("md5", md5), *fields]
        return urlencoded([(name, value) for name, value in named if value is not None])

    def complete(
        self,
        upload_id: str | None,
        md5: str | None,
        fields: Sequence[Field] = (),
        *,
        who: Who = "own",
        may_crash: bool = False,
    ) -> Response:
        body = self.complete_form(upload_id, md5, fields)
        url = self.target.complete_url
        return self.send("POST", url, body, who=who, may_crash=may_crash)

    def finish(self, upload_id: str, content: bytes) -> None:
        """Completes the upload, whether or not md5 is looked at."""
        expect_taken(self.complete(upload_id, md5_of(content)))

    def expect_content(self, upload_id: str, content: bytes) -> None:
        """Completes the upload by its md5: proof of every byte, where that is checked."""
        require(self.target, "md5")
        self.finish(upload_id, content)

    def each_view(self) -> list[tuple[str, Callable[[], Body]]]:
        """Both views' URLs, each with a form that it takes as far as it is looked at."""
        return [
            (self.target.upload_url, lambda: self.form(b"12345")),
            (self.target.complete_url, lambda: self.complete_form("0" * 32, "0" * 32)),
        ]

    def _headers(self, who: Who) -> Sequence[Field]:
        if who == "own":
            return self.target.headers
        return (
            self.target.anonymous_headers if who == "anonymous" else self.target.other_headers or ()
        )
