"""Fewer decisions with which a run still fails in the same way."""

from tests.simulation.chaos import Decision, Key
from tests.simulation.run import Outcome, run

_MOST = 150


def shrink(outcome: Outcome, only: str) -> Outcome:
    """The same failure with as few decisions as some tries find, and its story."""
    assert outcome.failure is not None
    kind, tries = outcome.failure[0], 0
    kept = list(outcome.decisions.items())

    def fails(decisions: list[tuple[Key, Decision]]) -> bool:
        again = run(outcome.seed, only=only, decisions=dict(decisions))
        return again.failure is not None and again.failure[0] == kind

    size = max(1, len(kept) // 2)
    while size and tries < _MOST:
        at = 0
        while at < len(kept) and tries < _MOST:
            tries += 1
            fewer = kept[:at] + kept[at + size :]
            if fails(fewer):
                kept = fewer
            else:
                at += size
        size = size // 2 if size > 1 else 0
    return run(outcome.seed, only=only, decisions=dict(kept), tells=True)
