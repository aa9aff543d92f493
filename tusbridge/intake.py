"""A request's body on its way in: a bounded buffer between an ASGI server and writing threads."""

import asyncio
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tusbridge.body import BodyEnd
from tusbridge.pace import Pace

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

# Bytes for which a thread is woken: a hop costs some 0.1 ms, so few of them per GiB. Twice as
# many are held for one append at most; the server stops reading from the client beyond.
BATCH_BYTES = 1024 * 1024
# A body up to so many bytes is small.
SMALL_BYTES = 64 * 1024
# Seconds after which less than a batch is handed on to others.
_LULL_SECONDS = 0.2


class Intake:
    """Takes a body from ``receive`` until it ends; lives in one event loop.

    ``work`` is set when there is something to do: a batch is there, or the body has ended.

    :param timeout: seconds without a byte after which the client is not waited for any more.
    :param rate: bytes a second that it has to bring.
    """

    def __init__(
        self,
        receive: Receive,
        length: int | None,
        *,
        timeout: float = math.inf,
        rate: float = 0,
    ) -> None:
        self._receive = receive
        # one that is soon there, and then costs a single step
        self.is_small = length is not None and length <= SMALL_BYTES
        self.left = length
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._chunks: list[bytes] = []
        # until somebody writes it, no more than a small one is held of any body
        self.batch_bytes = SMALL_BYTES
        self.size = 0
        self.end: BodyEnd | None = None
        # whether the first bytes behind those that were taken are work, too: they begin the time
        # after which they are to be committed
        self._counts_time = False
        self.work = asyncio.Event()
        self.last_byte_at = self.first_byte_at = self._loop.time()
        self.pace = Pace(timeout, rate, self.last_byte_at)
        # called once, at the end
        self.on_end: Callable[[], None] = _do_nothing

    @property
    def is_batch(self) -> bool:
        """Whether so much is there that a thread is worth waking."""
        return self.size >= self.batch_bytes

    @property
    def has_begun(self) -> bool:
        """Whether the client's bytes are being taken."""
        return self._task is not None

    def start(self) -> None:
        """Begin to take the body; a client that waits for ``100 Continue`` gets it now."""
        if self._task is None:
            self.pace.restart(self._loop.time())
            self._task = self._loop.create_task(self._pump())

    def take(self) -> list[bytes]:
        """All that is there, at once."""
        chunks, self._chunks, self.size = self._chunks, [], 0
        self._room.set()
        return chunks

    def widen(self, batch_bytes: int) -> None:
        """Gather so many bytes from now on before there is something to do, or fewer in time."""
        self.batch_bytes = batch_bytes
        self._counts_time = True
        self._room.set()

    def finish(self, how: BodyEnd) -> None:
        """End the body from outside. What has come stays to be taken."""
        if self.end is None:
            self.end = how
            self.on_end()
        self.work.set()

    def again(self, taken: list[bytes], receive: Receive) -> Receive:
        """The body as an ASGI server gives it, from its beginning; ``taken`` was taken already."""
        is_over = False

        async def receive_again() -> Message:
            nonlocal is_over
            if is_over:
                # by its length; the server's own end of the body may come yet
                while (message := await receive())["type"] == "http.request":
                    pass
                return message
            while not (taken or self.size) and self.end is None:
                await self.wait_for_work(self._loop.time() + _LULL_SECONDS)
            body = b"".join([*taken, *self.take()])
            taken.clear()
            if not body and self.end not in {None, BodyEnd.WHOLE}:
                return {"type": "http.disconnect"}
            is_over = self.end is BodyEnd.WHOLE
            return {"type": "http.request", "body": body, "more_body": not is_over}

        return receive_again

    def close(self) -> None:
        """Take nothing more."""
        if self._task is not None:
            self._task.cancel()

    async def wait_for_end(self, seconds: float) -> None:
        """Wait until the body has ended or a batch is there, at most so long."""
        await self.wait_for_work(self._loop.time() + seconds)

    async def wait_for_work(self, until: float) -> None:
        """Wait for ``work``, until a time of the loop's clock at the latest."""
        if self.end is not None or self.is_batch:
            return
        self.work.clear()
        timer = self._loop.call_at(until, self.work.set)
        try:
            await self.work.wait()
        finally:
            timer.cancel()

    async def drain(self, limit: int, seconds: float) -> None:
        """Take and drop what comes, until the end, or so many bytes, or so long."""
        deadline = self._loop.time() + seconds
        while self.end is None and limit > 0 and self._loop.time() < deadline:
            await self.wait_for_work(deadline)
            limit -= self.size
            self.take()

    async def _pump(self) -> None:
        while self.end is None:
            if self.size >= 2 * self.batch_bytes:
                full_at = self._loop.time()
                self._room.clear()
                await self._room.wait()
                self.pace.pause(self._loop.time() - full_at)
                continue
            message = await self._receive()
            if message["type"] != "http.request":
                self.finish(BodyEnd.GONE)
                return
            self._add(message.get("body", b""), more=message.get("more_body", False))

    def _add(self, chunk: bytes, *, more: bool) -> None:
        if chunk:
            self.last_byte_at = self._loop.time()
            self.pace.came(len(chunk), self.last_byte_at)
            if not self._chunks:
                self.first_byte_at = self.last_byte_at
            self._chunks.append(chunk)
            self.size += len(chunk)
            if self.left is not None:
                self.left -= len(chunk)
        if not more or (self.left is not None and self.left <= 0):
            short = self.left is not None and self.left > 0
            self.finish(BodyEnd.GONE if short else BodyEnd.WHOLE)
        elif self.is_batch or (self._counts_time and len(self._chunks) == 1):
            self.work.set()


def _do_nothing() -> None:
    """Nothing waits for the end."""
