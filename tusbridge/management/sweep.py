"""One sweep from the command line: ``manage.py tusbridge_sweep`` and ``tusbridge sweep``."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TextIO

from tusbridge.errors import DatabaseUnavailable
from tusbridge.service import UploadService
from tusbridge.sweeping import BATCH, Fate, Finding, Kind, Sweeper
from tusbridge.texts import render_inert, render_size

# Seconds between two lines of progress on a terminal.
_PROGRESS_SECONDS = 0.2
_VERBS = {Kind.UNCOMPLETED: "completed", Kind.UNANNOUNCED: "announced"}
_SCOPED = (
    "--orphans: REQUEST_SCOPES is set, so this process may not see all uploads, and would remove "
    "the bytes of the others; add --dry-run"
)
_THINGS = {Kind.ORPHAN: "file", Kind.FOREIGN: "name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """What is asked for; ``finished_before`` in seconds ago, None for never."""

    dry_run: bool = False
    orphans: bool = False
    missing: bool = False
    remove_missing: bool = False
    finished_before: float | None = None
    batch: int = BATCH
    limit: int | None = None
    as_json: bool = False
    verbose: bool = False


def run_sweep(options: SweepOptions, out: TextIO, err: TextIO) -> int:
    """Sweep, and tell on ``out`` what was found and on ``err`` what went wrong; the exit status:
    1 when something could not be swept."""
    report = _Report(options, out, err)
    service = UploadService()
    if options.orphans and not options.dry_run and service.options.REQUEST_SCOPES:
        report.fail(_SCOPED)
        return 1
    sweeper = Sweeper(
        service,
        dry_run=options.dry_run,
        limit=options.limit,
        batch=options.batch,
        look=report.look,
    )
    try:
        for finding in _findings(sweeper, options, service.clock()):
            report.add(finding)
    except DatabaseUnavailable as error:
        report.fail(f"{error.code}: {error}")
    report.end()
    return 1 if report.has_failed else 0


def _findings(sweeper: Sweeper, options: SweepOptions, now: datetime) -> Iterator[Finding]:
    yield from sweeper.routine()
    if options.finished_before is not None:
        yield from sweeper.finished(now - timedelta(seconds=options.finished_before))
    if options.missing or options.remove_missing:
        yield from sweeper.missing(remove=options.remove_missing)
    if options.orphans:
        yield from sweeper.orphans()


class _Report:
    """Counts by kind and fate, and a line for each thing that somebody has to look at."""

    def __init__(self, options: SweepOptions, out: TextIO, err: TextIO) -> None:
        self._options = options
        self._out = out
        self._err = err
        self._counts: Counter[tuple[Kind, Fate]] = Counter()
        self._bytes: Counter[Kind] = Counter()
        self._looked_at = 0
        self._has_progress = err.isatty()
        self._told_at = 0.0
        self.has_failed = False

    def add(self, finding: Finding) -> None:
        self._counts[finding.kind, finding.fate] += 1
        self._bytes[finding.kind] += finding.size
        if finding.fate is Fate.FAILED:
            self.has_failed = True
        is_telling = finding.kind is Kind.MISSING or finding.fate is Fate.FAILED
        if is_telling or self._options.verbose:
            self._tell(finding)

    def look(self, count: int) -> None:
        """Progress, on a terminal only."""
        self._looked_at += count
        if not self._has_progress or time.monotonic() < self._told_at + _PROGRESS_SECONDS:
            return
        self._told_at = time.monotonic()
        found = sum(self._counts.values())
        self._err.write(f"\rlooked at {self._looked_at}, found {found}\x1b[K")
        self._err.flush()

    def fail(self, why: str) -> None:
        """The sweep could not go on."""
        self.has_failed = True
        self._clear()
        if self._options.as_json:
            self._print_json({"event": "failed", "why": why})
        else:
            self._err.write(f"the sweep ended early: {why}\n")

    def end(self) -> None:
        self._clear()
        if self._options.as_json:
            kinds = {kind.value: self._json_of(kind) for kind in self._asked()}
            self._print_json({"event": "swept", "dry_run": self._options.dry_run, "kinds": kinds})
            return
        for kind in self._asked():
            self._out.write(f"{kind.value + ':':13}{self._words_of(kind)}\n")

    def _asked(self) -> list[Kind]:
        options = self._options
        return [
            *(Kind.TERMINATED, Kind.EXPIRED, Kind.UNCOMPLETED, Kind.UNANNOUNCED),
            *([Kind.FINISHED] if options.finished_before is not None else []),
            *([Kind.MISSING] if options.missing or options.remove_missing else []),
            *([Kind.ORPHAN, Kind.FOREIGN] if options.orphans else []),
        ]

    def _json_of(self, kind: Kind) -> dict[str, int]:
        fates = {fate.value: self._counts[kind, fate] for fate in Fate}
        return fates | {"bytes": self._bytes[kind]}

    def _words_of(self, kind: Kind) -> str:
        verb = _VERBS.get(kind, "removed")
        swept, spared, failed = (self._counts[kind, fate] for fate in Fate)
        would = "would be " if self._options.dry_run else ""
        words = [] if kind is Kind.FOREIGN else [f"{_count(swept, kind)} {would}{verb}"]
        if spared or not words:
            words.append(f"{_count(spared, kind)} left alone")
        if failed:
            words.append(f"{failed} failed")
        if self._bytes[kind]:
            words.append(f"{render_size(self._bytes[kind])} {would}freed")
        return ", ".join(words)

    def _tell(self, finding: Finding) -> None:
        self._clear()
        what = render_inert(finding.what)
        if self._options.as_json:
            facts = {"kind": finding.kind.value, "fate": finding.fate.value, "what": what}
            code = {"code": finding.code} if finding.code else {}
            self._print_json({"event": "found", **facts, "bytes": finding.size, **code})
        elif finding.fate is Fate.FAILED:
            self._err.write(f"not swept: {finding.kind.value} {what}: {finding.code}\n")
        else:
            self._out.write(f"{finding.kind.value} {what}\n")

    def _print_json(self, facts: dict[str, object]) -> None:
        self._out.write(json.dumps(facts) + "\n")

    def _clear(self) -> None:
        """Take the line of progress away before another one."""
        if self._has_progress and self._told_at:
            self._err.write("\r\x1b[K")


def _count(number: int, kind: Kind) -> str:
    thing = _THINGS.get(kind, "upload")
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
