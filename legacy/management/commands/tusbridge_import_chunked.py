"""``manage.py tusbridge_import_chunked``: uploads of another table into the site's upload model."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from legacy.importing import BATCH, MOST_BATCH, Importer
from legacy.management.reporting import Report
from legacy.sources import DEFAULT_MODEL, ImportRefused, Source
from tusbridge.errors import UploadError

_INTERRUPTED = 130


class Command(BaseCommand):
    """Told apart from what it does, which is in ``legacy.importing``."""

    help = (
        "Imports the uploads of django-chunked-upload, its forks, drf-chunked-upload, or of a "
        "model like theirs, into the site's upload model (TUSBRIDGE_UPLOAD_MODEL). May be stopped "
        "and run again; what is there already is left alone. Exit status 1 when something could "
        "not be taken."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--model",
            default=DEFAULT_MODEL,
            metavar="app.Model",
            help=f"where the uploads are now, by default {DEFAULT_MODEL}",
        )
        parser.add_argument("--dry-run", action="store_true", help="change nothing, tell only")
        parser.add_argument(
            "--batch",
            type=_batch,
            default=BATCH,
            metavar="N",
            help=f"rows in one transaction, {MOST_BATCH} at most and by default {BATCH}",
        )
        parser.add_argument(
            "--expired", action="store_true", help="take unfinished uploads that expired, too"
        )
        parser.add_argument(
            "--report", metavar="FILE", help="write all that could not be taken there, as CSV"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with self._without_endings():
            try:
                status = self._import(options)
            except ImportRefused as error:
                raise CommandError(str(error)) from error
        if status:
            sys.exit(status)

    @contextmanager
    def _without_endings(self) -> Iterator[None]:
        """A line of progress has none."""
        for stream in (self.stdout, self.stderr):
            stream.ending = ""
            stream.style_func = None
        try:
            yield
        finally:
            self.stdout.ending = self.stderr.ending = "\n"

    def _import(self, options: Any) -> int:
        source = Source(options["model"])
        importer = Importer(
            source,
            dry_run=options["dry_run"],
            batch=options["batch"],
            expired=options["expired"],
        )
        total = _count(source)
        with ExitStack() as stack:
            path = options["report"]
            report = Report(
                self.stdout,  # type: ignore[arg-type]
                self.stderr,  # type: ignore[arg-type]
                total=total,
                file=stack.enter_context(_open(path)) if path else None,
                verbose=options["verbosity"] > 1,
            )
            status = _run(importer, report)
            report.end(dry_run=options["dry_run"])
            return status or int(report.has_problems)


def _run(importer: Importer, report: Report) -> int:
    """The exit status, besides that of problems with single uploads."""
    try:
        for findings in importer.run(report.look):
            for finding in findings:
                report.add(finding)
    except KeyboardInterrupt:
        report.fail("interrupted")
        return _INTERRUPTED
    except UploadError as error:
        report.fail(f"{error.code}: {error}")
        return 1
    except (DatabaseError, InterfaceError) as error:
        report.fail(f"the database: {_line(error)}")
        return 1
    return 0


def _count(source: Source) -> int:
    try:
        return source.count()
    except (DatabaseError, InterfaceError) as error:
        raise CommandError(f"the table of {source.label} cannot be read: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _open(path: str) -> TextIO:
    try:
        return open(path, "w", encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _batch(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST_BATCH):
        raise ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_BATCH}")
    return int(text)
