"""Clients of raw sockets: one that asks over asyncio, and slow uploads."""

import asyncio
import os
import resource
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

T = TypeVar("T")

# Sockets besides the crowd's own.
_SPARE_DESCRIPTORS = 500
# Connections that create uploads for a crowd.
_CREATORS = 8
KIB = 1024


def run(work: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: a browser driver may hold this one's event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def allow_sockets(count: int) -> None:
    """Raise the limit of open files so that ``count`` sockets fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _SPARE_DESCRIPTORS
    assert hard == resource.RLIM_INFINITY or wanted <= hard, f"{hard} files are all we may open"
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: ``fields`` by lower-case name."""

    status: int
    fields: dict[str, str]
    body: bytes = b""

    @property
    def offset(self) -> int:
        return int(self.fields["upload-offset"])


class Wire:
    """One connection, in one event loop."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    async def __aenter__(self) -> Self:
        try:
            address = ("127.0.0.1", self.port)
            await asyncio.get_running_loop().sock_connect(self._socket, address)
        except BaseException:
            self._socket.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def send(self, data: bytes | memoryview) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def receive(self) -> bytes:
        """What came; b"" once the server has closed, or broken, the connection."""
        try:
            return await asyncio.get_running_loop().sock_recv(self._socket, 2**18)
        except ConnectionError:
            return b""

    async def wait_until_closed(self) -> bytes:
        """All that comes until the server closes."""
        got = self._rest
        while chunk := await self.receive():
            got += chunk
        return got

    async def answer(self, method: str = "") -> Answer:
        """The next final answer; ConnectionError when the server closes instead."""
        status, fields = await self._head()
        has_body = method != "HEAD" and status != 204
        body = b"".join([piece async for piece in self._body(fields)]) if has_body else b""
        return Answer(status, fields, body)

    async def download(self, path: str) -> AsyncIterator[bytes]:
        """A finished upload's bytes, in pieces."""
        await self.send(head("GET", path))
        status, fields = await self._head()
        assert status == 200, fields
        async for piece in self._body(fields):
            yield piece

    async def _head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._rest:
            chunk = await self.receive()
            if not chunk:
                raise ConnectionError(f"closed after {self._rest!r}")
            self._rest += chunk
        text, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        return int(first.split()[1]), fields

    async def _body(self, fields: dict[str, str]) -> AsyncIterator[bytes]:
        left = int(fields.get("content-length", "0"))
        while left:
            piece, self._rest = self._rest[:left], self._rest[left:]
            piece = piece or await self.receive()
            if not piece:
                raise ConnectionError(f"closed {left} bytes before a body's end")
            if len(piece) > left:
                piece, self._rest = piece[:left], piece[left:]
            left -= len(piece)
            yield piece

    async def ask(self, request: bytes, method: str = "") -> Answer:
        await self.send(request)
        return await self.answer(method)


def head(method: str, path: str, fields: str = "", length: int | None = None) -> bytes:
    """A request's head; ``fields`` are whole lines."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\n"
    if length is not None:
        lines += f"Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n"
    return f"{lines}{fields}\r\n".encode()


def patch_head(path: str, offset: int, length: int) -> bytes:
    """The head of a PATCH of ``length`` bytes."""
    return head("PATCH", path, f"Upload-Offset: {offset}\r\n", length)


async def create(wire: Wire, length: int) -> str:
    """The path of a new upload of ``length`` bytes."""
    answer = await wire.ask(head("POST", "/files/", f"Upload-Length: {length}\r\n", 0))
    assert answer.status == 201, answer
    return "/files/" + answer.fields["location"].rpartition("/files/")[2]


async def offset_of(wire: Wire, path: str) -> int:
    answer = await wire.ask(head("HEAD", path), "HEAD")
    assert answer.status == 200, answer
    return answer.offset


async def get(port: int, path: str) -> bytes:
    """A finished upload's bytes."""
    async with Wire(port) as wire:
        return b"".join([piece async for piece in wire.download(path)])


async def shared_out(
    port: int, items: Iterable[T], work: Callable[[Wire, T], Awaitable[None]]
) -> None:
    """Do ``work`` with each item, over a few connections."""
    left = list(items)[::-1]

    async def one_connection() -> None:
        async with Wire(port) as wire:
            while left:
                await work(wire, left.pop())

    await asyncio.gather(*(one_connection() for _ in range(_CREATORS)))


async def create_many(port: int, lengths: Iterable[int]) -> list[str]:
    """Paths of new uploads with these lengths, in their order."""
    wanted = list(lengths)
    paths = [""] * len(wanted)

    async def make(wire: Wire, number: int) -> None:
        paths[number] = await create(wire, wanted[number])

    await shared_out(port, range(len(wanted)), make)
    return paths


@dataclass(slots=True)
class SlowUpload:
    """A PATCH that sends 1 KiB each ``pause`` seconds; breaks off at ``until``, if it has not
    ended. What is sent is ``content`` up to ``sent``."""

    path: str
    length: int
    pause: float = 0.25
    sent: int = 0
    answer: Answer | None = None
    trouble: str = ""
    content: bytes = field(default_factory=lambda: os.urandom(KIB))

    async def run(self, port: int, until: float, start_after: float = 0.0) -> None:
        """:param until: a time of the monotonic clock, in seconds."""
        await asyncio.sleep(start_after)
        try:
            async with Wire(port) as wire:
                await wire.send(patch_head(self.path, 0, self.length))
                due = time.monotonic()
                while self.sent < self.length and time.monotonic() < until:
                    piece = self.content[: self.length - self.sent]
                    await wire.send(piece)
                    self.sent += len(piece)
                    due += self.pause
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self.sent == self.length:
                    self.answer = await asyncio.wait_for(wire.answer(), 60)
        except (OSError, TimeoutError) as error:
            self.trouble = f"{type(error).__name__} {error} after {self.sent} bytes"

    def expected(self) -> bytes:
        """The bytes that were sent."""
        return (self.content * (self.sent // KIB + 1))[: self.sent]
