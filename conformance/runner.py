"""Runs a suite's checks against a target and tells how each ended. It knows no suite."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from .target import Away, CheckFailed, NotAnnounced, NotTestable

Target = TypeVar("Target")
Target_contra = TypeVar("Target_contra", contravariant=True)


class Outcome(StrEnum):
    PASS = "PASS"
    FAIL = "FAIL"
    NOT_ANNOUNCED = "not announced"
    NOT_TESTABLE = "not testable"
    NOT_REACHED = "not reached"


class Runnable(Protocol[Target_contra]):
    """What the checks of every suite have, whatever else they say of themselves."""

    @property
    def id(self) -> str: ...

    @property
    def row(self) -> int: ...

    @property
    def level(self) -> str: ...

    @property
    def section(self) -> str: ...

    @property
    def extension(self) -> str | None: ...

    @property
    def group(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def needs(self) -> tuple[str, ...]: ...

    @property
    def run(self) -> Callable[[Target_contra], None]: ...


Check = TypeVar("Check", bound=Runnable[Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one check ended. `detail` is the reason, for a failure with the exchange, which is in
    `failure` part by part.
    """

    check: Runnable[Any]
    outcome: Outcome
    detail: str = ""
    failure: CheckFailed | None = None
    seconds: float = 0.0


def select(
    checks: Sequence[Check], only: Sequence[str] | None, extensions: Sequence[str] | None = None
) -> tuple[Check, ...]:
    """The checks whose id begins with one of the names, and that are of one of the extensions; all
    of them without names.

    Raises `ValueError` for a name that fits no check, lest a misspelt one pass by running nothing.
    """
    named = _only(checks, only, "check begins with", lambda made, name: made.id.startswith(name))
    found = _only(checks, extensions, "check is of", lambda made, name: made.extension == name)
    return tuple(made for made in checks if made in named and made in found)


def _only(
    checks: Sequence[Check],
    names: Sequence[str] | None,
    what: str,
    fits: Callable[[Check, str], bool],
) -> Sequence[Check]:
    if not names:
        return checks
    unknown = [name for name in names if not any(fits(made, name) for made in checks)]
    if unknown:
        raise ValueError(f"no {what} {', '.join(unknown)}")
    return [made for made in checks if any(fits(made, name) for name in names)]


def run_check(made: Runnable[Target], target: Target) -> Result:
    begun = time.monotonic()
    return replace(_end_of(made, target), seconds=time.monotonic() - begun)


def run_whatever_comes(made: Runnable[Target], target: Target) -> Result:
    """As `run_check`; an answer that the check itself breaks on fails it, and the rest goes on."""
    try:
        return run_check(made, target)
    except Exception as error:
        broken = CheckFailed(f"the check broke off: {type(error).__name__}: {error}")
        return Result(check=made, outcome=Outcome.FAIL, detail=str(broken), failure=broken)


def _end_of(made: Runnable[Target], target: Target) -> Result:
    try:
        made.run(target)
    except CheckFailed as failure:
        return Result(check=made, outcome=Outcome.FAIL, detail=str(failure), failure=failure)
    except NotAnnounced as absent:
        return Result(check=made, outcome=Outcome.NOT_ANNOUNCED, detail=str(absent))
    except NotTestable as hidden:
        return Result(check=made, outcome=Outcome.NOT_TESTABLE, detail=str(hidden))
    except Away as absence:
        return Result(check=made, outcome=Outcome.NOT_REACHED, detail=str(absence))
    return Result(check=made, outcome=Outcome.PASS)


def iterate(
    checks: Sequence[Runnable[Target]],
    target: Target,
    jobs: int = 1,
    run: Callable[[Runnable[Target], Target], Result] = run_check,
) -> Iterator[Result]:
    """Results in the checks' order, each as soon as it and those before it are there. `jobs` checks
    run at a time.
    """
    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        yield from pool.map(lambda made: run(made, target), checks)
    finally:
        pool.shutdown(cancel_futures=True)


def run_checks(checks: Sequence[Runnable[Target]], target: Target, jobs: int = 1) -> list[Result]:
    return list(iterate(checks, target, jobs))
