"""Many runs one behind the other, and what is told of those that fail."""

import gc
import sys
from collections import Counter
from collections.abc import Iterable

from tests.simulation import real, shrink
from tests.simulation.run import Outcome, run
from tests.simulation.stories import lines_of

# Runs between two collections of garbage, which is not collected within a run: what is closed then
# depends on its time.
_COLLECTED = 100
# Seconds between two lines that say how far it is.
_TELL_SECONDS = 10.0
# So many failures of a sort are shrunk, which takes as long as a hundred runs.
_SHRUNK = 6


class Many:
    """Runs by their seeds; stops at the first failure, or counts them by kind."""

    def __init__(self, only: str, *, keep_going: bool, tells: bool) -> None:
        self._only, self._keep_going, self._tells = only, keep_going, tells
        self._began = self._told = real.perf_counter()
        self.done = self.steps = self.next = 0
        self.kinds: Counter[str] = Counter()
        self._sorts: Counter[tuple[str, str]] = Counter()

    def run(self, seeds: Iterable[int], seconds: float) -> int:
        """Exit code: 1 if one failed."""
        for seed in seeds:
            self.next = seed
            if real.perf_counter() - self._began > seconds:
                break
            outcome = run(seed, only=self._only, tells=self._tells)
            self.done += 1
            self.steps += outcome.steps
            if self._tells:
                print(told(outcome))
            if outcome.failure is not None:
                self._failed(outcome)
                if not self._keep_going:
                    break
            if not self.done % _COLLECTED:
                gc.collect()
            if real.perf_counter() - self._told > _TELL_SECONDS:
                self._tell()
        self._tell()
        for kind, count in self.kinds.most_common():
            print(f"{count:6} {kind}")
        return 1 if self.kinds else 0

    @property
    def failed(self) -> int:
        """How many runs failed."""
        return self.kinds.total()

    def _failed(self, outcome: Outcome) -> None:
        assert outcome.failure is not None
        self.kinds[outcome.failure[0].split(":")[0]] += 1
        sort = outcome.failure[0], outcome.scenario
        self._sorts[sort] += 1
        if self._sorts[sort] > _SHRUNK:
            print(f"{brief(outcome)[:400]}", flush=True)
            return
        small = shrink.shrink(outcome, self._only)
        if small.failure is None:
            print(f"seed {outcome.seed} does not fail in the same way again: a simulation leaks")
            small = outcome
        if not self._keep_going:
            print(told(small))
            only = f" --only {self._only}" if self._only else ""
            print(f"again: python -m tests.simulation --seed {outcome.seed} --runs 1{only}")
        print(brief(small), flush=True)

    def _tell(self) -> None:
        self._told = real.perf_counter()
        spent = self._told - self._began
        each = spent * 1000 / max(self.done, 1)
        print(
            f"{self.done} runs, {self.done / spent:.0f} a second, {each:.1f} ms and "
            f"{self.steps // max(self.done, 1)} steps each, {self.failed} failed; "
            f"the next seed is {self.next}",
            flush=True,
            file=sys.stderr,
        )


def brief(outcome: Outcome) -> str:
    """One line for the failure, and one for what it takes."""
    assert outcome.failure is not None
    kind, text = outcome.failure
    faults = [text for _, _, text in outcome.story if text.startswith("-- ")]
    lines = text.strip().splitlines()
    first = " / ".join(dict.fromkeys([lines[0], lines[-1]]))
    return (
        f"seed {outcome.seed} ({outcome.scenario}, {outcome.about}): {kind}: {first[:300]}\n"
        f"     by {len(outcome.decisions)} decisions: {'; '.join(faults)[:500]}"
    )


def told(outcome: Outcome) -> str:
    """The story of a run, a line for each step."""
    lines = lines_of(outcome.story)
    decided = [f"  {key} {decision}" for key, decision in outcome.decisions.items()]
    return "\n".join([*lines, "decisions:", *decided, f"failure: {outcome.failure}"])
