"""Runs a suite's checks against a target and tells how each ended. It knows no suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from .target import CheckFailed, NotAnnounced, NotTestable

Target = TypeVar("Target")
Target_contra = TypeVar("Target_contra", contravariant=True)


class Outcome(StrEnum):
    PASS = "PASS"
    FAIL = "FAIL"
    NOT_ANNOUNCED = "not announced"
    NOT_TESTABLE = "not testable"


class Runnable(Protocol[Target_contra]):
    """What the checks of every suite have, whatever else they say of themselves."""

    @property
    def id(self) -> str: ...

    @property
    def level(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def run(self) -> Callable[[Target_contra], None]: ...


Check = TypeVar("Check", bound=Runnable[Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one check ended. `detail` is the reason, for a failure with the exchange."""

    check: Runnable[Any]
    outcome: Outcome
    detail: str = ""

    @property
    def counts_against(self) -> bool:
        """True for a failure that makes the run fail: what a server MAY do, it may leave."""
        return self.outcome is Outcome.FAIL and self.check.level != "MAY"


def select(checks: Sequence[Check], only: Sequence[str] | None) -> tuple[Check, ...]:
    """The checks whose id begins with one of the names; all of them without names.

    Raises `ValueError` for a name that fits no check, lest a misspelt one pass by running nothing.
    """
    if not only:
        return tuple(checks)
    unknown = [name for name in only if not any(made.id.startswith(name) for made in checks)]
    if unknown:
        raise ValueError(f"no check begins with {', '.join(unknown)}")
    return tuple(made for made in checks if made.id.startswith(tuple(only)))


def run_check(made: Runnable[Target], target: Target) -> Result:
    try:
        made.run(target)
    except CheckFailed as failure:
        return Result(check=made, outcome=Outcome.FAIL, detail=str(failure))
    except NotAnnounced as absent:
        return Result(check=made, outcome=Outcome.NOT_ANNOUNCED, detail=str(absent))
    except NotTestable as hidden:
        return Result(check=made, outcome=Outcome.NOT_TESTABLE, detail=str(hidden))
    return Result(check=made, outcome=Outcome.PASS)


def iterate(checks: Sequence[Runnable[Target]], target: Target, jobs: int = 1) -> Iterator[Result]:
    """Results in the checks' order, each as soon as it and those before it are there. `jobs` checks
    run at a time.
    """
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        yield from pool.map(lambda made: run_check(made, target), checks)


def run_checks(checks: Sequence[Runnable[Target]], target: Target, jobs: int = 1) -> list[Result]:
    return list(iterate(checks, target, jobs))
