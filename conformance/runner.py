"""Runs checks against a target and tells how each ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from conformance.checks import ALL
from conformance.registry import Check, CheckFailed, NotAnnounced, NotTestable, Target


class Outcome(StrEnum):
    PASS = "PASS"
    FAIL = "FAIL"
    NOT_ANNOUNCED = "not announced"
    NOT_TESTABLE = "not testable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one check ended. `detail` is the reason, for a failure with the exchange."""

    check: Check
    outcome: Outcome
    detail: str = ""

    @property
    def counts_against(self) -> bool:
        """True for a failure that makes the run fail: what a server MAY do, it may leave."""
        return self.outcome is Outcome.FAIL and self.check.level != "MAY"


def select(only: Sequence[str] | None) -> tuple[Check, ...]:
    """The checks whose id begins with one of the names; all of them without names.

    Raises `ValueError` for a name that fits no check, lest a misspelt one pass by running nothing.
    """
    if not only:
        return ALL
    unknown = [name for name in only if not any(made.id.startswith(name) for made in ALL)]
    if unknown:
        raise ValueError(f"no check begins with {', '.join(unknown)}")
    return tuple(made for made in ALL if made.id.startswith(tuple(only)))


def run_check(made: Check, target: Target) -> Result:
    try:
        made.run(target)
    except CheckFailed as failure:
        return Result(check=made, outcome=Outcome.FAIL, detail=str(failure))
    except NotAnnounced as absent:
        return Result(check=made, outcome=Outcome.NOT_ANNOUNCED, detail=str(absent))
    except NotTestable as hidden:
        return Result(check=made, outcome=Outcome.NOT_TESTABLE, detail=str(hidden))
    return Result(check=made, outcome=Outcome.PASS)


def iterate(target: Target, only: Sequence[str] | None = None, jobs: int = 1) -> Iterator[Result]:
    """Results in row order, each as soon as it and those before it are there. `jobs` checks run at
    a time.
    """
    chosen = select(only)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        yield from pool.map(lambda made: run_check(made, target), chosen)


def run_checks(target: Target, only: Sequence[str] | None = None, jobs: int = 1) -> list[Result]:
    return list(iterate(target, only, jobs))
