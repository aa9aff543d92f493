"""The tables of docs/conformance-results.md, out of the tool's reports."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from benchmarks.peers.base import Peer

Report = dict[str, Any]
LEVELS = ("MUST", "SHOULD", "D")
_RAN = ("pass", "fail")


def rewritten(page: str, reports: Mapping[str, Report], peers: Mapping[str, Peer]) -> str:
    """The page with each table between its two comments made anew."""
    tables = {"servers": servers(reports), **{level: rows(reports, level) for level in LEVELS}}
    for name, made in (tables | {"starts": starts(peers)}).items():
        page = _put(page, name, made)
    return page


def _put(page: str, name: str, made: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"the page has no place for the table {name}")
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"


def servers(reports: Mapping[str, Report]) -> str:
    """Who was checked, and how many checks passed of how many that ran."""
    heads = ("server", "version", "language", "MUST", "SHOULD", "MAY", "D", "not announced")
    lines = [(*heads, "not testable", "checked on")]
    for report in reports.values():
        counts = [_passed(report["counts"][level]) for level in ("MUST", "SHOULD", "MAY", "D")]
        lines.append(
            (
                report["title"],
                report["server_version"],
                report["language"],
                *counts,
                str(_sum(report, "not_announced")),
                str(_sum(report, "not_testable")),
                report["date"],
            )
        )
    return table(lines)


def starts(peers: Mapping[str, Peer]) -> str:
    """How each was started, without the folders of this repository."""
    return "\n".join(
        f"- {peer.title}: `{_start(peer)}` ({peer.workers})" for peer in peers.values()
    )


def _start(peer: Peer) -> str:
    parts = [*(f"{name}={value}" for name, value in peer.environ.items()), *peer.command]
    told = " ".join(part.rpartition("/bin/")[2] for part in parts)
    for placeholder, word in {"{root}/": "", "{place}": "FOLDER", "{port}": "PORT"}.items():
        told = told.replace(placeholder, word)
    return told


def rows(reports: Mapping[str, Report], level: str) -> str:
    """A line for each row of the protocol's table that a server fails: failed of those that ran."""
    lines = [("row", "rule", *(report["title"] for report in reports.values()))]
    numbers = sorted({check["row"] for report in reports.values() for check in _at(report, level)})
    for number in numbers:
        cells = [cell(report, level, number) for report in reports.values()]
        if any("/" in one for one in cells):
            lines.append((str(number), _title(reports, level, number), *cells))
    return table(lines)


def cell(report: Report, level: str, number: int) -> str:
    """Failed checks of those that ran; "" for none, a dot where none ran."""
    found = [check for check in _at(report, level) if check["row"] == number]
    ran = [check for check in found if check["outcome"] in _RAN]
    failed = sum(check["outcome"] == "fail" for check in ran)
    if not ran:
        return "·"
    return f"**{failed}/{len(ran)}**" if failed else ""


def table(lines: Iterable[tuple[str, ...]]) -> str:
    """Lines of cells as Markdown; the first has the heads."""
    heads, *rest = lines
    return "\n".join(_line(cells) for cells in (heads, ["---"] * len(heads), *rest))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _title(reports: Mapping[str, Report], level: str, number: int) -> str:
    """That of the row's check that most servers fail."""
    failed = [
        check["title"]
        for report in reports.values()
        for check in _at(report, level)
        if check["row"] == number and check["outcome"] == "fail"
    ]
    return max(failed, key=failed.count)


def _at(report: Report, level: str) -> Iterator[Report]:
    return (check for check in report["checks"] if check["level"] == level)


def _passed(counts: Mapping[str, int]) -> str:
    ran = counts["passed"] + counts["failed"]
    return f"{counts['passed']} of {ran}" if ran else ""


def _sum(report: Report, outcome: str) -> int:
    return sum(counts[outcome] for counts in report["counts"].values())
