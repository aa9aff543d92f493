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
    """Runs checks, and knows behind which of them the server was out of reach: `away`, their ids.
    With several at a time it is one of those that ran then. `patience` asks the server itself: 0
    when it answers, else the seconds that it may be given to.
    """

    def __init__(self, patience: Callable[[Target], float]) -> None:
        self.away: list[str] = []
        self._patience = patience
        self._is_lost = False
        self._is_away = False
        self._last = ""
        self._lock = Lock()

    def run(
        self,
        run: Callable[[Runnable[Target], Target], Result],
        made: Runnable[Target],
        target: Target,
    ) -> Result:
        """The check's result, once the server can be reached; NOT_REACHED when it stays away."""
        if not self._is_lost:
            result = run(made, target)
            if self._is_its_own(result, target):
                return self._noted(result)
            self._wait(target)
        if not self._is_lost:
            return self._noted(run(made, target))
        return Result(check=made, outcome=Outcome.NOT_REACHED, detail="the server is gone")

    def _is_its_own(self, result: Result, target: Target) -> bool:
        """Not so when nothing listened; silence is the check's where others are answered."""
        if result.outcome is Outcome.NOT_REACHED:
            return False
        is_silence = result.failure is not None and result.failure.is_silence
        return not is_silence or not self._patience(target)

    def _wait(self, target: Target) -> None:
        with self._lock:
            if not self._is_away:
                self.away.append(self._last)
            self._is_away = True
        begun = time.monotonic()
        while not self._is_lost and (seconds := self._patience(target)):
            self._is_lost = time.monotonic() - begun > seconds
            time.sleep(_AGAIN_SECONDS)

    def _noted(self, result: Result) -> Result:
        with self._lock:
            self._last, self._is_away = result.check.id, False
        return result
