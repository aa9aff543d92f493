"""Starting the server: folders, key, migrations, then granian."""

import ctypes
import errno
import logging
import os
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from tusbridge import __version__, system
from tusbridge.server.folders import check_disk, make_folders

if TYPE_CHECKING:
    from tusbridge.server.config import ServerConfig

# Seconds within which the head of a request has to come, at most.
HEADER_SECONDS = 30.0
# Seconds for workers to end what they do after SIGTERM, before they are killed.
STOP_SECONDS = 10
# Seconds for which a port in use is tried again: workers whose main process was killed are ending.
_PORT_SECONDS = 3.0
# Connections per worker that are served at once, and as many waiting to be accepted.
_BACKPRESSURE = 16384
_BACKLOG = 4096
# File descriptors that 10,000 slow uploads need: a socket and two files each.
_DESCRIPTORS = 65536
# Bodies come in pieces that are freed by the mebibyte. What malloc gives back, the next body asks
# for again, and pays a page fault for every 4 KiB: half the CPU of a PATCH of 8 MiB. So it keeps
# some, and asks the system only for what is larger than any piece (mallopt(3)).
_MALLOPT = {"M_TRIM_THRESHOLD": (-1, 8 * 1024 * 1024), "M_MMAP_THRESHOLD": (-3, 4 * 1024 * 1024)}


def serve() -> None:
    """Run the server until SIGTERM or SIGINT.

    :raises click.ClickException: with what to do about it.
    """
    config = set_up()
    check_port(config)
    warnings = check_disk(config)
    raise_descriptor_limit()
    keep_memory()
    announce(config, warnings)
    from django.db import connections  # noqa: PLC0415 after set_up
    from granian.constants import HTTPModes, Interfaces, Loops  # noqa: PLC0415
    from granian.http import HTTP1Settings  # noqa: PLC0415
    from granian.server import Server  # noqa: PLC0415

    connections.close_all()
    server: Any = Server(
        "tusbridge.server.app:application",
        address=config.host,
        port=config.port,
        interface=Interfaces.ASGI,
        workers=config.workers,
        loop=Loops.uvloop,
        # where HTTP/2 is looked out for, a client that says nothing, or `P`, is waited for for ever
        http=HTTPModes.http1,
        backlog=_BACKLOG,
        backpressure=_BACKPRESSURE,
        http1_settings=HTTP1Settings(header_read_timeout=header_timeout_ms(config)),
        websockets=False,
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
        log_enabled=False,
    )
    server.serve()


def keep_memory() -> None:
    """Have malloc keep what is freed, in this process and its workers; only glibc can be told."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in _MALLOPT.values():
            mallopt(parameter, value)


def set_up() -> "ServerConfig":
    """Folders, key, Django and migrations.

    :raises click.ClickException: a setting is wrong, a folder cannot be made, the database is away.
    """
    config = load_config()
    make_folders(config)
    start_django()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import DatabaseError  # noqa: PLC0415

    try:
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        raise database_refused(error) from error
    return config


def set_up_existing() -> "ServerConfig":
    """The same over the data of a server that was started before, and without changing them.

    :raises click.ClickException: also where there is no such server: over another database than
        its own, all its bytes would be nobody's.
    """
    config = load_config()
    is_elsewhere = not config.database_url and not (config.data_dir / "db.sqlite3").exists()
    if is_elsewhere or not config.files_path.is_dir():
        raise click.ClickException(
            f"no server has its files at {config.files_path}, or its database at "
            f"{config.data_dir.resolve()}; name them by --data-dir, --files-dir and --database-url"
        )
    start_django()
    from django.db import DatabaseError, connection  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    try:
        executor = MigrationExecutor(connection)
        is_pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise database_refused(error) from error
    if is_pending:
        raise click.ClickException(
            "the database is not, or not yet, this version's; `tusbridge serve` migrates it"
        )
    return config


def load_config() -> "ServerConfig":
    """The settings from the environment.

    :raises click.ClickException: one is wrong; it is named as its flag. Or the system has no file
        locks.
    """
    if not system.has_locks():
        raise click.ClickException(system.NO_POSIX)
    from tusbridge.server.config import ServerConfig  # noqa: PLC0415

    try:
        return ServerConfig()
    except ValidationError as error:
        first = error.errors()[0]
        flag = "--" + str(first["loc"][0]).replace("_", "-")
        raise click.ClickException(
            f"{flag}: {first['msg'].removeprefix('Value error, ')}"
        ) from error


def start_django() -> None:
    """:raises click.ClickException: the database's library is missing, or a setting is wrong."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tusbridge.server.settings"
    try:
        import django  # noqa: PLC0415

        django.setup()
    except ImportError as error:
        raise click.ClickException(f"the database's library is missing: {error}") from error
    except Exception as error:
        if "Error loading" in str(error):
            raise click.ClickException(
                f"--database-url: {str(error).strip()}; install what it needs: "
                'pip install "tusbridge[postgres]", or "tusbridge[mysql]"'
            ) from error
        raise click.ClickException(f"the settings do not work: {error}") from error


def database_refused(error: Exception) -> click.ClickException:
    """What to say when the database does not do what it is asked to."""
    return click.ClickException(
        f"the database cannot be used: {str(error).strip()}\n"
        "Check --database-url, and that the server there runs and lets you in."
    )


def check_port(config: "ServerConfig") -> None:
    """granian shares a port with whoever has it already (SO_REUSEPORT); we do not.

    :raises click.ClickException: the port is taken, or the address is not this machine's.
    """
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise click.ClickException(f"--host {config.host}: {error.strerror}") from error
    family, kind, _, _, address = found[0]
    deadline = time.monotonic() + _PORT_SECONDS
    while (failed := _bind_error(family, kind, address)) is not None:
        if failed.errno == errno.EADDRINUSE:
            if time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            why = "is in use; stop what listens there, or choose another by --port"
        elif failed.errno == errno.EACCES:
            why = "is not allowed to you; ports from 1024 on are"
        else:
            why = f"cannot be used: {failed.strerror}"
        raise click.ClickException(f"port {config.port} on {config.host} {why}") from failed


def _bind_error(family: int, kind: int, address: Any) -> OSError | None:
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return error
    return None


def header_timeout_ms(config: "ServerConfig") -> int:
    """Milliseconds for the head of a request: as for its body, where that is less than usual."""
    return round(1000 * min(HEADER_SECONDS, config.read_timeout or HEADER_SECONDS))


def raise_descriptor_limit() -> None:
    """As many open files as the machine lets us have."""
    import resource  # noqa: PLC0415 not everywhere

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft < wanted:
        # macOS has a limit of its own below the one that it names (OPEN_MAX)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def announce(config: "ServerConfig", warnings: list[str]) -> None:
    """Tell where the server is, a line to try, and what its disk does not do."""
    from tusbridge.server.config import ADMIN_PATH  # noqa: PLC0415

    url = f"{config.base_url}/files/"
    lines = [
        f"tusbridge {__version__} takes uploads at {url}",
        f"  page           {config.base_url}/",
        f"  documentation  {config.base_url}/docs",
        f"  admin          {config.base_url}{ADMIN_PATH}, after: tusbridge admin NAME",
        f"  files          {config.files_path}",
        *([f"  host names     {' '.join(config.allowed_host)}"] if config.allowed_host else []),
        f"  try            tusbridge upload FILE {url}",
    ]
    lines.append(f"  {who_may(config)}")
    lines += [f"  warning        {warning}" for warning in warnings]
    click.echo("\n".join(lines))
    sys.stdout.flush()


def who_may(config: "ServerConfig") -> str:
    """The line of the start's output about who may upload."""
    token = f"tusbridge token NAME --data-dir {config.data_dir}"
    return {
        "any machine": "all who reach this address may upload without a token (--allow-anonymous)",
        "this machine": "only this machine may upload without a token; behind a proxy, add"
        f" --require-token\n  others need a token: {token}",
        "no machine": f"uploads need a token: {token}",
    }[config.anonymous]


def change_tokens(name: str, *, revoke: bool) -> None:
    """Make and print a token, or revoke all of a user's."""
    set_up()
    from tusbridge.server.models import make_token, revoke_tokens  # noqa: PLC0415 after set_up

    if not revoke:
        click.echo(make_token(name))
        return
    count = revoke_tokens(name)
    if not count:
        raise click.ClickException(f"{name} has no tokens")
    click.echo(f"revoked {count} of {name}'s tokens")


def sweep(**options: Any) -> None:
    """Run one sweep; exits with 1 when something could not be swept.

    :raises click.ClickException: there is nothing to sweep over.
    """
    age = parse_age(options.pop("finished_before"))
    set_up_existing()
    from tusbridge.management.sweep import SweepOptions, run_sweep  # noqa: PLC0415

    # what went wrong is told by the report; what was done, with --verbose
    logging.getLogger("tusbridge").setLevel(logging.ERROR)
    status = run_sweep(SweepOptions(finished_before=age, **options), sys.stdout, sys.stderr)
    if status:
        sys.exit(status)


def parse_age(text: str | None) -> float | None:
    """Seconds.

    :raises click.ClickException: it is no time.
    """
    if text is None:
        return None
    from tusbridge.texts import parse_duration  # noqa: PLC0415

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.ClickException(f"--finished-before: {error}") from error
    if seconds is None:
        raise click.ClickException("--finished-before: never is no age; leave the option out")
    return seconds


def make_admin(name: str, *, password_stdin: bool) -> None:
    """Make a user an administrator with a new password.

    :raises click.ClickException: the name or the password will not do, or nobody can be asked.
    """
    if not password_stdin and not sys.stdin.isatty():
        raise click.ClickException(
            "there is no terminal to ask for a password; send it in by --password-stdin"
        )
    set_up()
    from django.contrib.auth import get_user_model  # noqa: PLC0415 after set_up
    from django.contrib.auth.password_validation import validate_password  # noqa: PLC0415
    from django.core.exceptions import ValidationError as Invalid  # noqa: PLC0415

    users: Any = get_user_model()
    user = users.objects.filter(username=name).first() or users(username=name)
    is_new = user.pk is None
    try:
        user.clean_fields(exclude=["password"])
        password = read_password(from_stdin=password_stdin)
        validate_password(password, user)
    except Invalid as error:
        raise click.ClickException(" ".join(error.messages)) from error
    user.is_staff = user.is_superuser = user.is_active = True
    user.set_password(password)
    user.save()
    done = "is an administrator now" if is_new else "is an administrator, with the new password"
    click.echo(f"{name} {done}")


def read_password(*, from_stdin: bool) -> str:
    """A line of standard input, or asked for twice on the terminal."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password
