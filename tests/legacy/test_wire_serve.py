"""The suite against ``tusbridge serve``: POST /legacy/upload/ and /legacy/complete/."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conformance.legacy.checks import ALL
from conformance.legacy.registry import Check
from conformance.legacy.target import NEEDS, Target
from conformance.runner import Outcome, Result, run_checks
from tests.legacy.mounts import DAY_SECONDS, JOBS, explain
from tests.legacy.test_wire import ALLOWED as ALLOWED_BY_THE_CONTRACT
from tests.server.test_conformance import logins
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
def found() -> dict[str, Outcomes]:
    """Results by database, filled as they are asked for."""
    return {}


@dataclass
class Outcomes:
    """Results by check, and what the servers logged of their own mistakes; or why neither is
    there.
    """

    results: dict[str, Result] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    failure: Exception | None = None


def _outcomes(found: dict[str, Outcomes], database: str, factory: Any) -> Outcomes:
    """Tried once only."""
    if database not in found:
        found[database] = Outcomes()
        try:
            _attempt(found[database], database, factory.mktemp(f"serve-{database}"))
        except Exception as error:
            found[database].failure = error
    if found[database].failure is not None:
        raise found[database].failure
    return found[database]


def _attempt(outcomes: Outcomes, database: str, place: Path) -> None:
    with fresh_database(database) as url:
        _run(outcomes, place / "long", url, {}, LONG)
        _run(outcomes, place / "short", url, {"MAX_LENGTH": LIMIT}, SHORT, max_bytes=LIMIT)


def _run(
    outcomes: Outcomes,
    place: Path,
    url: str,
    options: dict[str, Any],
    checks: list[Check],
    **facts: Any,
) -> None:
    results: list[Result] = []
    try:
        with running("serve", place, database_url=url, options=options) as server:
            results = run_checks(checks, _target(server, **facts), JOBS)
    except AssertionError as error:
        outcomes.errors.append(str(error))
    outcomes.results |= {result.check.id: result for result in results}


def _target(server: Server, **facts: Any) -> Target:
    return Target(
        upload_url=_legacy(server, "upload"),
        complete_url=_legacy(server, "complete"),
        **logins(server),
        **_FACTS,
        **facts,
    )


def _legacy(server: Server, view: str) -> str:
    return f"http://127.0.0.1:{server.port}/legacy/{view}/"


def _assert_passes(result: Result) -> None:
    wanted = Outcome.FAIL if result.check.id in ALLOWED else Outcome.PASS
    assert result.outcome is wanted, explain(result)


@pytest.mark.parametrize("name", IDS)
def test_serve(
    name: str, found: dict[str, Outcomes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _assert_passes(_outcomes(found, "sqlite", tmp_path_factory).results[name])


def test_serve_logs_no_error(
    found: dict[str, Outcomes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert _outcomes(found, "sqlite", tmp_path_factory).errors == []


@pytest.mark.service
@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_serve_on(
    database: str, name: str, found: dict[str, Outcomes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _assert_passes(_outcomes(found, database, tmp_path_factory).results[name])


@pytest.mark.service
@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_serve_logs_no_error_on(
    database: str, found: dict[str, Outcomes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert _outcomes(found, database, tmp_path_factory).errors == []


def _command(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "conformance", "legacy", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_the_command_reports_and_exits_as_the_tus_suite_does(tmp_path: Path) -> None:
    with running("serve", tmp_path) as server:
        views = [f"--{view}={_legacy(server, view)}" for view in ("upload", "complete")]
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
