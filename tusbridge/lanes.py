"""Short work in as few threads as get it done.

Python's threads compute one at a time. Where several have something to compute they hand the
interpreter round, and with four a request costs a third more CPU than with one (and SQLite's
writers sleep for each other besides). Threads that wait for a database or a disk are another
matter: of those there have to be several. Which of both it is, is seen by the process's own CPU.
"""

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from tusbridge.background import NoThread

T = TypeVar("T")
# What is to be done, who waits for it, and since when (of time.perf_counter).
_Work = tuple[Callable[[], Any], asyncio.Future[Any], float]

# Seconds between two looks at how work that waits gets on.
_LOOK_SECONDS = 0.005
# Parts of a core. A process that uses less has threads that wait for something else than each
# other; one that uses more has too many.
_IDLE_SHARE, _FULL_SHARE = 0.8, 1.0
# What a thread does before it lets others' work have its place.
_TURN = 16
# Seconds within which what gets done is told together: the loop, woken for each, would take the
# interpreter from the thread in the midst of the next.
_TOGETHER_SECONDS = 0.004


class Lane:
    """Work of one event loop for the threads of an executor, which others may use as well.

    One thread is asked for first. Another is added, up to ``threads``, whenever work has waited
    while nothing got done, or while the process was idle; one is let go when it is busy.

    Clients take turns: one that asks for a thousand things does not keep others waiting for them.

    :param unwanted: is given results that come when their futures are cancelled already.
    """

    def __init__(
        self, executor: Executor, threads: int, *, unwanted: Callable[[Any], object]
    ) -> None:
        self._executor, self._most, self._unwanted = executor, threads, unwanted
        self._lock = threading.Lock()
        # by client; those who have nothing waiting are not in there
        self._waiting: OrderedDict[Hashable, deque[_Work]] = OrderedDict()
        self._results: deque[Callable[[], None]] = deque()
        self._running, self._wanted = 0, 1
        self._done = self._done_before = 0
        self._since = self._cpu_before = 0.0
        self._watched: asyncio.AbstractEventLoop | None = None

    def waits_for(self, client: Hashable) -> float:
        """Seconds for which what this client asked for has been waiting."""
        with self._lock:
            queue = self._waiting.get(client)
            return time.perf_counter() - queue[0][2] if queue else 0.0

    def run(self, work: Callable[[], T], client: Hashable = None) -> "asyncio.Future[T]":
        """Its result; from the loop's thread. It is done also where that is cancelled."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:
            queue = self._waiting.setdefault(client, deque())
            queue.append((work, future, time.perf_counter()))
        self._add_thread()
        if self._watched is not loop:
            self._watch(loop)
        return future

    def _add_thread(self) -> bool:
        with self._lock:
            if not self._waiting or self._running >= self._wanted:
                return False
            self._running += 1
        if self._submit():
            return True
        with self._lock:
            self._running -= 1
            # the threads that there are get to what waits; where there is none, nothing would
            left = [] if self._running else [w for queue in self._waiting.values() for w in queue]
            if left:
                self._waiting.clear()
        for _, future, _ in left:
            _fail(future, NoThread())
        return False

    def _submit(self) -> bool:
        """Whether a thread will do the work. An executor keeps in its queue what it found no thread
        for: one of its threads may come by and do it, or finds that it does not count any more."""
        state = [""]

        def settle(as_what: str) -> str:
            with self._lock:
                state[0] = state[0] or as_what
                return state[0]

        def work() -> None:
            if settle("begun") == "begun":
                self._work()

        try:
            self._executor.submit(work)
        except RuntimeError:
            return settle("void") == "begun"
        return True

    def _work(self) -> None:
        told = time.perf_counter()
        while True:
            for _ in range(_TURN):
                with self._lock:
                    if not self._waiting or self._running > self._wanted:
                        self._running -= 1
                        return
                    work, future, _ = self._next()
                self._do(work, future)
                self._done += 1
                now = time.perf_counter()
                if not self._waiting or now - told > _TOGETHER_SECONDS:
                    told = now
                    # nobody is left to be told when the loop has ended
                    with suppress(RuntimeError):
                        future.get_loop().call_soon_threadsafe(self._tell)
            # behind what others have for the executor, if that takes it
            if self._submit():
                return

    def _next(self) -> "_Work":
        """The first of the client whose turn it is; under the lock."""
        client, queue = next(iter(self._waiting.items()))
        found = queue.popleft()
        if queue:
            self._waiting.move_to_end(client)
        else:
            del self._waiting[client]
        return found

    def _do(self, work: Callable[[], Any], future: "asyncio.Future[Any]") -> None:
        try:
            tell = partial(self._succeed, future, work())
        except BaseException as error:  # noqa: BLE001 whoever waits is told
            tell = partial(_fail, future, error)
        self._results.append(tell)

    def _tell(self) -> None:
        try:
            while self._results:
                self._results.popleft()()
        finally:
            # what could not be given away holds up nobody
            if self._results:
                asyncio.get_running_loop().call_soon(self._tell)

    def _succeed(self, future: "asyncio.Future[Any]", result: object) -> None:
        if future.done():
            self._unwanted(result)
        else:
            future.set_result(result)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watched = loop
        self._done_before = self._done
        self._since, self._cpu_before = time.perf_counter(), time.process_time()
        loop.call_later(_LOOK_SECONDS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        cpu = time.process_time() - self._cpu_before
        share = cpu / (time.perf_counter() - self._since)
        # first, for what a thread has kept back for the sake of what waits is there by then
        is_waiting = bool(self._waiting)
        self._tell()
        if not is_waiting:
            self._watched = None
            return
        if share < _IDLE_SHARE or self._done == self._done_before:
            self._wanted = min(self._wanted + 1, self._most)
        elif share > _FULL_SHARE:
            self._wanted = max(self._wanted - 1, 1)
        self._add_thread()
        self._watch(loop)


def _fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
