"""Checks at a server that goes away in between, as one does that a request ends.

One that comes back soon, for something starts it again, is checked on; of one that does not, or
that answers nothing any more, the rest is not reached. Either way the report says where.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from .runner import Outcome, Result, Runnable

Target = TypeVar("Target")

# As long as services take that are started again.
RETURN_SECONDS = 5.0
_AGAIN_SECONDS = 0.1
# A request may be what a server never answers; so many checks do not begin with such a one.
_SILENT_CHECKS = 3


class Presence:
    """Runs checks, and knows behind which of them the server was away: `away`, their ids. With
    several at a time it is one of those that ran then.
    """

    def __init__(self, return_seconds: float = RETURN_SECONDS) -> None:
        self.away: list[str] = []
        self._return_seconds = return_seconds
        self._is_lost = False
        self._is_away = False
        self._silent = 0
        self._last = ""
        self._lock = Lock()

    def run(
        self,
        run: Callable[[Runnable[Target], Target], Result],
        made: Runnable[Target],
        target: Target,
    ) -> Result:
        """The check's result, once the server can be reached; NOT_REACHED when it stays away."""
        deadline = time.monotonic() + self._return_seconds
        while not self._is_lost:
            result = run(made, target)
            if result.outcome is not Outcome.NOT_REACHED:
                self._note_presence(result)
                return result
            self._note_absence()
            self._is_lost = self._is_lost or time.monotonic() > deadline
            time.sleep(_AGAIN_SECONDS)
        return Result(check=made, outcome=Outcome.NOT_REACHED, detail="the server is gone")

    def _note_presence(self, result: Result) -> None:
        is_silent = result.failure is not None and result.failure.is_silence
        with self._lock:
            self._silent = self._silent + 1 if is_silent else 0
            if self._silent < _SILENT_CHECKS:
                self._last, self._is_away = result.check.id, False
        if self._silent >= _SILENT_CHECKS:
            self._note_absence()
            self._is_lost = True

    def _note_absence(self) -> None:
        with self._lock:
            if not self._is_away:
                self.away.append(self._last)
            self._is_away = True
