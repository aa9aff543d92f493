"""`python -m conformance URL`: exit status 0 when no MUST, SHOULD or D check fails, 1 when one
does, 2 on wrong use.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from conformance.registry import Target
from conformance.runner import Outcome, Result, iterate, select
from conformance.target import Headers


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        select(options.only)
    except ValueError as error:
        parser.error(str(error))
    results = []
    for result in iterate(_target(options), options.only, options.jobs):
        _print(result)
        results.append(result)
    counts = Counter(result.outcome for result in results)
    _say(", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome))
    return int(any(result.counts_against for result in results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m conformance", description="Checks a tus 1.0.0 server from outside."
    )
    parser.add_argument("url", help="the creation endpoint, such as http://127.0.0.1:8000/files/")
    parser.add_argument(
        "--only", action="append", metavar="ID", help="checks whose id begins so, such as row-027"
    )
    parser.add_argument(
        "--header", action="append", type=_header, default=[], metavar="'NAME: VALUE'"
    )
    parser.add_argument(
        "--other-header", action="append", type=_header, metavar="HEADER", help="a second user's"
    )
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--cors-origin", metavar="ORIGIN", help="an origin the server allows")
    parser.add_argument(
        "--expire-seconds",
        type=float,
        metavar="N",
        help="life of an unfinished upload, if 10 or less",
    )
    parser.add_argument(
        "--read-timeout",
        type=float,
        metavar="N",
        help="its patience with a silent body, if 15 or less",
    )
    parser.add_argument(
        "--trailers",
        action=argparse.BooleanOptionalAction,
        help="the HTTP server hands trailers over",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="checks that run at a time"
    )
    return parser


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not 'Name: value'")
    return name.strip(), value.strip()


def _target(options: argparse.Namespace) -> Target:
    other: Headers | None = tuple(options.other_header) if options.other_header else None
    return Target(
        url=options.url,
        headers=tuple(options.header),
        other_headers=other,
        timeout_seconds=options.timeout,
        read_timeout_seconds=options.read_timeout,
        expire_seconds=options.expire_seconds,
        cors_origin=options.cors_origin,
        trailers=options.trailers,
    )


def _print(result: Result) -> None:
    made = result.check
    _say(f"{result.outcome:<13} {made.level:<6} {made.id}: {made.title}")
    if result.outcome is Outcome.FAIL:
        _say("".join(f"    {line}\n" for line in result.detail.splitlines()))
    elif result.detail:
        _say(f"    {result.detail}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
