"""Fresh databases of each kind, by URL."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.serve import require

KINDS = ("sqlite", "postgresql", "mariadb")
# What runs where tests of services run; other places name their own.
POSTGRESQL = os.environ.get("TUSBRIDGE_TEST_POSTGRESQL", "postgresql://root@127.0.0.1:5432/test")
MARIADB = os.environ.get("TUSBRIDGE_TEST_MARIADB", "mysql://root@127.0.0.1:3306/test")


@contextmanager
def fresh_database(kind: str) -> Iterator[str]:
    """The URL of an empty database; "" stands for SQLite in the server's own folder."""
    if kind == "sqlite":
        yield ""
        return
    name = f"tusbridge_{secrets.token_hex(6)}"
    base = POSTGRESQL if kind == "postgresql" else MARIADB
    _run(kind, base, f"CREATE DATABASE {name}")
    try:
        yield f"{base.rpartition('/')[0]}/{name}"
    finally:
        force = " WITH (FORCE)" if kind == "postgresql" else ""
        _run(kind, base, f"DROP DATABASE {name}{force}")


def query(url: str, statement: str) -> str:
    """What a statement prints, run beside everything else by the database's own client."""
    return _run("postgresql" if url.startswith("postgres") else "mariadb", url, statement)


def _run(kind: str, url: str, statement: str) -> str:
    if kind == "postgresql":
        command = ["psql", url, "-v", "ON_ERROR_STOP=1", "-qAtc", statement]
    else:
        host, _, rest = url.partition("@")[2].partition(":")
        port, _, name = rest.partition("/")
        command = ["mariadb", "-h", host, "-P", port, "-u", "root", "-Ne", statement, name]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        require(False, f"{command[0]}, the client of {kind}")
        raise
    require(ran.returncode == 0, f"{kind} at {url.rpartition('@')[2]} ({ran.stderr.strip()[:200]})")
    return ran.stdout
