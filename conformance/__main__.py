"""`python -m conformance URL` checks a tus server, `python -m conformance legacy ...` one of the
django-chunked-upload contract. Exit status 0 when no check but a MAY fails, 1 when one does, 2 on
wrong use.
"""

from __future__ import annotations

import argparse
import sys

from .checks import ALL
from .legacy import cli as legacy
from .registry import Target
from .report import add_common_options, chosen, report
from .target import Headers


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["legacy"]:
        return legacy.main(given[1:])
    parser = _parser()
    options = parser.parse_args(given)
    return report(chosen(parser, ALL, options), _target(options), options.jobs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m conformance",
        description="Checks a tus 1.0.0 server from outside.",
        epilog="`python -m conformance legacy --help`: the django-chunked-upload contract.",
    )
    parser.add_argument("url", help="the creation endpoint, such as http://127.0.0.1:8000/files/")
    add_common_options(parser, "row-027")
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
    return parser


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


if __name__ == "__main__":
    sys.exit(main())
