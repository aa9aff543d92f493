"""Clients that want a server's memory, threads and disk, and give nothing for it.

Each is one connection after the other, from an address of this machine of its own kind, at a
bounded rate; what the server answers is taken as it comes.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tests.crowd.wire import head
from tests.legacy.form_client import BOUNDARY

# Seconds between two bytes of a client that trickles.
TRICKLE_SECONDS = 5.0
# Seconds between two connections of one client.
_PAUSE_SECONDS = 0.2
PAGES = ("/healthz", "/", "/docs", "/admin/login/", "/no/such/page", "/legacy/")
_PIECE = b"10000\r\n" + bytes(65536) + b"\r\n"


class Line:
    """One connection of a hostile client."""

    def __init__(self, own: socket.socket) -> None:
        self._own = own
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._own, data)

    async def take(self) -> bytes:
        return await self._loop.sock_recv(self._own, 65536)

    async def take_all(self) -> None:
        """Until the server closes."""
        while await self.take():
            pass

    async def trickle(self, piece: bytes = b"x") -> None:
        """A byte now and then, until the server has had enough."""
        ending = asyncio.ensure_future(self.take())
        try:
            while not ending.done():
                await self.send(piece)
                await asyncio.wait([ending], timeout=TRICKLE_SECONDS)
        finally:
            ending.cancel()


@asynccontextmanager
async def line(port: int, source: str) -> AsyncIterator[Line]:
    own = socket.socket()
    own.setblocking(False)
    try:
        own.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", port))
        yield Line(own)
    finally:
        own.close()


Attack = Callable[[Line, str], Awaitable[None]]


def request(method: str, path: str, fields: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n".encode("latin-1")


async def fill_a_page(wire: Line, url: str) -> None:
    await wire.send(request("POST", random.choice(PAGES), "Transfer-Encoding: chunked\r\n"))
    for _ in range(1000):
        await wire.send(_PIECE)


async def trickle_to_a_page(wire: Line, url: str) -> None:
    await wire.send(request("POST", random.choice(PAGES), "Content-Length: 1000000\r\n"))
    await wire.send(bytes(100_000))
    await wire.trickle()


async def trickle_a_form(wire: Line, url: str) -> None:
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    await wire.send(request("POST", "/legacy/upload/", f"{kind}Content-Length: 9999999\r\n"))
    disposition = 'Content-Disposition: form-data; name="file"; filename="a"'
    await wire.send(f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode())
    await wire.trickle()


async def trickle_an_append(wire: Line, url: str) -> None:
    await wire.send(head("POST", "/files/", "Upload-Length: 100000\r\n", 100_000) + bytes(1000))
    await wire.trickle()


async def trickle_a_head(wire: Line, url: str) -> None:
    await wire.send(b"PATCH /files/x HTTP/1.1\r\nX-A: ")
    await wire.trickle()


async def take_no_download(wire: Line, url: str) -> None:
    await wire.send(request("GET", url))
    await asyncio.sleep(3600)


async def take_no_answers(wire: Line, url: str) -> None:
    await wire.send(request("GET", "/legacy/") * 500)
    await asyncio.sleep(3600)


async def ask_for_long_paths(wire: Line, url: str) -> None:
    path = f"{random.choice(('/files/', '/', '/legacy/'))}{random.random()}%F0%9F%98%80"
    await wire.send(request("GET", path + "a" * 60_000, "Connection: close\r\n"))
    await wire.take_all()


async def make_names_up(wire: Line, url: str) -> None:
    name = f"{random.getrandbits(64):x}" * 300
    fields = f"Content-Type: text/plain; charset={name}; a*={name}'x'%ff\r\nConnection: close\r\n"
    fields += f"Accept-Language: {name}\r\nCookie: a={name}\r\nOrigin: http://{name}\r\n"
    fields += f"Referer: http://{name}/\r\nHost: {name}\r\nTus-Resumable: 1.0.0\r\n"
    await wire.send(request(random.choice(("POST", "HEAD", "OPTIONS", "GET")), "/files/", fields))
    await wire.take_all()


async def send_many_fields(wire: Line, url: str) -> None:
    fields = "".join(f"X-{number}: {'y' * 200}\r\n" for number in range(1000))
    await wire.send(request("HEAD", f"{url}?{'q' * 30_000}", f"{fields}Connection: close\r\n"))
    await wire.take_all()


async def flood(wire: Line, url: str) -> None:
    for number in range(50):
        await wire.send(head(("OPTIONS", "HEAD", "HEAD")[number % 3], url))
        await wire.take()
        await asyncio.sleep(0.02)


# How many connections of each there are at a time.
ATTACKS: dict[Attack, int] = {
    fill_a_page: 4,
    trickle_to_a_page: 60,
    trickle_a_form: 300,
    trickle_an_append: 100,
    trickle_a_head: 200,
    take_no_download: 50,
    take_no_answers: 20,
    ask_for_long_paths: 4,
    make_names_up: 4,
    send_many_fields: 2,
    flood: 4,
}


async def attack_for_ever(attack: Attack, port: int, source: str, url: str) -> None:
    """One client, again and again until it is cancelled."""
    while True:
        with suppress(OSError):
            async with line(port, source) as wire:
                await attack(wire, url)
        await asyncio.sleep(_PAUSE_SECONDS)
