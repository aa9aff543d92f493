"""Every check of ``conformance/`` against each server, over sockets."""

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.checks import ALL
from conformance.registry import Check
from conformance.runner import Outcome, Result, run_checks, select
from conformance.target import Target
from tests.support.databases import fresh_database
from tests.support.servers import KINDS, ROOT, Server, running

ORIGIN = "http://page.example"
READ_TIMEOUT = 4
EXPIRE = 4
# Rows that ask for an upload's expiry to be near, which would end the others' uploads.
_SHORT_LIVED = {89, 91}
# Rows that need a limit small enough to be gone over.
_LIMIT = 1_000_000
_LIMITED = {
    "row-075-body-over-the-limit",
    "row-075-chunked-body-over-the-limit",
    "row-084-deferred-length-over-the-limit",
    "row-119-sum-over-the-limit",
}
# Only gunicorn hands trailers over.
_TRAILER = "checksum-trailer"
# What cannot be had here, with the reason; anything else not testable fails.
_ALLOWED: dict[str, str] = {
    "row-100-announced-only-where-it-works": "needs a server that hands no trailers over",
    "row-114-unfinished-partial": "needs a server without concatenation-unfinished",
}

Servers = dict[tuple[str, str], dict[str, Result]]


@pytest.fixture(scope="session")
def results() -> Servers:
    """Results by server and database, filled as they are asked for."""
    return {}


def _results_of(
    found: Servers, kind: str, database: str, factory: pytest.TempPathFactory
) -> dict[str, Result]:
    if (kind, database) not in found:
        with fresh_database(database) as url:
            found[kind, database] = _run(kind, url, factory.mktemp(f"{kind}-{database}"))
    return found[kind, database]


def _run(kind: str, database_url: str, place: Path) -> dict[str, Result]:
    options = {"CORS_ORIGINS": [ORIGIN], "READ_TIMEOUT": READ_TIMEOUT}
    with running(kind, place / "long", database_url=database_url, options=options) as server:
        target = Target(
            url=server.url,
            cors_origin=ORIGIN,
            read_timeout_seconds=READ_TIMEOUT,
            trailers=kind == "gunicorn",
            **logins(server),
        )
        # gunicorn closes connections one by one in the thread that accepts, up to 2 s each
        results = run_checks(ALL, target, jobs=1 if kind == "gunicorn" else 4)
    with running(
        kind,
        place / "short",
        database_url=database_url,
        options={"EXPIRE_AFTER": EXPIRE, "MAX_LENGTH": _LIMIT},
    ) as server:
        names = [check.id for check in ALL if check.row in _SHORT_LIVED or check.id in _LIMITED]
        target = Target(url=server.url, expire_seconds=EXPIRE)
        results += run_checks(select(ALL, names), target, jobs=4)
    return {result.check.id: result for result in results}


def logins(server: Server) -> dict[str, tuple[tuple[str, str], ...]]:
    """Two users' fields."""
    names = {"headers": "one", "other_headers": "two"}
    if server.kind != "serve":
        return {key: (("X-Test-User", name),) for key, name in names.items()}
    data = str(server.place / "data")
    logins = {}
    for key, name in names.items():
        command = [sys.executable, "-m", "tusbridge", "token", name, "--data-dir", data]
        if server.database_url:
            command += ["--database-url", server.database_url]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        logins[key] = (("Authorization", f"Bearer {ran.stdout.strip()}"),)
    return logins


def _assert_passes(check: Check, results: dict[str, Result], kind: str) -> None:
    result = results[check.id]
    if check.id in _ALLOWED:
        assert result.outcome in {Outcome.PASS, Outcome.NOT_TESTABLE}
    elif check.extension == _TRAILER and kind != "gunicorn":
        assert result.outcome is Outcome.NOT_ANNOUNCED, result.detail
    else:
        assert result.outcome is Outcome.PASS, f"{result.outcome}: {result.detail}"


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
@pytest.mark.parametrize("kind", KINDS)
def test_row(
    check: Check, kind: str, results: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _assert_passes(check, _results_of(results, kind, "sqlite", tmp_path_factory), kind)


@pytest.mark.service
@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
@pytest.mark.parametrize(
    ("kind", "database"),
    [
        ("serve", "postgresql"),
        ("serve", "mariadb"),
        ("gunicorn", "postgresql"),
        ("uvicorn", "postgresql"),
    ],
)
def test_row_on(
    kind: str,
    database: str,
    check: Check,
    results: Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    _assert_passes(check, _results_of(results, kind, database, tmp_path_factory), kind)


def test_the_runner_says_in_one_sentence_that_a_server_is_not_there() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "conformance", "http://127.0.0.1:9/files/", "--only", "row-048"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "Nothing listens at 127.0.0.1:9.\n"
