"""Every check of ``conformance/`` against each server, by the tool's command line."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.checks import ALL
from conformance.registry import Check
from tests.support import conformance
from tests.support.conformance import (
    FAILED,
    NOT_ANNOUNCED,
    NOT_TESTABLE,
    PASSED,
    Once,
    Report,
    logins,
)
from tests.support.databases import fresh_database
from tests.support.servers import KINDS, running

ORIGIN = "http://page.example"
READ_TIMEOUT = 4
EXPIRE = 4
# Rows that need a limit small enough to be gone over, or an expiry so near that it would end the
# others' uploads.
LIMIT = 1_000_000
LIMITED = (
    "row-075-body-over-the-limit",
    "row-075-chunked-body-over-the-limit",
    "row-084-deferred-length-over-the-limit",
    "row-119-sum-over-the-limit",
)
SHORT_LIVED = ("row-089", "row-091")
# What is told by requests that meet each other or break off, and so by leases and transactions.
# Under `serve` each database is asked everything; the other servers differ from it in how they read
# requests, which no database sees, and in how many processes and threads meet there.
MEETING = (17, *range(41, 46), 47, 85, 97, 104, 107, 112, 123, 125)
# Only gunicorn hands trailers over.
_TRAILER = "checksum-trailer"
# What cannot be had here, with the reason; anything else not testable fails.
_ALLOWED: dict[str, str] = {
    "row-100-announced-only-where-it-works": "needs a server that hands no trailers over",
    "row-114-unfinished-partial": "needs a server without concatenation-unfinished",
}

Reports = Callable[[str, str, bool], Report]


@pytest.fixture(scope="session")
def once() -> Once:
    return Once()


@pytest.fixture
def reports(once: Once, tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """What the tool finds at a server over a database, all of it or only at MEETING rows."""

    def get(kind: str, database: str, whole: bool) -> Report:
        with fresh_database(database) as url:
            place = tmp_path_factory.mktemp(f"{kind}-{database}")
            if not whole:
                return _usual(kind, url, place, *(f"--only=row-{row:03}" for row in MEETING))
            return _usual(kind, url, place / "usual") | _small(kind, url, place / "small")

    return lambda *key: once(key, lambda: get(*key))


def _usual(kind: str, database_url: str, place: Path, *words: str) -> Report:
    options = {"CORS_ORIGINS": [ORIGIN], "READ_TIMEOUT": READ_TIMEOUT}
    with running(kind, place, database_url=database_url, options=options) as server:
        told = [f"--cors-origin={ORIGIN}", f"--read-timeout={READ_TIMEOUT}"]
        told += ["--trailers" if kind == "gunicorn" else "--no-trailers", *logins(server)]
        return conformance.check(place, server.url, *told, *words)


def _small(kind: str, database_url: str, place: Path) -> Report:
    """Uploads are small there, and kept for a moment."""
    options = {"EXPIRE_AFTER": EXPIRE, "MAX_LENGTH": LIMIT}
    with running(kind, place, database_url=database_url, options=options) as server:
        only = [f"--only={name}" for name in (*LIMITED, *SHORT_LIVED)]
        return conformance.check(place, server.url, f"--expire-seconds={EXPIRE}", *only)


def _assert_passes(check: Check, report: Report, kind: str) -> None:
    outcome = report.outcome(check.id)
    if check.id in _ALLOWED:
        assert outcome in {PASSED, NOT_TESTABLE}, report.explain(check.id)
    elif check.extension == _TRAILER and kind != "gunicorn":
        assert outcome == NOT_ANNOUNCED, report.explain(check.id)
    else:
        assert outcome == PASSED, report.explain(check.id)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
@pytest.mark.parametrize("kind", KINDS)
def test_row(check: Check, kind: str, reports: Reports) -> None:
    _assert_passes(check, reports(kind, "sqlite", True), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tool_says_that_all_is_well(kind: str, reports: Reports) -> None:
    assert reports(kind, "sqlite", True).status == 0


@pytest.mark.service
@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_row_on(database: str, check: Check, reports: Reports) -> None:
    _assert_passes(check, reports("serve", database, True), "serve")


@pytest.mark.service
@pytest.mark.parametrize(
    "check", [check for check in ALL if check.row in MEETING], ids=lambda check: check.id
)
@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
def test_row_of_meeting_requests_on_postgresql(kind: str, check: Check, reports: Reports) -> None:
    _assert_passes(check, reports(kind, "postgresql", False), kind)


def test_the_tool_says_in_one_sentence_that_a_server_is_not_there(tmp_path: Path) -> None:
    command = conformance.command(tmp_path / "report", "http://127.0.0.1:9/files/")
    ran = subprocess.run(command, capture_output=True, text=True, cwd=conformance.ROOT, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "Nothing listens at 127.0.0.1:9.\n"


@pytest.mark.slow
def test_four_runs_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    """As four people would start them, each with the same login, at one server."""
    options = {"CORS_ORIGINS": [ORIGIN], "READ_TIMEOUT": READ_TIMEOUT}
    with running("serve", tmp_path / "serve", options=options) as server:
        told = [f"--cors-origin={ORIGIN}", f"--read-timeout={READ_TIMEOUT}", "--no-trailers"]
        words = [server.url, *told, *logins(server)]
        files = [tmp_path / f"{number}.json" for number in range(4)]
        with ThreadPoolExecutor(len(files)) as pool:
            reports = list(pool.map(lambda file: conformance.check(file, *words), files))
    for report in reports:
        assert report.status == 0
        outcomes = {name: report.outcome(name) for name in report.checks}
        unusual = {name for name, outcome in outcomes.items() if outcome != PASSED}
        assert unusual <= _not_passed_without_more(), outcomes


def _not_passed_without_more() -> set[str]:
    """What cannot pass under `serve` as it comes; nothing of it fails, or the status were 1."""
    return {
        check.id
        for check in ALL
        if check.id in (*LIMITED, *_ALLOWED)
        or check.id.startswith(SHORT_LIVED)
        or check.extension == _TRAILER
    }


@pytest.mark.parametrize(
    "names", ["creation", "creation,concatenation", "creation,creation-with-upload,termination"]
)
def test_a_server_that_announces_less_keeps_the_rules_of_what_it_announces(
    tmp_path: Path, names: str
) -> None:
    with running("serve", tmp_path / names, flags=("--extensions", names)) as server:
        report = conformance.check(tmp_path, server.url, "--no-trailers", *logins(server))
    failed = [name for name in report.checks if report.outcome(name) == FAILED]
    assert not failed, "\n\n".join(map(report.explain, failed))
    left_out = {
        made.id for made in ALL if made.extension and made.extension not in names.split(",")
    }
    assert {report.outcome(name) for name in left_out} <= {NOT_ANNOUNCED, NOT_TESTABLE}
    if names == "creation,concatenation":
        assert report.outcome("row-114-unfinished-partial") == PASSED
