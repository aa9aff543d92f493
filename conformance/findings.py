"""What a run of a suite found, counted; every form of the report is made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .runner import Outcome, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A suite's name, and its levels, the one first that every server has to pass. What is
    `optional` never makes a run fail.
    """

    name: str
    levels: tuple[str, ...]
    optional: frozenset[str] = frozenset()

    @property
    def required(self) -> str:
        return self.levels[0]

    def counts(self, level: str, *, strict: bool) -> bool:
        """Whether a failure at this level makes the run fail."""
        return level not in self.optional if strict else level == self.required


TUS = Suite(name="tus 1.0.0", levels=("MUST", "SHOULD", "MAY", "D"), optional=frozenset({"MAY"}))
LEGACY = Suite(name="django-chunked-upload", levels=("CONTRACT", "FAULT"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Some results, counted."""

    passed: int
    failed: int
    not_announced: int
    not_testable: int
    not_reached: int

    @property
    def ran(self) -> int:
        return self.passed + self.failed

    @property
    def not_run(self) -> str:
        """Why some did not run, with how many; empty where all did."""
        counts = {
            Outcome.NOT_ANNOUNCED: self.not_announced,
            Outcome.NOT_TESTABLE: self.not_testable,
            Outcome.NOT_REACHED: self.not_reached,
        }
        return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)

    def __str__(self) -> str:
        return f"{self.passed}/{self.ran}" if self.ran else "-"


def tally(results: Sequence[Result]) -> Tally:
    counts = Counter(result.outcome for result in results)
    return Tally(
        passed=counts[Outcome.PASS],
        failed=counts[Outcome.FAIL],
        not_announced=counts[Outcome.NOT_ANNOUNCED],
        not_testable=counts[Outcome.NOT_TESTABLE],
        not_reached=counts[Outcome.NOT_REACHED],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The results at `url`. `strict`: advice that is not followed counts as well. `away`: the
    checks at which the server was found out of reach.
    """

    suite: Suite
    url: str
    results: tuple[Result, ...]
    strict: bool = False
    away: tuple[str, ...] = ()

    def groups(self) -> dict[str, list[Result]]:
        """By section, those of the protocol's core first, then by extension."""
        found: dict[str, list[Result]] = {}
        for result in sorted(self.results, key=lambda one: one.check.extension is not None):
            found.setdefault(result.check.group, []).append(result)
        return found

    def at(self, level: str, results: Sequence[Result] | None = None) -> list[Result]:
        among = self.results if results is None else results
        return [result for result in among if result.check.level == level]

    def counts_against(self, result: Result) -> bool:
        failed = result.outcome is Outcome.FAIL
        return failed and self.suite.counts(result.check.level, strict=self.strict)

    @property
    def status(self) -> int:
        """The exit status: 1 when a failure counts against the server, or it is gone."""
        return int(any(map(self.counts_against, self.results)) or self._is_gone)

    @property
    def _is_gone(self) -> bool:
        return any(result.outcome is Outcome.NOT_REACHED for result in self.results)

    @property
    def sentence(self) -> str:
        parts = [self._required(), *self._advice(), *self._not_run(), *self._absence()]
        return f"{'; '.join(parts)}."

    def _required(self) -> str:
        level = self.suite.required
        counted = tally(self.at(level))
        if not counted.ran:
            return f"No {level} check could be run at {self.url}"
        if counted.failed:
            return f"{counted.failed} of the {counted.ran} {level} checks run at {self.url} fail"
        return f"All {counted.ran} {level} checks run at {self.url} pass"

    def _advice(self) -> list[str]:
        failed = [(tally(self.at(level)).failed, level) for level in self.suite.levels[1:]]
        told = " and ".join(f"{count} {level}" for count, level in failed if count)
        return [f"of the others {told} fail"] if told else []

    def _absence(self) -> list[str]:
        if not self.away:
            return []
        if self._is_gone:
            return [f"the server is gone since {self.away[-1]}"]
        often = "once" if len(self.away) == 1 else f"{len(self.away)} times"
        return [f"the server was out of reach {often}, first seen at {self.away[0]}"]

    def _not_run(self) -> list[str]:
        told = tally(self.results).not_run
        return [f"not run: {told}"] if told else []
