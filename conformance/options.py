"""The options that the command lines of all suites share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from . import __version__
from .runner import Check, select
from .tls import Tls, context


def program(suite: str = "") -> str:
    """How the user called it."""
    name = Path(sys.argv[0]).name
    own = name if name == "tusbridge-conformance" else f"python -m {__package__}"
    return f"{own} {suite}".strip()


def add_common_options(parser: argparse.ArgumentParser, example: str) -> None:
    _add_requests(parser)
    _add_choice(parser, example)
    _add_report(parser)
    parser.add_argument("--version", action="version", version=__version__)


def _add_requests(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("requests").add_argument
    add("--header", action="append", type=header, default=[], metavar="'NAME: VALUE'")
    add("--other-header", action="append", type=header, metavar="HEADER", help="a second user's")
    add("--timeout", type=_seconds, default=10.0, metavar="SECONDS")
    add("--jobs", type=_count, default=1, metavar="N", help="checks that run at a time")
    add("--insecure", action="store_true", help="take any certificate")
    add("--ca", metavar="FILE", help="trust this certificate (PEM) as well")


def _add_choice(parser: argparse.ArgumentParser, example: str) -> None:
    add = parser.add_argument_group("checks").add_argument
    help_ = f"checks whose id begins so, such as {example}; again for more"
    add("--only", action="append", metavar="ID", help=help_)
    add("--list", action="store_true", help="list the checks (--markdown: so), and run none")
    add("--strict", action="store_true", help="advice that is not followed fails the run as well")


def _add_report(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("report").add_argument
    add("--verbose", action="store_true", help="list what passed and what was not run, too")
    add("--json", type=_output, metavar="FILE", help="write JSON; - is the output")
    add("--junit", type=_output, metavar="FILE", help="write JUnit's XML")
    add("--markdown", type=_output, metavar="FILE", help="write a table for a README")


def header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not 'Name: value'")
    return name.strip(), value.strip()


def url(text: str) -> str:
    """An absolute URL without a login in it."""
    try:
        parts = urlsplit(text)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise argparse.ArgumentTypeError(f"{text!r} is no http:// or https:// URL")
    if "@" in parts.netloc:
        raise argparse.ArgumentTypeError("a login goes into --header 'Authorization: ...'")
    return text


def tls_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Tls:
    made = Tls(insecure=options.insecure, ca_file=options.ca)
    try:
        context(made)
    except OSError as error:
        parser.error(f"--ca {options.ca}: {error.strerror or error}")
    return made


def chosen(
    parser: argparse.ArgumentParser, checks: Sequence[Check], options: argparse.Namespace
) -> tuple[Check, ...]:
    """The checks that `--only` and `--extension` name; wrong use where one names none."""
    try:
        found = select(checks, options.only, getattr(options, "extension", None))
    except ValueError as error:
        parser.error(str(error))
    if not found:
        parser.error("no check is of both --only and --extension")
    return found


def _seconds(text: str) -> float:
    return _positive(float(text), text)


def _count(text: str) -> int:
    return int(_positive(int(text), text))


def _positive(number: float, text: str) -> float:
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return number


def _output(text: str) -> str:
    """A file that can be written, which is better known before the run than after it."""
    if text != "-":
        try:
            Path(text).open("a", encoding="utf-8").close()
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{text}: {error.strerror}") from error
    return text
