"""`python -m conformance URL` checks a tus server, `python -m conformance legacy ...` one of the
django-chunked-upload contract. Exit status 0 when no MUST (no CONTRACT) fails, with `--strict` when
nothing but a MAY fails, else 1; 2 on wrong use, or where no such server answers.
"""

from __future__ import annotations

import argparse
import sys

from .checks import ALL
from .command import carry_out, expect_one_output, show_list
from .findings import TUS
from .legacy import cli as legacy
from .listing import Contents
from .options import add_common_options, chosen, program, tls_of, url
from .probe import probe
from .registry import Target
from .rows import UNSEEN, part_of
from .target import Headers


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["legacy"]:
        return legacy.main(given[1:])
    parser = _parser()
    options = parser.parse_args(given)
    checks = chosen(parser, ALL, options)
    if options.list:
        return show_list(checks, options, _contents())
    if options.url is None:
        parser.error("the URL of the creation endpoint is missing")
    expect_one_output(parser, options)
    target = _target(parser, options)
    return carry_out(TUS, checks, target, options, url=options.url, probe=probe)


def _contents() -> Contents:
    return Contents(
        title="The checks of tus 1.0.0, row by row",
        command=f"{program()} --list --markdown FILE",
        part_of=lambda made: part_of(made.row),
        unseen=UNSEEN,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        program(),
        description="Checks a tus 1.0.0 server from outside.",
        epilog=f"`{program('legacy')} --help`: the django-chunked-upload contract.",
    )
    where = "the creation endpoint, such as http://127.0.0.1:8000/files/"
    parser.add_argument("url", nargs="?", type=url, help=where)
    add_common_options(parser, "row-027")
    parser.add_argument(
        "--extension", action="append", metavar="NAME", help="checks of it only; again for more"
    )
    _add_facts(parser)
    return parser


def _add_facts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what cannot be seen from outside").add_argument
    add("--cors-origin", metavar="ORIGIN", help="an origin the server allows")
    unfinished = "life of an unfinished upload, if 10 or less"
    add("--expire-seconds", type=float, metavar="N", help=unfinished)
    patience = "its patience with a silent body, if 15 or less"
    add("--read-timeout", type=float, metavar="N", help=patience)
    trailers = "the HTTP server hands trailers over"
    add("--trailers", action=argparse.BooleanOptionalAction, help=trailers)
    add("--no-downloads", dest="downloads", action="store_false", help="do not try GET")
    unannounced = "an extension that it has and does not announce; again for more"
    add("--assume", action="append", default=[], metavar="NAME", help=unannounced)


def _target(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Target:
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
        downloads=options.downloads,
        assumed=tuple(options.assume),
        tls=tls_of(parser, options),
    )


if __name__ == "__main__":
    sys.exit(main())
