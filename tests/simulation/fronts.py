"""A process with the ASGI application in its event loop, and requests to it piece by piece."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.simulation.loops import Loop
from tests.simulation.site import Site
from tests.simulation.world import World
from tusbridge.asgi import TusbridgeASGI

_LAST_SECONDS = 400.0


class Exchange:
    """One request on its way, and what is answered."""

    def __init__(self, method: str, path: str, fields: dict[str, str]) -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(n.encode(), v.encode()) for n, v in {"host": "t", **fields}.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("t", 80),
        }
        self.came: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self.news = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.is_over = False

    def add(self, message: dict[str, Any]) -> None:
        """Something comes from the client; in the loop's thread."""
        self.came.append(message)
        self.news.set()

    async def receive(self) -> dict[str, Any]:
        """ASGI."""
        while not self.came:
            self.news.clear()
            await self.news.wait()
        return self.came.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        """ASGI."""
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        """That of the answer; None: there is none."""
        start = next((m for m in self.sent if m["type"] == "http.response.start"), None)
        return start["status"] if start else None

    @property
    def offset(self) -> int | None:
        """Upload-Offset of the answer."""
        fields = dict(self.sent[0]["headers"]) if self.sent else {}
        return int(fields[b"upload-offset"]) if b"upload-offset" in fields else None


class Server:
    """The event loop of one process of the site."""

    def __init__(self, world: World, site: Site, at: int, *, threads: int) -> None:
        self.world, self.threads = world, threads
        self.process = site.processes[at]
        self.loop: Loop | None = None
        self._is_stopped = False
        self._stop: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        world.spawn(f"{self.process.name}:loop", self._run, self.process)

    @property
    def is_there(self) -> bool:
        """Whether it serves."""
        return self.loop is not None and not self.process.is_dead and not self._is_stopped

    def _run(self) -> None:
        loop = Loop()
        self._stop = asyncio.Event()
        self.front = TusbridgeASGI(_no_site, threads=self.threads)
        self.loop = loop
        if self._is_stopped:
            return
        loop.run_until_complete(self._live(self._stop))
        loop.close()

    async def _live(self, stop: asyncio.Event) -> None:
        await stop.wait()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_LAST_SECONDS)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=_LAST_SECONDS)

    def call(self, work: Callable[..., None], *args: Any) -> None:
        """Have the loop do something; nothing if it is dead."""
        if self.is_there:
            assert self.loop is not None
            self.loop.call_soon_threadsafe(work, *args)

    def begin(self, exchange: Exchange) -> None:
        """A request comes in."""
        self.call(self._begin, exchange)

    def _begin(self, exchange: Exchange) -> None:
        task = asyncio.ensure_future(self.front(exchange.scope, exchange.receive, exchange.send))
        exchange.task = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(exchange, done))

    def _done(self, exchange: Exchange, task: "asyncio.Task[None]") -> None:
        exchange.is_over = True
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.world.fail("escapes", f"of the front: {task.exception()!r}")

    def cancel(self, exchange: Exchange) -> None:
        """The server gives the request up."""
        self.call(lambda: exchange.task.cancel() if exchange.task else None)  # type: ignore[arg-type,return-value]

    def stop(self) -> None:
        """When all requests are over."""
        if self._stop is not None:
            self.call(self._stop.set)
        self._is_stopped = True


async def _no_site(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("not a request to the site")
