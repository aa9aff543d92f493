"""Who decides at a step what happens there: chance by a seed, or a list of decisions.

Each decision is kept by whose step it was and the how-manieth, so that those which are left when
others are taken out still come at the same place.
"""

import random
from collections.abc import Collection
from typing import Any

from tests.simulation.world import Actor

Key = tuple[str, int, str]
Decision = tuple[Any, ...]

PAUSES = (0.4, 1.2, 3.0, 4.5, 7.0, 12.0, 40.0, 130.0, 200.0, 700.0)
# What each kind of step can meet, besides a pause or a death.
FAULTS_OF = {
    "sql": ("fail", "lost"),
    "change": ("fail", "lost", "late"),
    "commit": ("fail", "lost"),
    "fs": ("eio",),
    "close": ("eio",),
    "thread": ("no-thread",),
    "storage": ("fail", "lost"),
}
ANYWHERE = frozenset({"pause", "stop", "kill", "kill-all", "power", "full"})
WEIGHTS = {"pause": 6, "stop": 3, "kill": 3, "kill-all": 1, "power": 4, "eio": 2}
# Steps, by how they begin, at which the faults of some runs gather: one call that is slow or fails
# again and again is how disks, databases and networks go wrong.
FOCUSES = (
    *("pwritev", "pwritev", "pwritev", "copy", "copy", "copy", "lock", "pread", "rename", "link"),
    *("mkdir", "fsync"),
    *("fdatasync", "fsync", "ftruncate", "unlink", "open", "close", "start", "storage:"),
    *("UPDATE", "UPDATE", "INSERT", "SELECT", "COMMIT", "receiver", "answer"),
)
FOCUSED_STRIKES = (0.5, 0.2, 0.07)


class Chance:
    """Decides by a seed, each run with weights of its own, so that what is rare is often in one."""

    def __init__(self, seed: int, *, allowed: frozenset[str]) -> None:
        self._rng = rng = random.Random(f"chaos {seed}")
        self.made: dict[Key, Decision] = {}
        self._switch = rng.choice((0.0, 0.0, 0.02, 0.1, 0.3))
        self._strike = rng.choice((0.03, 0.012, 0.005, 0.002))
        self._picks_any = rng.random() < 0.8
        count = rng.choice((0, 1, 1, 1, 2, 2, 3))
        kinds = sorted(allowed)
        weights = [WEIGHTS.get(kind, 1) for kind in kinds]
        # in some runs a few kinds of faults come again and again
        palette = rng.choices(kinds, weights, k=rng.choice((1, 2, 9))) if kinds else []
        count = count if kinds else 0
        self._planned = [rng.choice(palette) for _ in range(count)]
        self._focus = rng.choice(FOCUSES) if rng.random() < 0.4 else ""
        self._focused_strike = rng.choice(FOCUSED_STRIKES)

    def gather(self, calls: Collection[str], *, kinds: tuple[str, ...]) -> None:
        """What is slow fails as well: have one more fault at such calls, in most runs."""
        if calls and self._rng.random() < 0.7:
            self._focus = self._rng.choice(sorted(calls))
            self._focused_strike = self._rng.choice(FOCUSED_STRIKES)
            self._planned.insert(0, self._rng.choice(kinds))

    def at_step(self, world: Any, actor: Actor, what: str, kind: str) -> Decision | None:
        """What happens at this step."""
        dice, strike = self._rng.random(), self._strike
        if self._focus and what.startswith(self._focus):
            strike = self._focused_strike
        if dice < strike and self._planned and kind != "client":
            decision = self._strike_now(kind)
        elif dice > 1 - self._switch:
            decision = self._switch_now(world, actor)
        else:
            return None
        if decision is not None:
            self.made[actor.name, actor.steps, "step"] = decision
        return decision

    def _strike_now(self, kind: str) -> Decision | None:
        rng = self._rng
        for index, fault in enumerate(self._planned):
            if fault in ANYWHERE or fault in FAULTS_OF.get(kind, ()):
                del self._planned[index]
                break
        else:
            return None
        if fault in {"pause", "stop"}:
            scope = "process" if fault == "stop" else "actor"
            return ("pause", rng.choice(PAUSES), scope)
        if fault in {"kill-all", "power"}:
            return (fault, rng.randrange(1 << 30))
        if fault in {"full", "late"}:
            return (fault, rng.choice((0.5, 5.0, 60.0)))
        return (fault,)

    def _switch_now(self, world: Any, actor: Actor) -> Decision | None:
        others = [a for a in world.actors if a is not actor and a.wakes_at() <= world.now]
        return ("switch", self._rng.choice(others).name) if others else None

    def pick(self, last: Actor | None, able: list[Actor]) -> Actor:
        """Who goes on, where the one that had its turn cannot."""
        if not self._picks_any:
            return able[0]
        chosen = self._rng.choice(able)
        if chosen is not able[0]:
            self.made[_key_of(last)] = ("pick", chosen.name)
        return chosen


class Replay:
    """Decides as it was decided before."""

    def __init__(self, decisions: dict[Key, Decision]) -> None:
        self._decisions = decisions

    def at_step(self, world: Any, actor: Actor, what: str, kind: str) -> Decision | None:
        """What happened at this step."""
        return self._decisions.get((actor.name, actor.steps, "step"))

    def pick(self, last: Actor | None, able: list[Actor]) -> Actor:
        """Who went on."""
        decision = self._decisions.get(_key_of(last))
        if decision is None:
            return able[0]
        return next((actor for actor in able if actor.name == decision[1]), able[0])


def _key_of(last: Actor | None) -> Key:
    return (last.name, last.steps, "pick") if last is not None else ("", 0, "pick")
