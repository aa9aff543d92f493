"""Checks at a server that is out of reach in between: ended by a request, or standing still.

One that comes back soon is checked on; of one that does not the rest is not reached. Either way the
report says where, and no check fails for what another one's request did to the server.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from .runner import Outcome, Result, Runnable

Target = TypeVar("Target")

# As long as services take that are started again.
RETURN_SECONDS = 5.0
# As long as servers stand still that wait for a lock with all they have.
STANDSTILL_SECONDS = 60.0
_AGAIN_SECONDS = 0.1


class Presence(Generic[Target]):
    """Runs checks, and knows at which of them the server was found out of reach: `away`, their ids;
    that or the one before brought it there. `patience` asks the server itself: 0 when it answers,
    else the seconds that it may be given to.
    """

    def __init__(self, patience: Callable[[Target], float]) -> None:
        self.away: list[str] = []
        self._patience = patience
        self._is_lost = False
        self._is_away = False
        self._lock = Lock()

    def run(
        self,
        run: Callable[[Runnable[Target], Target], Result],
        made: Runnable[Target],
        target: Target,
    ) -> Result:
        """The check's result, once the server can be reached; NOT_REACHED when it stays away."""
        result = Result(check=made, outcome=Outcome.NOT_REACHED, detail="the server is gone")
        if not self._is_lost:
            result = run(made, target)
            if self._is_its_own(result, target):
                return self._noted(result)
            self._wait(made.id, target)
        return result if self._is_lost else self._noted(run(made, target))

    def _is_its_own(self, result: Result, target: Target) -> bool:
        """Not so when nothing listened; and in doubt only where the server still answers."""
        if result.outcome is Outcome.NOT_REACHED:
            return False
        is_doubtful = result.failure is not None and result.failure.is_doubtful
        return not is_doubtful or not self._patience(target)

    def _wait(self, name: str, target: Target) -> None:
        with self._lock:
            if not self._is_away:
                self.away.append(name)
            self._is_away = True
        begun = time.monotonic()
        while not self._is_lost and (seconds := self._patience(target)):
            self._is_lost = time.monotonic() - begun > seconds
            time.sleep(_AGAIN_SECONDS)

    def _noted(self, result: Result) -> Result:
        with self._lock:
            self._is_away = False
        return result
