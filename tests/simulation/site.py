"""The server's processes in a simulation, and what asks them: requests that may get no answer."""

import random
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from tests.simulation import database
from tests.simulation.world import Killed, Process, World
from tusbridge.errors import UploadError


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client hears: a ``value``, an ``error``, or nothing."""

    how: str
    value: Any = None
    error: UploadError | None = None

    @property
    def is_ok(self) -> bool:
        """Whether it was done."""
        return self.how == "ok"


class Site:
    """Some processes that serve; one that died comes back as a new one."""

    def __init__(self, world: World, seed: int, *, count: int) -> None:
        self.world = world
        self.rng = random.Random(f"site {seed}")
        self.outside = Process("client")
        self.processes = [Process(f"p{number}") for number in range(count)]
        self.asked: Counter[str] = Counter()
        self.deaths = 0
        self.cuts = 0
        self.bears_bad_settings = False
        self.on_cut: Callable[[], None] = lambda: None
        world.obey.update(
            {"kill": self.kill_one, "kill-all": self.kill_all, "power": self.cut, "full": self.fill}
        )

    # -- faults

    def kill_one(self, number: int = 0) -> None:
        """The process of the actor whose step it is dies."""
        actor = self.world.current
        if actor is not None and actor.process in self.processes:
            self._replace(self.processes.index(actor.process))

    def kill_all(self, number: int = 0) -> None:
        """All processes die."""
        for at in range(len(self.processes)):
            self._replace(at)

    def cut(self, number: int) -> None:
        """The power goes: all die, and the disk keeps what it must."""
        self.cuts += 1
        self.on_cut()
        self.kill_all()
        self.world.files.shadow.cut(random.Random(number))  # type: ignore[attr-defined]
        self.world.files.touched.clear()  # type: ignore[attr-defined]
        database.cut(self.world, random.Random(number))

    def fill(self, seconds: float) -> None:
        """The disk is full for some time."""
        self.world.full_until = self.world.now + seconds

    def _replace(self, at: int) -> None:
        self.deaths += 1
        old = self.processes[at]
        self.processes[at] = Process(f"{old.name.split('.')[0]}.{self.deaths}")
        self.world.kill(old)

    # -- requests

    def ask(
        self,
        name: str,
        work: Callable[[], Any],
        *,
        patience: float = 25.0,
        at: int | None = None,
        bears: bool = False,
    ) -> Answer:
        """Have one of the processes do it; waits at most ``patience`` seconds. ``bears``: errors
        that are no UploadError are the site's own business."""
        world = self.world
        self.asked[name] += 1
        process = self.processes[self.rng.randrange(len(self.processes)) if at is None else at]
        found: list[Answer] = []
        actor = world.spawn(
            f"{name}#{self.asked[name]}", lambda: found.append(self._do(work, bears=bears)), process
        )
        world.block(lambda: actor.is_done, world.now + patience)
        if not actor.is_done:
            world.tell(f"{name}: no answer yet")
            return Answer("silent")
        answer = found[0] if found else Answer("killed")
        if world.story is not None:
            world.tell(f"{name}: {answer.how} {answer.error or answer.value or ''}")
        return answer

    def _do(self, work: Callable[[], Any], *, bears: bool) -> Answer:
        world = self.world
        try:
            value = work()
            # the answer is on its way once this step was made
            world.step("answer", "answer")
            return Answer("ok", value)
        except UploadError as error:
            world.step("answer", "answer")
            return Answer("error", None, error)
        except Killed:
            raise
        except ImproperlyConfigured as error:
            if not self.bears_bad_settings:
                world.fail("escapes", f"{error!r}")
            return Answer("failed")
        except Exception as error:
            if bears:
                return Answer("failed")
            text = "".join(traceback.format_exception(error)[-6:])
            world.fail("escapes", f"{type(error).__name__}: {error}\n{text}")
            return Answer("failed")
