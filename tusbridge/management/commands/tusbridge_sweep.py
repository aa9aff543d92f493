"""``manage.py tusbridge_sweep``: see docs/operations.md."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand

from tusbridge.management.sweep import SweepOptions, run_sweep
from tusbridge.sweeping import BATCH
from tusbridge.texts import parse_duration


class Command(BaseCommand):
    """Clear up what has expired, was terminated or was left by a crash."""

    help = (
        "Remove uploads that have expired or were terminated, and complete what a crash left. "
        "Further kinds on request only. Exit status 1 when something could not be swept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="change nothing, tell only")
        parser.add_argument(
            "--orphans", action="store_true", help="also remove unfinished bytes of no upload"
        )
        parser.add_argument(
            "--missing", action="store_true", help="also tell finished uploads whose file is gone"
        )
        parser.add_argument("--remove-missing", action="store_true", help="and remove their rows")
        parser.add_argument(
            "--finished-before",
            type=_age,
            metavar="TIME",
            help="also remove uploads that were finished longer ago, with their files: 30d, 12h",
        )
        parser.add_argument(
            "--batch",
            type=_positive,
            default=BATCH,
            metavar="N",
            help=f"rows in one query, at most and by default {BATCH}",
        )
        parser.add_argument(
            "--limit", type=_positive, metavar="N", help="at most so many of each kind"
        )
        parser.add_argument("--json", action="store_true", help="a JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = SweepOptions(
            dry_run=options["dry_run"],
            orphans=options["orphans"],
            missing=options["missing"],
            remove_missing=options["remove_missing"],
            finished_before=options["finished_before"],
            batch=options["batch"],
            limit=options["limit"],
            as_json=options["json"],
            verbose=options["verbosity"] > 1,
        )
        for stream in (self.stdout, self.stderr):
            stream.ending = ""  # a line of progress has none
            stream.style_func = None
        status = run_sweep(asked, self.stdout, self.stderr)  # type: ignore[arg-type]
        if status:
            sys.exit(status)


def _age(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    if seconds is None:
        raise ArgumentTypeError("never is no age; leave the option out")
    return seconds


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)
