"""The report for people: a table of all parts, then each failure with what was sent and got."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from .findings import Findings, tally
from .runner import Outcome, Result
from .target import CheckFailed

_RED, _GREEN, _YELLOW, _BOLD, _DIM = "31", "32", "33", "1", "2"


class Paint:
    """Colours, on a terminal that shows them."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text


def paint_for(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Paint:
    """https://no-color.org: NO_COLOR, when not empty, takes colours away."""
    dumb = environment.get("TERM") == "dumb" or bool(environment.get("NO_COLOR"))
    return Paint(stream.isatty() and not dumb)


def text_of(found: Findings, paint: Paint, *, verbose: bool = False) -> str:
    """The whole report; `verbose` lists what passed and what was not run, too."""
    lines = [paint(f"{found.suite.name} at {found.url}", _BOLD), "", *_table(found, paint), ""]
    for name, results in found.groups().items():
        lines += _group(found, name, results, paint, verbose)
    return "\n".join([*lines, paint(found.sentence, _RED if found.status else _GREEN), ""])


def failure_text(result: Result) -> str:
    """One failure, without colours."""
    return "\n".join(_failure(result, Paint(on=False), _RED))


def why_no_curl(failure: CheckFailed) -> str | None:
    """The reason why no curl command repeats the failure; None where one does."""
    if failure.sent is None:
        return failure.raw or "no request was answered"
    return failure.raw or failure.sent.why_no_curl


def curl_of(failure: CheckFailed) -> str | None:
    return failure.sent.curl() if failure.sent and not why_no_curl(failure) else None


def _table(found: Findings, paint: Paint) -> Iterator[str]:
    levels = found.suite.levels
    groups = found.groups()
    width = max([len(name) for name in groups] + [10]) + 2
    heads = "".join(f"{level:<10}" for level in levels)
    yield paint(f"{'passed/run':<{width}}{heads}not run", _DIM)
    for name, results in [*groups.items(), ("all", list(found.results))]:
        cells = "".join(_cell(found, level, results, paint) for level in levels)
        yield f"{name:<{width}}{cells}{tally(results).not_run}".rstrip()


def _cell(found: Findings, level: str, results: Sequence[Result], paint: Paint) -> str:
    counted = tally(found.at(level, results))
    text = f"{counted!s:<10}"
    if not counted.failed:
        return paint(text, _GREEN) if counted.ran else text
    return paint(text, _RED if found.suite.counts(level, strict=found.strict) else _YELLOW)


def _group(
    found: Findings, name: str, results: Sequence[Result], paint: Paint, verbose: bool
) -> list[str]:
    lines: list[str] = []
    for level in found.suite.levels:
        at_level = found.at(level, results)
        told = [one for one in at_level if verbose or one.outcome is Outcome.FAIL]
        if told:
            lines += [paint(f"{name}, {level}: {_counts(at_level)}", _BOLD)]
            for result in told:
                lines += _lines(found, result, paint)
            lines += [""]
    return lines


def _counts(results: Sequence[Result]) -> str:
    counted = tally(results)
    told = {"failed": counted.failed, "passed": counted.passed}
    parts = [f"{count} {what}" for what, count in told.items() if count]
    return ", ".join([*parts, counted.not_run] if counted.not_run else parts)


def _lines(found: Findings, result: Result, paint: Paint) -> list[str]:
    if result.outcome is Outcome.FAIL:
        return _failure(result, paint, _RED if found.counts_against(result) else _YELLOW)
    code = _GREEN if result.outcome is Outcome.PASS else _DIM
    why = f" ({result.detail})" if result.detail else ""
    return [
        f"  {paint(f'{result.outcome:<13}', code)} {result.check.id}: {result.check.title}{why}"
    ]


def _failure(result: Result, paint: Paint, code: str) -> list[str]:
    failure = result.failure or CheckFailed(result.detail)
    parts = {
        "rule": result.check.title,
        "seen": failure.message,
        "sent": str(failure.sent or ""),
        "got": failure.answer,
        "repeat": curl_of(failure) or f"not by curl: {why_no_curl(failure)}",
    }
    lines = [f"  {paint(f'FAIL {result.check.id}', code)}"]
    for name, text in parts.items():
        lines += _part(paint(f"{name:<6}", _DIM), text)
    return lines


def _part(name: str, text: str) -> list[str]:
    first, *rest = text.splitlines() or [""]
    return [f"    {name}  {first}", *(f"            {line}" for line in rest)] if text else []
