"""Actors, processes and simulated time.

An actor is a thread. Only the one that has the baton runs; it hands it on at a step: before a
system call of the store, a statement, a wait. So a run is told by its seed, or by the list of
decisions that were made at its steps.
"""

import _thread
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

# When simulated clocks begin, and what monotonic ones tell then.
START, BEGIN = 1_900_000_000.0, 1000.0
# Seconds that a step takes.
STEP_SECONDS = 0.0005
# Seconds of real time after which a thread that does not come back is a hang.
_REAL_PATIENCE = 20.0
FOREVER = float("inf")


class Killed(BaseException):
    """The process is gone; whatever else its threads do has no effect."""


class Here:
    """Where a patched call finds the simulation that runs, if one does."""

    world: "World | None" = None


here = Here()


class Process:
    """Actors that die and stop together; ``memory`` is what modules keep for a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.paused_until = 0.0
        self.was_paused = False
        self.memory: list[Any] | None = None


class Actor:
    """Something that goes on step by step."""

    def __init__(self, name: str, process: Process, work: Callable[[], Any]) -> None:
        self.name = name
        self.process = process
        self.work = work
        self.steps = 0
        self.children = 0
        self.paused_until = 0.0
        self.was_paused = False
        self.is_heart = False
        self.is_waiting = False
        self.ready: Callable[[], bool] | None = None
        self.until = FOREVER
        self.is_dying = self.is_done = self.was_killed = False
        self.lock: Any = None

    def wakes_at(self) -> float:
        """The time from which it can go on; FOREVER while it waits for something else."""
        held = max(self.paused_until, self.process.paused_until)
        if not self.is_waiting or (self.ready is not None and self.ready()):
            return held
        return max(held, self.until)


class _Worker:
    """A thread that runs one actor after another."""

    def __init__(self) -> None:
        self.lock = _thread.allocate_lock()
        self.lock.acquire()
        self.world: World | None = None
        self.actor: Actor | None = None
        _thread.start_new_thread(self._loop, ())

    def _loop(self) -> None:
        while True:
            self.lock.acquire()
            world, actor = self.world, self.actor
            if world is None or actor is None:
                return
            world._run(actor)
            del actor
            self.world = self.actor = None
            world._pass_on(self)
            del world


class World:
    """One run: who is there, what time it is, and who goes on next."""

    # threads that wait for their next actor
    idle: list[_Worker] = []
    # kinds of failures that are passed over
    skips: frozenset[str] = frozenset()
    # called in an actor's thread behind its last step
    tidy: Callable[[Actor], None] = staticmethod(lambda actor: None)
    # called with a process that has just died, and to swap what modules keep for a process
    on_kill: list[Callable[["World", Process], None]] = []
    swap: Callable[[Process | None, Process], None] = staticmethod(lambda old, new: None)

    def __init__(self, chooser: Any, *, max_steps: int = 30_000, tells: bool = False) -> None:
        self.chooser = chooser
        # seconds, small enough that sums of them are exact to less than a microsecond
        self.now = BEGIN
        self.max_steps = max_steps
        self.count = 0
        self.actors: list[Actor] = []
        self.current: Actor | None = None
        self.is_calm = False
        self.failure: tuple[str, str] | None = None
        self.story: list[tuple[float, str, str]] | None = [] if tells else None
        self.full_until = 0.0
        # whether anything went wrong; a switch to another actor is nothing of that kind
        self.has_faults = self.has_lost_power = False
        self.obey: dict[str, Callable[..., Any]] = {}
        self._loaded: Process | None = None
        self._main = threading.Lock()

    @property
    def wall(self) -> float:
        """The time of day, in seconds since the epoch."""
        return START - BEGIN + self.now

    # -- what actors do

    def step(self, what: str, kind: str) -> Any:
        """Before an effect; gives what is to go wrong with it, if anything."""
        actor = self.current
        if actor is None:
            return None
        if actor.is_dying:
            raise Killed
        self.now += STEP_SECONDS
        self.count += 1
        actor.steps += 1
        if self.count > self.max_steps:
            self.fail("endless", f"{self.max_steps} steps, and {actor.name} is at {what}")
            raise Killed
        if self.is_calm:
            if self.story is not None:
                self.tell(what)
            return None
        decision = self.chooser.at_step(self, actor, what, kind)
        if decision is None:
            if self.story is not None:
                self.tell(what)
            return None
        self.has_faults |= decision[0] != "switch"
        if self.story is not None and decision[0] not in {"switch"}:
            self.tell(f"-- {' '.join(map(str, decision))} at {what}")
        result = self._obey(actor, decision)
        if self.story is not None:
            self.tell(what)
        return result

    def _obey(self, actor: Actor, decision: tuple[Any, ...]) -> Any:
        verb, *rest = decision
        if verb == "switch":
            target = next((a for a in self.actors if a.name == rest[0]), None)
            if target is not None and target is not actor and target.wakes_at() <= self.now:
                self._switch(target)
            return None
        if verb == "pause":
            self.pause(actor, rest[0], is_whole=rest[1] == "process")
            return None
        if verb in self.obey:
            self.obey[verb](*rest)
            if actor.is_dying:
                raise Killed
            return None
        return decision

    def pause(self, actor: Actor, seconds: float, *, is_whole: bool) -> None:
        """Stop the current actor, or its whole process, for some time."""
        # what keeps the process's signs of life stops with it, or not at all
        held: Any = actor.process if is_whole or actor.is_heart else actor
        held.paused_until = max(held.paused_until, self.now + seconds)
        held.was_paused = actor.was_paused = True
        self._hand_on(actor)

    def block(self, ready: Callable[[], bool] | None = None, until: float = FOREVER) -> None:
        """Wait until something is so, or a time has come."""
        actor = self.current
        assert actor is not None
        if actor.is_dying:
            raise Killed
        actor.steps += 1
        actor.is_waiting, actor.ready, actor.until = True, ready, until
        self._hand_on(actor)
        actor.is_waiting, actor.ready = False, None

    def sleep(self, seconds: float) -> None:
        """Wait so long."""
        self.block(until=self.now + max(seconds, 0.0))

    def spawn(self, name: str, work: Callable[[], Any], process: Process) -> Actor:
        """A new actor, which begins when it is its turn."""
        actor = Actor(name, process, work)
        worker = self.idle.pop() if self.idle else _Worker()
        worker.world, worker.actor = self, actor
        actor.lock = worker.lock
        self.actors.append(actor)
        return actor

    def kill(self, process: Process) -> None:
        """All its actors die at the step they are at."""
        if process.is_dead:
            return
        process.is_dead = True
        for actor in self.actors:
            if actor.process is process:
                actor.is_dying = actor.was_killed = True
        for react in self.on_kill:
            react(self, process)

    def fail(self, kind: str, text: str) -> None:
        """A check does not hold: the run ends here."""
        if kind in self.skips:
            return
        if self.failure is None:
            self.failure = kind, text
            if self.story is not None:
                self.tell(f"== {kind}: {text}")
        for actor in self.actors:
            actor.is_dying = True

    def tell(self, text: str) -> None:
        """A line of the story."""
        if self.story is not None:
            actor = self.current
            who = f"{actor.process.name} {actor.name}" if actor else "-"
            self.story.append((self.now - BEGIN, who, text))

    # -- whose turn it is

    def run(self) -> None:
        """Let all actors go on until they are done."""
        first = self._next()
        if first is None:
            return
        self._main.acquire()
        self._enter(first)
        first.lock.release()
        if not self._main.acquire(timeout=_REAL_PATIENCE):
            self.failure = ("hang", _stacks())
            return
        self._main.release()

    def _run(self, actor: Actor) -> None:
        try:
            if not actor.is_dying:
                actor.work()
        except Killed:
            pass
        except BaseException:
            self.fail("simulator", traceback.format_exc())
        finally:
            actor.work = lambda: None
            self.tidy(actor)
            actor.is_done = True

    def _pass_on(self, worker: _Worker) -> None:
        actor = self.current
        assert actor is not None
        self.actors.remove(actor)
        actor.steps += 1
        target = self._next_or_fail()
        self.idle.append(worker)
        if target is None:
            self.current = None
            self._main.release()
            return
        self._enter(target)
        target.lock.release()

    def _hand_on(self, actor: Actor) -> None:
        target = self._next_or_fail()
        if target is not None and target is not actor:
            self._switch(target)
        if actor.is_dying:
            raise Killed

    def _switch(self, target: Actor) -> None:
        actor = self.current
        assert actor is not None
        self._enter(target)
        target.lock.release()
        actor.lock.acquire()
        if actor.is_dying:
            raise Killed

    def _enter(self, actor: Actor) -> None:
        if actor.process is not self._loaded:
            self.swap(self._loaded, actor.process)
            self._loaded = actor.process
        self.current = actor

    def _next_or_fail(self) -> Actor | None:
        target = self._next()
        if target is None and self.actors:
            names = ", ".join(actor.name for actor in self.actors)
            self.fail("deadlock", f"all wait for ever: {names}")
            target = self._next()
        return target

    def _next(self) -> Actor | None:
        while self.actors:
            for actor in self.actors:
                if actor.is_dying:
                    return actor
            wakes = [actor.wakes_at() for actor in self.actors]
            able = [a for a, at in zip(self.actors, wakes, strict=True) if at <= self.now]
            if len(able) == 1 or (able and self.is_calm):
                return able[0]
            if able:
                return self.chooser.pick(self.current, able)  # type: ignore[no-any-return]
            soonest = min(wakes)
            if soonest == FOREVER:
                return None
            self.now = soonest
        return None


def _stacks() -> str:
    frames = sys._current_frames().values()
    return "\n".join("".join(traceback.format_stack(frame)[-8:]) for frame in frames)
