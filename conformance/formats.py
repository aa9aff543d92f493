"""The report for programs and pages: JSON, JUnit's XML, and a table in Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from . import __version__
from .findings import Findings, tally
from .report import curl_of, failure_text, why_no_curl
from .runner import Outcome, Result

# XML 1.0, 2.2, Char: what no document can hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def json_of(found: Findings) -> str:
    """One object; `checks` has every check in the order of the suite."""
    told = {
        "tool": "tusbridge-conformance",
        "version": __version__,
        "suite": found.suite.name,
        "url": found.url,
        "strict": found.strict,
        "status": found.status,
        "sentence": found.sentence,
        "away": list(found.away),
        "counts": {level: _counts(found.at(level)) for level in found.suite.levels},
        "groups": {
            name: {level: _counts(found.at(level, results)) for level in found.suite.levels}
            for name, results in found.groups().items()
        },
        "checks": [_check(found, result) for result in found.results],
    }
    return json.dumps(told, indent=2) + "\n"


def junit_of(found: Findings) -> str:
    """A failure that does not count against the server is a skipped case, which leaves CI green."""
    counted = tally(found.results)
    against = sum(map(found.counts_against, found.results))
    numbers = {
        "tests": str(len(found.results)),
        "failures": str(against),
        "errors": "0",
        "skipped": str(len(found.results) - counted.passed - against),
        "time": f"{sum(result.seconds for result in found.results):.3f}",
    }
    root = ElementTree.Element("testsuites", numbers)
    suite = ElementTree.SubElement(root, "testsuite", {"name": found.suite.name, **numbers})
    for result in found.results:
        _case(suite, found, result)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def markdown_of(found: Findings) -> str:
    """A table with a row for each part, for a README."""
    levels = found.suite.levels
    rows = [["", *levels, "not run"], ["---"] * (len(levels) + 2)]
    for name, results in [*found.groups().items(), ("all", list(found.results))]:
        cells = [_mark(found.at(level, results)) for level in levels]
        rows.append([name, *cells, tally(results).not_run])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"**{found.suite.name}**, by tusbridge-conformance {__version__}:\n\n{table}\n"


def _counts(results: Sequence[Result]) -> dict[str, int]:
    counted = tally(results)
    return {
        "passed": counted.passed,
        "failed": counted.failed,
        "not_announced": counted.not_announced,
        "not_testable": counted.not_testable,
        "not_reached": counted.not_reached,
    }


def _check(found: Findings, result: Result) -> dict[str, Any]:
    made, failure = result.check, result.failure
    told = {
        "id": made.id,
        "row": made.row,
        "level": made.level,
        "section": made.section,
        "extension": made.extension,
        "title": made.title,
        "outcome": result.outcome.name.lower(),
        "counts_against": found.counts_against(result),
        "seconds": round(result.seconds, 3),
        "reason": failure.message if failure else result.detail or None,
    }
    if failure is not None:
        told |= {"sent": str(failure.sent or ""), "got": failure.answer}
        told |= {"curl": curl_of(failure), "why_no_curl": why_no_curl(failure)}
    return told


def _case(suite: ElementTree.Element, found: Findings, result: Result) -> None:
    made = result.check
    named = {"classname": made.group, "name": made.id}
    case = ElementTree.SubElement(suite, "testcase", {**named, "time": f"{result.seconds:.3f}"})
    if result.outcome is Outcome.FAIL:
        _failed_case(case, found, result)
    elif result.outcome is not Outcome.PASS:
        ElementTree.SubElement(case, "skipped", message=_xml(result.detail))


def _failed_case(case: ElementTree.Element, found: Findings, result: Result) -> None:
    made = result.check
    first = _xml(result.detail.partition("\n")[0])
    if found.counts_against(result):
        failure = ElementTree.SubElement(case, "failure", message=first, type=made.level)
        failure.text = _xml(failure_text(result))
    else:
        ElementTree.SubElement(case, "skipped", message=f"{made.level} fails: {first}")
        ElementTree.SubElement(case, "system-out").text = _xml(failure_text(result))


def _xml(text: str) -> str:
    return _NOT_XML.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _mark(results: Sequence[Result]) -> str:
    counted = tally(results)
    return f"**{counted}**" if counted.failed else str(counted)
