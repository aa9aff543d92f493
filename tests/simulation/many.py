"""Many runs one behind the other, and what is told of those that fail."""

from collections import Counter
from collections.abc import Iterable

from tests.simulation import shrink
from tests.simulation.run import Outcome, run


class Many:
    """Runs by their seeds; stops at the first failure, or counts them by kind."""

    def __init__(self, only: str, *, keep_going: bool, tells: bool) -> None:
        self._only, self._keep_going, self._tells = only, keep_going, tells
        self.done = self.steps = 0
        self.kinds: Counter[str] = Counter()

    def run(self, seeds: Iterable[int]) -> int:
        """Exit code: 1 if one failed."""
        for seed in seeds:
            outcome = run(seed, only=self._only, tells=self._tells)
            self.done += 1
            self.steps += outcome.steps
            if self._tells:
                print(told(outcome))
            if outcome.failure is None:
                continue
            self.kinds[outcome.failure[0]] += 1
            small = shrink.shrink(outcome, self._only)
            print(brief(small), flush=True)
            if not self._keep_going:
                print(told(small))
                print(f"again: python -m tests.simulation --seed {seed} --runs 1")
                return 1
        for kind, count in self.kinds.most_common():
            print(f"{count:6} {kind}")
        return 1 if self.kinds else 0


def brief(outcome: Outcome) -> str:
    """One line for the failure, and one for what it takes."""
    assert outcome.failure is not None
    kind, text = outcome.failure
    faults = [text for _, _, text in outcome.story if text.startswith("-- ")]
    first = " / ".join(text.strip().splitlines()[:1] + text.strip().splitlines()[-1:])
    return (
        f"seed {outcome.seed} ({outcome.scenario}, {outcome.about}): {kind}: {first[:300]}\n"
        f"     by {len(outcome.decisions)} decisions: {'; '.join(faults)[:500]}"
    )


def told(outcome: Outcome) -> str:
    """The story of a run, a line for each step."""
    lines = [f"{at:10.3f}  {who:24} {what}" for at, who, what in outcome.story]
    decided = [f"  {key} {decision}" for key, decision in outcome.decisions.items()]
    return "\n".join([*lines, "decisions:", *decided, f"failure: {outcome.failure}"])
