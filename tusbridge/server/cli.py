"""The command line. Only click and what is small are imported here, so that ``--help`` is quick."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tusbridge import __version__
from tusbridge.server.links import forget_links

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="tusbridge")
def cli() -> None:
    """Resumable uploads by the tus protocol.

    \b
    tusbridge serve                          take uploads on http://127.0.0.1:8000/files/
    tusbridge upload FILE URL                send a file there, and go on after a break
    tusbridge token NAME                     let somebody in
    tusbridge admin NAME                     let somebody into /admin/
    tusbridge sweep                          clear up, and see what can be cleared up
    """
    for line in forget_links(os.environ):
        click.echo(line, err=True)


def _env(name: str) -> str:
    return f"TUSBRIDGE_{name.upper()}"


def _option(*names: str, **kwargs: Any) -> Callable[[Any], Any]:
    """An option that is also read from ``TUSBRIDGE_*``."""
    key = names[0].removeprefix("--").replace("-", "_")
    return click.option(*names, envvar=_env(key), show_envvar=True, **kwargs)


def _files_option(command: Any) -> Any:
    return _option(
        "--files-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of finished files; unfinished ones lie beside it.  [default: DATA_DIR/files]",
    )(command)


def _place_options(command: Any) -> Any:
    """Where the server keeps things; shared by the commands that look there."""
    command = _option(
        "--database-url",
        metavar="URL",
        help="postgresql://..., mysql://... or sqlite:///...; else SQLite in the data folder.",
    )(command)
    return _option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("tusbridge-data"),
        show_default="./tusbridge-data",
        help="Folder of the database and the secret key, and of the files unless --files-dir.",
    )(command)


@cli.command(short_help="Take uploads.")
@_option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@_option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port.")
@_place_options
@_files_option
@_option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@_option(
    "--threads",
    type=click.IntRange(1, 256),
    default=4,
    show_default=True,
    help="Threads per process for short requests, and as many that write. Slow clients need none.",
)
@_option("--max-length", metavar="SIZE", default="5TiB", show_default=True, help="Largest upload.")
@_option(
    "--user-max-open",
    type=click.IntRange(1),
    metavar="N",
    help="Unfinished uploads of one user, at most; all without a token are one user.",
)
@_option("--user-max-bytes", metavar="SIZE", help="Bytes of all uploads of one user, at most.")
@_option(
    "--user-creations-per-minute",
    type=click.IntRange(1),
    metavar="N",
    help="Uploads that one user may begin in a minute.",
)
@_option("--max-total-bytes", metavar="SIZE", help="Bytes of all uploads together, at most.")
@_option(
    "--expire-after",
    metavar="TIME",
    default="24h",
    show_default=True,
    help="When unfinished uploads expire after their last byte: 90, 15m, 24h, 7d, never.",
)
@_option(
    "--durability",
    type=click.Choice(["power", "process"]),
    default="power",
    show_default=True,
    help="What an acknowledged byte survives: a power cut, or a crash of the server.",
)
@_option(
    "--file-mode",
    metavar="MODE",
    default="600",
    show_default=True,
    help="Mode of finished files, such as 640; inherit: what the folder's access list, or the "
    "umask, says.",
)
@_option(
    "--folder-mode",
    metavar="MODE",
    default="700",
    show_default=True,
    help="Mode of their folders, such as 2750 or inherit; that of an existing folder stays.",
)
@_option(
    "--extensions",
    metavar="NAMES",
    help="Extensions of tus to announce, with commas between them, such as creation,termination; "
    "all others are taken as unknown.  [default: all]",
)
@_option(
    "--cors-origin",
    metavar="ORIGIN",
    multiple=True,
    help="Origin whose pages may upload: https://a.example, 'https://*.a.example' (all subdomains) "
    "or '*'; may be repeated.  [default: this machine's, while listening on loopback]",
)
@_option(
    "--cors-allow-header",
    metavar="NAME",
    multiple=True,
    help="Further request header that these pages may send; may be repeated.",
)
@_option(
    "--cors-expose-header",
    metavar="NAME",
    multiple=True,
    help="Further response header that these pages may read; may be repeated.",
)
@_option(
    "--allowed-host",
    metavar="NAME",
    multiple=True,
    help="Host name that clients use, such as files.example, or .files.example with its "
    "subdomains; may be repeated.  [default: any; on loopback only its own]",
)
@_option(
    "--absolute-location",
    metavar="URL",
    help="Where clients see this server, such as https://files.example: for clients that need a "
    "whole URL in Location.  [default: Location is a path]",
)
@_option(
    "--allow-anonymous",
    is_flag=True,
    help="Let anybody upload without a token, also from other machines.",
)
@_option(
    "--require-token",
    is_flag=True,
    help="Take no upload without a token, not even from this machine: for a server behind a proxy.",
)
@_option(
    "--read-timeout",
    metavar="TIME",
    default="60s",
    show_default=True,
    help="When a client that sends nothing is let go.",
)
@_option(
    "--min-body-rate",
    metavar="SIZE",
    default="64",
    show_default=True,
    help="Bytes a second that a request's body must bring, over each read time-out; 0: any byte.",
)
@_option(
    "--page-max-body",
    metavar="SIZE",
    default="1MiB",
    show_default=True,
    help="Largest body for a page that is not an upload.",
)
@_option(
    "--max-forms",
    type=click.IntRange(1, 4096),
    default=256,
    show_default=True,
    help="Forms, and bodies for pages, that one process reads at a time.",
)
@_option(
    "--client-max-forms",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="How many of them may be of one address, and of one user.",
)
@_option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Log lines on standard error.",
)
def serve(**options: Any) -> None:
    """Take uploads: tus at /files/, an upload page at /, the API's documentation at /docs.

    The first start makes the data folder, the database and a secret key. Without --allow-anonymous
    only this machine may upload without a token. Requests that a proxy has passed on need one too,
    but a proxy that adds no header field cannot be recognized: behind a proxy, use --require-token.
    """
    _export(options)
    from tusbridge.server.run import serve as run  # noqa: PLC0415 keeps --help quick

    run()


@cli.command(short_help="Make a user and print a token.")
@click.argument("name")
@_place_options
@click.option("--revoke", is_flag=True, help="Revoke all tokens of NAME instead.")
def token(name: str, revoke: bool, **options: Any) -> None:
    """Make a user NAME, if need be, and print a bearer token for them.

    It is shown once. Each user sees the own uploads only.
    """
    _export(options)
    from tusbridge.server.run import change_tokens  # noqa: PLC0415

    change_tokens(name, revoke=revoke)


@cli.command(short_help="Make an administrator.")
@click.argument("name")
@_place_options
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, a line."
)
def admin(name: str, password_stdin: bool, **options: Any) -> None:
    """Make NAME an administrator, who may log in at /admin/ and do everything there.

    Asks for a password twice. A user of that name who is there already becomes one, with the new
    password; sessions of theirs end.
    """
    _export(options)
    from tusbridge.server.run import make_admin  # noqa: PLC0415

    make_admin(name, password_stdin=password_stdin)


@cli.command(short_help="Clear up what is left over.")
@_place_options
@_files_option
@click.option("--dry-run", is_flag=True, help="Change nothing, tell only.")
@click.option("--orphans", is_flag=True, help="Also remove unfinished bytes of no upload.")
@click.option("--missing", is_flag=True, help="Also tell finished uploads whose file is gone.")
@click.option("--remove-missing", is_flag=True, help="And remove their rows.")
@click.option(
    "--finished-before",
    metavar="TIME",
    help="Also remove uploads that were finished longer ago, with their files: 30d, 12h.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 400),
    default=400,
    show_default=True,
    metavar="N",
    help="Rows in one query.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many of each kind.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@click.option("--verbose", "-v", is_flag=True, help="A line for everything that is found.")
def sweep(data_dir: Path, files_dir: Path | None, database_url: str | None, **options: Any) -> None:
    """Remove uploads that have expired or were terminated, and complete what a crash left.

    `tusbridge serve` does that by itself every minute; the options find more, and may run beside
    it. Exit status 1 when something could not be swept.
    """
    _export({"data_dir": data_dir, "files_dir": files_dir, "database_url": database_url})
    from tusbridge.server.run import sweep as run  # noqa: PLC0415

    run(**options)


@cli.command(short_help="Upload a file to a tus server.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.argument("url")
@click.option("--token", envvar=_env("token"), show_envvar=True, help="Bearer token.")
@click.option(
    "--chunk-size", metavar="SIZE", help="Bytes per request.  [default: all in one request]"
)
@click.option(
    "--retries", type=click.IntRange(0), default=8, show_default=True, help="Tries after a break."
)
@click.option("--restart", is_flag=True, help="Begin anew, though an earlier try could go on.")
@click.option("--quiet", "-q", is_flag=True, help="Print the upload's URL only.")
def upload(file: Path, url: str, **options: Any) -> None:
    """Upload FILE to the tus server at URL, such as http://127.0.0.1:8000/files/.

    After a break it goes on where the server is, also when it is run again later. Prints the
    upload's URL on standard output.
    """
    from tusbridge.server.upload import upload_file  # noqa: PLC0415

    upload_file(file, url, **options)


def _export(options: dict[str, Any]) -> None:
    """To where workers read them too, and checked there once for all (``server.config``)."""
    for name, value in options.items():
        if value is None or value == ():
            os.environ.pop(_env(name), None)
        elif isinstance(value, tuple):
            os.environ[_env(name)] = ",".join(value)
        else:
            os.environ[_env(name)] = str(value)
