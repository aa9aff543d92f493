"""Valid requests of every kind, as values that can be spoilt before they become bytes."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.fuzz.hostile import RANGES, TEXTS, placeholder

CRLF = b"\r\n"
OFFSET_TYPE = b"application/offset+octet-stream"
# Of an open upload, in bytes; small, so that many requests are right by chance.
OPEN_LENGTH = 64
PART_LENGTH = 16
# As many uploads of each kind are there to be aimed at.
POOL = 8


@dataclass(slots=True, kw_only=True)
class Request:
    """A request before it becomes bytes; ``body`` as it goes over the wire."""

    method: bytes
    path: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes = b""
    version: bytes = b"HTTP/1.1"
    target: str = ""
    must_close: bool = False
    notes: list[str] = field(default_factory=list)

    def put(self, name: bytes, value: bytes) -> None:
        self.drop(name)
        self.fields.append((name, value))

    def drop(self, name: bytes) -> None:
        self.fields = [pair for pair in self.fields if pair[0].lower() != name.lower()]

    def render(self) -> bytes:
        lines = [b" ".join([self.method, self.path, self.version])]
        lines += [name + b": " + value for name, value in self.fields]
        return CRLF.join([*lines, b"", b""]) + self.body


def _head(method: bytes, path: bytes, *fields: tuple[bytes, bytes]) -> Request:
    own = [(b"Host", b"127.0.0.1"), (b"Tus-Resumable", b"1.0.0")]
    return Request(method=method, path=path, fields=[*own, *fields])


def _with_body(request: Request, body: bytes, random: Random) -> Request:
    request.put(b"Content-Type", OFFSET_TYPE)
    if random.random() < 0.3:
        request.put(b"Transfer-Encoding", b"chunked")
        request.body = _chunked(body, random)
    else:
        request.put(b"Content-Length", str(len(body)).encode())
        request.body = body
    if random.random() < 0.15:
        request.put(b"Upload-Checksum", b"sha1 " + _b64(hashlib.sha1(body).digest()))
    return request


def _chunked(body: bytes, random: Random) -> bytes:
    out, at = b"", 0
    while at < len(body):
        size = random.randint(1, len(body) - at)
        extension = random.choice([b"", b"", b";a=b", b';a="b;c"', b" ;x"])
        out += b"%x%b\r\n%b\r\n" % (size, extension, body[at : at + size])
        at += size
    return out + b"0\r\n\r\n"


def _b64(value: bytes) -> bytes:
    return base64.b64encode(value)


def _upload(random: Random, *kinds: str) -> tuple[bytes, str]:
    kind, number = random.choice(kinds), random.randrange(POOL)
    return b"/files/" + placeholder(kind, number), f"{kind}{number}"


def _create(random: Random) -> Request:
    request = _head(
        b"POST", b"/files/", (b"Upload-Length", str(random.choice([0, 1, 64])).encode())
    )
    request.put(b"Content-Length", b"0")
    if random.random() < 0.5:
        request.put(b"Upload-Metadata", b"filename " + _b64(random.choice(TEXTS)[:2000]) + b",k")
    return request


def _create_with_body(random: Random) -> Request:
    body = random.randbytes(random.choice([1, 10, 64]))
    request = _head(b"POST", b"/files/", (b"Upload-Length", b"64"))
    if random.random() < 0.2:
        request.drop(b"Upload-Length")
        request.put(b"Upload-Defer-Length", b"1")
    return _with_body(request, body, random)


def _create_part(random: Random) -> Request:
    request = _head(b"POST", b"/files/", (b"Upload-Length", b"16"), (b"Upload-Concat", b"partial"))
    return _with_body(request, random.randbytes(random.choice([1, 16])), random)


def _create_final(random: Random) -> Request:
    urls = [_upload(random, "part", "part", "part", "open")[0] for _ in range(random.randint(1, 5))]
    request = _head(b"POST", b"/files/", (b"Upload-Concat", b"final;" + b" ".join(urls)))
    request.put(b"Content-Length", b"0")
    return request


def valid_append(random: Random) -> Request:
    """A PATCH, at an offset that is often the right one."""
    path, target = _upload(random, "open", "open", "open", "part", "final", "kept", "gone")
    offset = random.choice([0, 0, 0, 1, 5, 32, 64])
    request = _head(b"PATCH", path, (b"Upload-Offset", str(offset).encode()))
    request.target = target
    return _with_body(request, random.randbytes(random.choice([0, 1, 4, 27, 64])), random)


def _head_of(random: Random) -> Request:
    path, _ = _upload(random, "open", "part", "final", "kept", "gone")
    return _head(b"HEAD", path)


def _get(random: Random) -> Request:
    path, _ = _upload(random, "kept", "kept", "final", "open", "part", "gone")
    request = _head(b"GET", path)
    if random.random() < 0.6:
        request.put(b"Range", random.choice(RANGES))
    if random.random() < 0.2:
        request.put(random.choice([b"If-Range", b"If-None-Match"]), random.choice(TEXTS))
    return request


def _delete(random: Random) -> Request:
    path, target = _upload(random, "open", "gone")
    request = _head(b"DELETE", path)
    request.target = target
    return request


def _options(random: Random) -> Request:
    path = random.choice([b"/files/", b"/files", _upload(random, "open", "kept")[0], b"*"])
    request = _head(b"OPTIONS", path)
    if random.random() < 0.5:
        request.put(b"Origin", b"http://page.example")
        request.put(b"Access-Control-Request-Method", b"PATCH")
    return request


def _other(random: Random) -> Request:
    return _head(b"GET", random.choice([b"/", b"/files/", b"/docs", b"/healthz", b"/nowhere"]))


VALID: tuple[Callable[[Random], Request], ...] = (
    *(_create, _create_with_body, _create_part, _create_final),
    *((valid_append,) * 4),
    *(_head_of, _get, _delete, _options, _other),
)
