"""An event loop, and pools of threads, whose waits are the scheduler's."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.simulation.world import FOREVER, Killed, here


class Loop(asyncio.BaseEventLoop):
    """A loop that runs in an actor, without sockets."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = self
        self._clock_resolution = 1e-6
        self._is_woken = False

    def select(self, timeout: float | None) -> list[Any]:
        """Wait for a timer, or for another thread."""
        world = here.world
        assert world is not None
        if timeout is not None and timeout <= 0:
            world.step("loop", "loop")
        elif not self._is_woken:
            until = FOREVER if timeout is None else world.now + timeout
            world.block(lambda: self._is_woken, until)
        self._is_woken = False
        return []

    def _process_events(self, events: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        self._is_woken = True


class _SimulatedPool:
    """A pool whose threads are actors of the process that made it."""

    def __init__(self, most: int, name: str) -> None:
        world = here.world
        assert world is not None
        assert world.current is not None
        self._world, self._most, self._name = world, most, name
        self._process = world.current.process
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._running = self._made = 0

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a thread do it when one is free."""
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: work(*args, **kwargs)))
        if self._running < self._most:
            self._running += 1
            self._made += 1
            name = f"{self._process.name}:{self._name}#{self._made}"
            self._world.spawn(name, self._work, self._process)
        return future

    def _work(self) -> None:
        try:
            while self._waiting:
                future, work = self._waiting.popleft()
                if future.set_running_or_notify_cancel():
                    _settle(future, work)
        finally:
            self._running -= 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing is left of it anyway."""


def _settle(future: "Future[Any]", work: Callable[[], Any]) -> None:
    try:
        result = work()
    except Killed:
        raise
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def Pool(most: int | None = None, thread_name_prefix: str = "", **more: Any) -> Any:  # noqa: N802
    """In the place of ``ThreadPoolExecutor``."""
    if here.world is None or here.world.current is None:
        return ThreadPoolExecutor(most, thread_name_prefix, **more)
    return _SimulatedPool(most or 4, thread_name_prefix.removeprefix("tusbridge-"))
