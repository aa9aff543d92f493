"""What a command line does once its options are read: list, or probe, run and report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .findings import Findings, Suite
from .formats import json_of, junit_of, markdown_of
from .listing import Contents, markdown_of_list, text_of_list
from .presence import RETURN_SECONDS, STANDSTILL_SECONDS, Presence
from .probe import Silent, Unreachable, Unusable
from .progress import asking, watched
from .report import text_of
from .runner import Result, Runnable, iterate, run_whatever_comes
from .sent import printable
from .terminal import page_for

Target = TypeVar("Target")

_FORMATS: dict[str, Callable[[Findings], str]] = {
    "json": json_of,
    "junit": junit_of,
    "markdown": markdown_of,
}


def show_list(
    checks: Sequence[Runnable[Any]], options: argparse.Namespace, contents: Contents
) -> int:
    """Lists the checks as text, or as Markdown where that is asked for; the exit status."""
    if options.markdown in (None, "-"):
        as_text = options.markdown is None
        told = text_of_list(checks) if as_text else markdown_of_list(checks, contents)
        sys.stdout.write(told)
    else:
        Path(options.markdown).write_text(markdown_of_list(checks, contents), encoding="utf-8")
    return 0


def carry_out(
    suite: Suite,
    checks: Sequence[Runnable[Target]],
    target: Target,
    options: argparse.Namespace,
    *,
    url: str,
    probe: Callable[[Target], None],
) -> int:
    """Runs the checks at a server that can be asked; the exit status."""
    try:
        with asking(url, sys.stderr):
            probe(target)
        presence: Presence[Target] = Presence(lambda target: _patience(probe, target))
        results = _run(checks, target, options.jobs, presence)
    except Unusable as reason:
        sys.stderr.write(f"{printable(str(reason))}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    found = Findings(
        suite=suite, url=url, results=results, strict=options.strict, away=tuple(presence.away)
    )
    _write(found, options)
    return found.status


def expect_one_output(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    taken = [name for name in _FORMATS if getattr(options, name) == "-"]
    if len(taken) > 1:
        parser.error(f"only one of --{' and --'.join(taken)} can be the output")


def _patience(probe: Callable[[Target], None], target: Target) -> float:
    """The seconds that the server may be given to answer; 0 where it does."""
    try:
        probe(target)
    except Silent:
        return STANDSTILL_SECONDS
    except Unreachable:
        return RETURN_SECONDS
    except Unusable:
        # it answers, be it that it makes no uploads any more
        return 0
    return 0


def _run(
    checks: Sequence[Runnable[Target]], target: Target, jobs: int, presence: Presence[Target]
) -> tuple[Result, ...]:
    def run(made: Runnable[Target], target: Target) -> Result:
        return presence.run(run_whatever_comes, made, target)

    results = iterate(checks, target, jobs, run)
    return tuple(watched(results, len(checks), sys.stderr))


def _write(found: Findings, options: argparse.Namespace) -> None:
    """The files asked for, and the report, unless another form takes its place."""
    outputs = {name: getattr(options, name) for name in _FORMATS}
    for name, path in outputs.items():
        if path == "-":
            sys.stdout.write(_FORMATS[name](found))
        elif path is not None:
            Path(path).write_text(_FORMATS[name](found), encoding="utf-8")
    if "-" not in outputs.values():
        sys.stdout.write(text_of(found, page_for(sys.stdout), verbose=options.verbose))
