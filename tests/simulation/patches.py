"""Everything that a simulation puts in the place of what Python and the system give: installed
once, without effect while no world runs.
"""

import builtins
import fcntl
import gc
import importlib
import io
import os
import random
import secrets
import sys
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from tests.simulation import database, real, syscalls
from tests.simulation.loops import Pool
from tests.simulation.world import FOREVER, Actor, Killed, Process, World, here

_OURS = ("tusbridge", "legacy")


def now() -> datetime:
    """In the place of ``timezone.now``."""
    return datetime.fromtimestamp(wall(), UTC)


def wall() -> float:
    return here.world.wall if here.world is not None else real.wall()


def monotonic() -> float:
    return here.world.now if here.world is not None else real.monotonic()


def perf_counter() -> float:
    return here.world.now if here.world is not None else real.perf_counter()


def sleep(seconds: float) -> None:
    world = here.world
    if world is None or world.current is None:
        real.sleep(seconds)
        return
    world.step("sleep", "sleep")
    world.sleep(seconds)


class _Ids:
    """Random numbers that are the same each time a seed is run."""

    rng = random.Random(0)


def uuid4() -> uuid.UUID:
    if here.world is None:
        return real.uuid4()
    return uuid.UUID(int=_Ids.rng.getrandbits(128), version=4)


def choice(sequence: Any) -> Any:
    return real.choice(sequence) if here.world is None else _Ids.rng.choice(sequence)


def seed_ids(seed: int) -> None:
    """Begin with the random numbers of this seed."""
    _Ids.rng = random.Random(f"ids {seed}")


class Lock:
    """A lock whose waiters wait in simulated time."""

    def __init__(self) -> None:
        self._lock = real.allocate_lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        world = here.world
        if world is None or world.current is None or not blocking:
            return self._lock.acquire(blocking, timeout)
        until = world.now + timeout if timeout >= 0 else FOREVER
        if world.current.is_dying:
            raise Killed
        while not self._lock.acquire(False):
            if world.now >= until:
                return False
            world.block(lambda: not self._lock.locked(), until)
        return True

    def release(self) -> None:
        self._lock.release()

    def locked(self) -> bool:
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def make_lock() -> Any:
    """In the place of ``threading.Lock``."""
    return real.allocate_lock() if here.world is None or here.world.current is None else Lock()


def start(self: threading.Thread) -> None:
    world = here.world
    if world is None or world.current is None:
        real.thread_start(self)
        return
    fault = world.step(f"start {self.name}", "thread")
    if fault is not None and fault[0] == "no-thread":
        raise RuntimeError("can't start new thread")
    parent = world.current
    parent.children += 1
    actor = world.spawn(f"{parent.name}/{parent.children}", self.run, parent.process)
    actor.is_heart = self.name in {"tusbridge-heart", "tusbridge-saving"}
    self._simulated = actor  # type: ignore[attr-defined]


def join(self: threading.Thread, timeout: float | None = None) -> None:
    actor: Actor | None = getattr(self, "_simulated", None)
    world = here.world
    if actor is None or world is None:
        real.thread_join(self, timeout)
        return
    until = FOREVER if timeout is None else world.now + timeout
    world.block(lambda: actor.is_done, until)


def is_alive(self: threading.Thread) -> bool:
    actor: Actor | None = getattr(self, "_simulated", None)
    return real.thread_is_alive(self) if actor is None else not actor.is_done


def wait(self: threading.Event, timeout: float | None = None) -> bool:
    world = here.world
    if world is None or world.current is None:
        return real.event_wait(self, timeout)
    if not self.is_set():
        world.block(self.is_set, FOREVER if timeout is None else world.now + timeout)
    elif world.current.is_dying:
        raise Killed
    return self.is_set()


def acquire(self: Any, blocking: bool = True, timeout: float | None = None) -> bool:
    world = here.world
    if world is None or world.current is None:
        return real.semaphore_acquire(self, blocking, timeout)
    until = FOREVER if timeout is None else world.now + timeout
    while not real.semaphore_acquire(self, False):
        if not blocking or world.now >= until:
            return False
        world.block(lambda: self._value > 0, until)
    return True


def set_long(bytes_: int | None) -> None:
    """From how many bytes on files are completed behind the answer; None: as it is."""
    from tusbridge import completing

    if hasattr(completing, "COPY_WHILE_WAITING"):
        completing.COPY_WHILE_WAITING = _LONG if bytes_ is None else bytes_


_LONG = 64 * 1024 * 1024


# -- what modules keep for a process


class _Thing:
    """An object that a module keeps, with a lock of its own among what it has."""

    def __init__(self, value: Any) -> None:
        self._has = vars(value)

    def get(self) -> dict[str, Any]:
        return {name: v.copy() if type(v) is dict else v for name, v in self._has.items()}

    def put(self, values: dict[str, Any], *, is_fresh: bool) -> None:
        self._has.clear()
        for name, value in values.items():
            is_lock = isinstance(value, real.lock_type | Lock)
            kept = value.copy() if type(value) is dict else value
            self._has[name] = Lock() if is_lock and is_fresh else kept

    @staticmethod
    def is_one(value: Any) -> bool:
        """Whether it is an instance of a class of the code under test that has a lock."""
        if isinstance(value, type) or type(value).__module__.partition(".")[0] not in _OURS:
            return False
        return any(isinstance(v, real.lock_type) for v in getattr(value, "__dict__", {}).values())


class _Memory:
    """The sets, counters and locked objects that modules of the code under test keep."""

    places: list[Any] = []
    things: list[_Thing] = []
    fresh: list[Any] = []

    @classmethod
    def find(cls) -> None:
        for module in _modules():
            for value in list(vars(module).values()):
                if type(value) in {set, OrderedDict} or isinstance(value, threading.Semaphore):
                    cls.places.append(value)
                elif _Thing.is_one(value):
                    cls.things.append(_Thing(value))
        cls.fresh = cls.get()

    @classmethod
    def get(cls) -> list[Any]:
        kept = [p._value if isinstance(p, threading.Semaphore) else p.copy() for p in cls.places]
        return [*kept, *(thing.get() for thing in cls.things)]

    @classmethod
    def put(cls, values: list[Any]) -> None:
        things = values[len(cls.places) :]
        for thing, has in zip(cls.things, things, strict=True):
            thing.put(has, is_fresh=values is cls.fresh)
        for place, value in zip(cls.places, values, strict=False):
            if isinstance(place, threading.Semaphore):
                place._value = value
            elif place or value:
                place.clear()
                place.update(value)


def swap(old: Process | None, new: Process) -> None:
    """Another process goes on, with memory of its own."""
    if old is not None:
        old.memory = _Memory.get()
    _Memory.put(new.memory if new.memory is not None else _Memory.fresh)


def _modules() -> list[Any]:
    return [m for name, m in sorted(sys.modules.items()) if name.partition(".")[0] in _OURS]


_STANDS: dict[Any, Any] = {
    ThreadPoolExecutor: Pool,
    real.monotonic: monotonic,
    real.wall: wall,
    real.sleep: sleep,
    real.uuid4: uuid4,
    timezone.now: now,
}


def _replace_defaults() -> None:
    """Functions that took a clock when they were defined take ours."""
    for module in _modules():
        for name, value in list(vars(module).items()):
            if _stand_for(value) is not None:
                setattr(module, name, _stand_for(value))
            elif isinstance(value, real.lock_type):
                setattr(module, name, Lock())
            for function in [value, *(vars(value).values() if isinstance(value, type) else ())]:
                _replace_in(function)


def _stand_for(value: Any) -> Callable[..., Any] | None:
    try:
        return _STANDS.get(value)
    except TypeError:
        return None


def _replace_in(function: Any) -> None:
    for name, value in (getattr(function, "__kwdefaults__", None) or {}).items():
        if _stand_for(value) is not None:
            function.__kwdefaults__[name] = _stand_for(value)


def install() -> None:
    """Once, when Django is set up; imports whatever else is to be simulated."""
    for module in ("tusbridge.front", "tusbridge.urls", "legacy.takeover", "legacy.importing"):
        importlib.import_module(module)
    _replace_defaults()
    for name, stand in syscalls.wrapped_calls().items():
        setattr(os, name, stand)
    fcntl.flock = syscalls.flock  # type: ignore[assignment]
    builtins.open = io.open = syscalls.open_file  # type: ignore[assignment]
    time.time, time.monotonic, time.sleep = wall, monotonic, sleep  # type: ignore[assignment]
    time.perf_counter = time.process_time = perf_counter
    timezone.now = now
    uuid.uuid4 = uuid4
    secrets.choice = choice
    threading.Lock = make_lock  # type: ignore[misc,assignment]
    threading.Thread.start = start  # type: ignore[method-assign]
    threading.Thread.join = join  # type: ignore[method-assign]
    threading.Thread.is_alive = is_alive  # type: ignore[method-assign]
    threading.Event.wait = wait  # type: ignore[method-assign]
    for name in ("acquire", "__enter__"):
        setattr(threading.Semaphore, name, acquire)
    database.install()
    _Memory.find()
    World.swap = staticmethod(swap)
    World.tidy = staticmethod(database.tidy)
    World.on_kill = [
        lambda world, process: world.files.close_all_of(process),  # type: ignore[attr-defined]
        lambda world, process: database.roll_back(process),
    ]
    sys.unraisablehook = lambda *_: None
    gc.collect()
    gc.freeze()
    gc.disable()
