"""The suite against ``tusbridge serve``: POST /legacy/upload/ and /legacy/complete/."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.legacy.checks import ALL
from conformance.legacy.registry import Check
from conformance.legacy.target import NEEDS, Target
from tests.legacy.mounts import DAY_SECONDS, JOBS
from tests.legacy.test_wire import ALLOWED as ALLOWED_BY_THE_CONTRACT
from tests.support import conformance
from tests.support.conformance import FAILED, PASSED, Once, Report, logins
from tests.support.databases import fresh_database
from tests.support.servers import ROOT, Server, running

LIMIT = 1000
# Checks that fail there, and why that is as it should be.
ALLOWED = ALLOWED_BY_THE_CONTRACT | {
    "legacy-2.5-03-anonymous-sees-all": "users' uploads are their own, as for tus",
}
# What is run for a small limit, on a server of its own.
_LIMITED = "limit"
_FACTS: dict[str, Any] = {"anonymous": "allowed", "use_tz": True, "expire_seconds": DAY_SECONDS}
_TOLD = ["--anonymous-is=allowed", "--use-tz", f"--expire-seconds={DAY_SECONDS}"]


def _is_met(check: Check, **facts: Any) -> bool:
    """With a login, which only a running server can give."""
    target = Target(
        upload_url="",
        complete_url="",
        headers=(("Authorization", "one"),),
        other_headers=(("Authorization", "two"),),
        **facts,
    )
    return all(NEEDS[need][0](target) for need in check.needs)


LONG = [check for check in ALL if _is_met(check, **_FACTS)]
SHORT = [c for c in ALL if _LIMITED in c.needs and _is_met(c, **_FACTS, max_bytes=LIMIT)]
IDS = [check.id for check in (*LONG, *SHORT)]


@pytest.fixture(scope="session")
def once() -> Once:
    return Once()


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the tool found, and what the servers logged of their own mistakes."""

    report: Report
    errors: list[str]


def _outcomes(once: Once, database: str, factory: pytest.TempPathFactory) -> Outcomes:
    return once(database, lambda: _run_all(database, factory.mktemp(f"serve-{database}")))


def _run_all(database: str, place: Path) -> Outcomes:
    errors: list[str] = []
    only = [f"--only={check.id}" for check in SHORT]
    with fresh_database(database) as url:
        report = _run(errors, place / "long", url, {}, [])
        limit = [f"--max-bytes={LIMIT}", *only]
        report |= _run(errors, place / "short", url, {"MAX_LENGTH": LIMIT}, limit)
    return Outcomes(report, errors)


def _run(
    errors: list[str], place: Path, url: str, options: dict[str, Any], words: list[str]
) -> Report:
    report = Report()
    try:
        with running("serve", place, database_url=url, options=options) as server:
            told = [*_views(server), *logins(server), *_TOLD, *words]
            report = conformance.check(place, "legacy", *told, jobs=JOBS)
    except AssertionError as error:
        errors.append(str(error))
    return report


def _views(server: Server) -> list[str]:
    return [f"--{view}={_legacy(server, view)}" for view in ("upload", "complete")]


def _legacy(server: Server, view: str) -> str:
    return f"http://127.0.0.1:{server.port}/legacy/{view}/"


def _assert_passes(name: str, outcomes: Outcomes) -> None:
    report = outcomes.report
    assert report.outcome(name) == (FAILED if name in ALLOWED else PASSED), report.explain(name)


@pytest.mark.parametrize("name", IDS)
def test_serve(name: str, once: Once, tmp_path_factory: pytest.TempPathFactory) -> None:
    _assert_passes(name, _outcomes(once, "sqlite", tmp_path_factory))


def test_serve_logs_no_error(once: Once, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert _outcomes(once, "sqlite", tmp_path_factory).errors == []


@pytest.mark.service
@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_serve_on(
    database: str, name: str, once: Once, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _assert_passes(name, _outcomes(once, database, tmp_path_factory))


@pytest.mark.service
@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_serve_logs_no_error_on(
    database: str, once: Once, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert _outcomes(once, database, tmp_path_factory).errors == []


def _command(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "conformance", "legacy", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_the_command_reports_and_exits_as_the_tus_suite_does(tmp_path: Path) -> None:
    with running("serve", tmp_path) as server:
        views = _views(server)
        passed = _command(*views, "--only", "legacy-2.1-01")
        untold = _command(*views, "--only", "legacy-2.1-07", "--verbose")
        failed = _command(*views, "--only", "legacy-2.1-01", "--field-name", "other")
    assert (passed.returncode, untold.returncode) == (0, 0), passed.stdout + untold.stdout
    assert "All 7 CONTRACT checks run at" in passed.stdout
    assert "--max-bytes" in untold.stdout
    assert failed.returncode == 1
    assert "2.1 upload view, CONTRACT: " in failed.stdout
    assert "  FAIL legacy-2.1-01-last-file-counts\n" in failed.stdout


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--upload", "http://127.0.0.1:9/"],
        ["--upload=http://127.0.0.1:9/", "--complete=http://127.0.0.1:9/", "--only", "nothing"],
        ["--upload=http://127.0.0.1:9/", "--complete=http://127.0.0.1:9/", "--header", "x"],
        ["--upload=http://127.0.0.1:9/", "--complete=http://127.0.0.1:9/", "--failing-field", "x"],
    ],
)
def test_wrong_use_of_the_command_is_a_2(words: list[str]) -> None:
    assert _command(*words).returncode == 2


def test_a_server_that_is_not_there_is_a_2() -> None:
    nowhere = "http://127.0.0.1:9/"
    ran = _command("--upload", nowhere, "--complete", nowhere, "--only", "legacy-2.1-01-no-file")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "Nothing listens at 127.0.0.1:9.\n"
