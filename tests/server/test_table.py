"""The table of docs/servers.md says what servers do."""

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.server.table import NAMES, Row, measure, render, row_of, site
from tests.support.serve import require
from tests.support.servers import ROOT
from tusbridge.server.run import HEADER_SECONDS

TABLE = (ROOT / "docs" / "servers" / "kept.md").read_text()


def is_here(kind: str) -> bool:
    if kind == "uwsgi":
        return Path(sys.executable).with_name("uwsgi").exists()
    return importlib.util.find_spec(kind.partition("-")[0]) is not None


def test_it_has_each_server_twice() -> None:
    rows = {(kind, on): row_of(TABLE, kind, proxied=on) for kind in NAMES for on in (False, True)}
    assert render(rows) == TABLE


@pytest.mark.parametrize(
    ("example", "server"),
    [("nginx.conf", HEADER_SECONDS), ("nginx-gunicorn.conf", 75), ("nginx-site.conf", 75)],
)
def test_nginx_ends_idle_connections_before_the_server_does(example: str, server: float) -> None:
    """The servers' own times are in docs/servers.md, and in the examples' first lines."""
    text = (ROOT / "examples" / example).read_text()
    found = re.search(r"^    keepalive_timeout (\d+)s;", text, re.MULTILINE)
    assert found
    assert int(found[1]) < server
    assert example == "nginx.conf" or f"keep-alive {server} " in text


@pytest.mark.servers
@pytest.mark.parametrize("kind", NAMES)
def test_it_is_true(kind: str, tmp_path: Path) -> None:
    """By itself; `make servers-table` has it behind nginx too."""
    require(is_here(kind), f"{kind} (make services installs it)")
    with site(kind, tmp_path, proxied=False) as url:
        found = measure(url)
    assert _roughly(found) == _roughly(row_of(TABLE, kind, proxied=False))


def _roughly(row: Row) -> Row:
    """Without what the last few bytes on a busy machine make of it."""
    return replace(
        row,
        closed=row.closed.removeprefix("nearly "),
        reset=row.reset.removeprefix("nearly "),
    )
