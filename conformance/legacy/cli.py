"""`python -m conformance legacy`: the options that describe the site under test."""

from __future__ import annotations

import argparse

from ..command import carry_out, expect_one_output, show_list
from ..findings import LEGACY
from ..listing import Contents
from ..options import add_common_options, chosen, header, program, tls_of, url
from ..target import Headers
from .checks import ALL
from .probe import probe
from .target import Field, Target


def main(arguments: list[str]) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    checks = chosen(parser, ALL, options)
    if options.list:
        return show_list(checks, options, _contents())
    if options.upload is None or options.complete is None:
        parser.error("both --upload and --complete are needed")
    expect_one_output(parser, options)
    target = _target(parser, options)
    return carry_out(LEGACY, checks, target, options, url=options.upload, probe=probe)


def _contents() -> Contents:
    return Contents(
        title="The checks of the django-chunked-upload contract",
        command=f"{program('legacy')} --list --markdown FILE",
        part_of=lambda made: made.group,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        program("legacy"),
        description="Checks the two views of the django-chunked-upload contract from outside.",
        epilog="What needs an option that is not given is told to be not testable.",
    )
    parser.add_argument("--upload", type=url, metavar="URL", help="the upload view")
    parser.add_argument("--complete", type=url, metavar="URL", help="the complete view")
    parser.add_argument(
        "--field-name", default="file", metavar="NAME", help="the file's form field"
    )
    add_common_options(parser, "legacy-2.1")
    _add_facts(parser)
    _add_fields(parser)
    return parser


def _add_facts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what the site has set").add_argument
    add("--anonymous-is", choices=("allowed", "refused"))
    add(
        "--anonymous-header",
        action="append",
        type=header,
        default=[],
        metavar="HEADER",
        help="sent with requests of nobody: a CSRF token, say",
    )
    add("--max-bytes", type=int, metavar="N", help="the limit of the upload view")
    add("--expire-seconds", type=float, metavar="N", help="life of an upload")
    add("--fail-if-no-header", action="store_true", help="the upload view sets it")
    add("--no-md5-check", action="store_true", help="the complete view sets do_md5_check to False")
    add("--no-user-field", action="store_true", help="the model has none")
    add("--own-answers", action="store_true", help="the complete view answers more than {}")
    add("--csrf", action="store_true", help="the site asks for the X-CSRFToken that is in --header")
    add("--use-tz", action=argparse.BooleanOptionalAction, help="the site's USE_TZ")
    add("--accept-repeats", action="store_true", help="the server has that option, and it is on")
    add("--strict-totals", action="store_true", help="likewise")
    add("--races", type=int, default=24, metavar="N", help="runs of requests sent at once")


def _add_fields(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("form fields that make the site's hooks fail").add_argument
    add("--invalid-field", type=_field, metavar="NAME=VALUE", help="`validate` refuses")
    add("--unsaved-field", type=_field, metavar="NAME=VALUE", help="a chunk's row is not stored")
    add(
        "--failing-field",
        action="append",
        type=_field,
        default=[],
        metavar="NAME=VALUE",
        help="`on_completion` raises; once for each way it does",
    )


def _field(text: str) -> Field:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _target(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Target:
    other: Headers | None = tuple(options.other_header) if options.other_header else None
    return Target(
        upload_url=options.upload,
        complete_url=options.complete,
        field_name=options.field_name,
        headers=tuple(options.header),
        other_headers=other,
        anonymous_headers=tuple(options.anonymous_header),
        anonymous=options.anonymous_is,
        max_bytes=options.max_bytes,
        fail_if_no_header=options.fail_if_no_header,
        do_md5_check=not options.no_md5_check,
        expire_seconds=options.expire_seconds,
        has_user_field=not options.no_user_field,
        csrf=options.csrf,
        use_tz=options.use_tz,
        answers_nothing=not options.own_answers,
        invalid_field=options.invalid_field,
        unsaved_field=options.unsaved_field,
        failing_fields=tuple(options.failing_field),
        accept_repeats=options.accept_repeats,
        strict_totals=options.strict_totals,
        races=options.races,
        timeout_seconds=options.timeout,
        tls=tls_of(parser, options),
    )
