"""The command line that all suites share: their common options, and the report."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from .runner import Check, Outcome, Result, Runnable, iterate, select

Target = TypeVar("Target")


def add_common_options(parser: argparse.ArgumentParser, example: str) -> None:
    parser.add_argument(
        "--only",
        action="append",
        metavar="ID",
        help=f"checks whose id begins so, such as {example}",
    )
    parser.add_argument(
        "--header", action="append", type=header, default=[], metavar="'NAME: VALUE'"
    )
    parser.add_argument(
        "--other-header", action="append", type=header, metavar="HEADER", help="a second user's"
    )
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="checks that run at a time"
    )


def header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not 'Name: value'")
    return name.strip(), value.strip()


def chosen(
    parser: argparse.ArgumentParser, checks: Sequence[Check], options: argparse.Namespace
) -> tuple[Check, ...]:
    """The checks that `--only` names; wrong use where it names none."""
    try:
        return select(checks, options.only)
    except ValueError as error:
        parser.error(str(error))


def report(checks: Sequence[Runnable[Target]], target: Target, jobs: int) -> int:
    """Runs the checks and prints how each ended; 1 when one counts against the server, else 0."""
    results = []
    for result in iterate(checks, target, jobs):
        _print(result)
        results.append(result)
    counts = Counter(result.outcome for result in results)
    _say(", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome))
    return int(any(result.counts_against for result in results))


def _print(result: Result) -> None:
    made = result.check
    _say(f"{result.outcome:<13} {made.level:<8} {made.id}: {made.title}")
    if result.outcome is Outcome.FAIL:
        _say("".join(f"    {line}\n" for line in result.detail.splitlines()))
    elif result.detail:
        _say(f"    {result.detail}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
