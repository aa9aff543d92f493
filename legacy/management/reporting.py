"""What ``manage.py tusbridge_import_chunked`` tells: progress, problems, and a table in the end."""

import csv
import time
from collections import Counter
from typing import TextIO

from legacy.importing import Finding, Outcome
from tusbridge.texts import render_inert, render_size

# Problems that are printed; a file takes all of them.
PRINTED = 20
# Seconds between two lines of progress on a terminal.
_PROGRESS_SECONDS = 0.2
COLUMNS = ("row", "upload_id", "outcome", "reason")


class Report:
    """Counts findings, and tells of each that somebody has to look at.

    :param total: how many rows there are, for the progress on a terminal.
    :param file: takes all problems as CSV.
    :param verbose: a line for each batch.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        *,
        total: int,
        file: TextIO | None = None,
        verbose: bool = False,
    ) -> None:
        self._out = out
        self._err = err
        self._total = total
        self._csv = csv.writer(file) if file else None
        self._verbose = verbose
        self._counts: Counter[Outcome] = Counter()
        self._told: Counter[Outcome] = Counter()
        self._looked_at = self._problems = self._lowered = self._copied = 0
        self._has_progress = err.isatty()
        self._shown_at = 0.0
        if self._csv:
            self._csv.writerow(COLUMNS)

    @property
    def has_problems(self) -> bool:
        """Whether something could not be taken."""
        return any(self._counts[outcome] for outcome in Outcome if outcome.is_problem)

    def add(self, finding: Finding) -> None:
        """One row more."""
        self._counts[finding.outcome] += 1
        self._copied += finding.copied
        is_lowered = bool(finding.reason) and finding.outcome is Outcome.UNFINISHED
        self._lowered += is_lowered
        if finding.outcome.is_problem or is_lowered:
            self._tell(finding)
        self._show()

    def look(self, count: int) -> None:
        """A batch is done."""
        self._looked_at += count
        self._show()
        if not self._verbose:
            return
        self._clear()
        news = self._counts - self._told
        self._told = self._counts.copy()
        words = ", ".join(f"{news[outcome]} {outcome}" for outcome in Outcome if news[outcome])
        self._out.write(f"{self._looked_at} rows: {words}\n")

    def fail(self, why: str) -> None:
        """It could not go on."""
        self._clear()
        self._err.write(f"ended early: {why}; run it again to go on\n")

    def end(self, *, dry_run: bool) -> None:
        """The table of outcomes."""
        self._clear()
        if self._problems > PRINTED:
            more = self._problems - PRINTED
            hint = "" if self._csv else "; --report FILE writes all of them"
            self._err.write(f"and {more} more{hint}\n")
        width = max(map(len, Outcome)) + 2
        for outcome in Outcome:
            words = str(self._counts[outcome])
            if outcome is Outcome.UNFINISHED and self._lowered:
                words += f" ({self._lowered} with fewer bytes than the row says)"
            self._out.write(f"{outcome + ':':{width}}{words}\n")
        if self._copied:
            verb = "to copy" if dry_run else "copied"
            self._out.write(f"{verb + ':':{width}}{render_size(self._copied)}\n")
        if dry_run:
            self._out.write("nothing was changed\n")

    def _tell(self, finding: Finding) -> None:
        self._problems += 1
        facts = (finding.row, finding.upload_id, str(finding.outcome), finding.reason)
        row, upload_id, outcome, reason = map(render_inert, facts)
        if self._csv:
            self._csv.writerow((row, upload_id, outcome, reason))
        if self._problems > PRINTED:
            return
        self._clear()
        words = f"{outcome}: {reason}" if reason else outcome
        self._err.write(f"{upload_id or f'row {row}'}: {words}\n")

    def _show(self) -> None:
        if not self._has_progress or time.monotonic() < self._shown_at + _PROGRESS_SECONDS:
            return
        self._shown_at = time.monotonic()
        taken = self._counts[Outcome.COMPLETE] + self._counts[Outcome.UNFINISHED]
        self._err.write(f"\r{self._looked_at} of {self._total} rows, {taken} imported\x1b[K")
        self._err.flush()

    def _clear(self) -> None:
        """Take the line of progress away before another one."""
        if self._has_progress and self._shown_at:
            self._err.write("\r\x1b[K")
