"""The report for people: a table of all parts, then each failure with what was sent and got."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .findings import Findings, tally
from .runner import Outcome, Result
from .sent import printable
from .target import CheckFailed
from .terminal import BOLD, DIM, GREEN, RED, YELLOW, Page

_EXTENSION = "extension "
# Columns that a failure's texts begin behind.
_INDENT = 12


def text_of(found: Findings, page: Page, *, verbose: bool = False) -> str:
    """The whole report; `verbose` lists what passed and what was not run, too."""
    head = page.paint(f"{found.suite.name} at {found.url}", BOLD)
    lines = [head, "", *_table(found, page), ""]
    for name, results in found.groups().items():
        lines += _group(found, name, results, page, verbose)
    colour = RED if found.status else GREEN
    sentence = [page.paint(line, colour) for line in page.fold(found.sentence, 0)]
    return "\n".join([*lines, *sentence, ""])


def failure_text(result: Result) -> str:
    """One failure, without colours."""
    return "\n".join(_failure(result, Page(), RED))


def why_no_curl(failure: CheckFailed) -> str | None:
    """The reason why no curl command repeats the failure; None where one does."""
    if failure.sent is None:
        return failure.raw or "no request was answered"
    return failure.raw or failure.sent.why_no_curl


def curl_of(failure: CheckFailed) -> str | None:
    return failure.sent.curl() if failure.sent and not why_no_curl(failure) else None


def _table(found: Findings, page: Page) -> Iterator[str]:
    """Extensions under a line of their own, so that 80 columns are enough."""
    groups = found.groups()
    core = [name for name in groups if not name.startswith(_EXTENSION)]
    names = {name: name.replace(_EXTENSION, "  ") for name in groups}
    width = max([len(name) for name in names.values()] + [10]) + 2
    heads = "".join(f"{level:<{_columns(level)}}" for level in found.suite.levels)
    yield page.paint(f"{'passed/run':<{width}}{heads}not run", DIM)
    for number, (name, results) in enumerate(groups.items()):
        if number == len(core):
            yield "extensions"
        row = f"{names[name]:<{width}}{_cells(found, results, page)}"
        yield f"{row}{tally(results).not_run}".rstrip()
    counted = tally(found.results)
    rest = len(found.results) - counted.ran
    yield f"{'all':<{width}}{_cells(found, found.results, page)}{rest or ''}".rstrip()


def _columns(level: str) -> int:
    return max(len(level), 7) + 1


def _cells(found: Findings, results: Sequence[Result], page: Page) -> str:
    return "".join(_cell(found, level, results, page) for level in found.suite.levels)


def _cell(found: Findings, level: str, results: Sequence[Result], page: Page) -> str:
    counted = tally(found.at(level, results))
    text = f"{counted!s:<{_columns(level)}}"
    if not counted.failed:
        return page.paint(text, GREEN) if counted.ran else text
    return page.paint(text, RED if found.suite.counts(level, strict=found.strict) else YELLOW)


def _group(
    found: Findings, name: str, results: Sequence[Result], page: Page, verbose: bool
) -> list[str]:
    lines: list[str] = []
    for level in found.suite.levels:
        at_level = found.at(level, results)
        told = [one for one in at_level if verbose or one.outcome is Outcome.FAIL]
        if told:
            lines += [page.paint(f"{name}, {level}: {_counts(at_level)}", BOLD)]
            for result in told:
                lines += _lines(found, result, page)
            lines += [""]
    return lines


def _counts(results: Sequence[Result]) -> str:
    counted = tally(results)
    told = {"failed": counted.failed, "passed": counted.passed}
    parts = [f"{count} {what}" for what, count in told.items() if count]
    return ", ".join([*parts, counted.not_run] if counted.not_run else parts)


def _lines(found: Findings, result: Result, page: Page) -> list[str]:
    if result.outcome is Outcome.FAIL:
        return _failure(result, page, RED if found.counts_against(result) else YELLOW)
    code = GREEN if result.outcome is Outcome.PASS else DIM
    why = f" ({result.detail})" if result.detail else ""
    told = page.fold(f"{result.check.id}: {result.check.title}{why}", _INDENT + 4)
    return _hung(f"  {page.paint(f'{result.outcome:<13}', code)} ", told, _INDENT + 4)


def _failure(result: Result, page: Page, code: str) -> list[str]:
    failure = result.failure or CheckFailed(result.detail)
    parts = {
        "rule": result.check.title,
        "seen": failure.message,
        "sent": str(failure.sent or ""),
        "got": failure.answer,
    }
    lines = [f"  {page.paint(f'FAIL {result.check.id}', code)}"]
    for name, text in parts.items():
        if text:
            lines += _part(name, page.fold(text, _INDENT), page)
    curl = curl_of(failure)
    # a line that is to be copied is not broken
    again = (
        [printable(curl)] if curl else page.fold(f"not by curl: {why_no_curl(failure)}", _INDENT)
    )
    return [*lines, *_part("repeat", again, page)]


def _part(name: str, lines: list[str], page: Page) -> list[str]:
    return _hung(f"    {page.paint(f'{name:<6}', DIM)}  ", lines, _INDENT)


def _hung(first: str, lines: list[str], indent: int) -> list[str]:
    return [f"{first}{lines[0]}", *(" " * indent + line for line in lines[1:])]
