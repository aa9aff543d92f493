"""The suite against ours: the drop-in in a site under gunicorn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.legacy.registry import Check
from conformance.runner import Outcome, Result
from tests.legacy.mounts import CASES, MOUNTS, ON_DATABASES, Mount, Results, explain, results_of
from tests.legacy.orphans import left_by_refused_first_chunks
from tests.legacy.sites import errors_of, running_site
from tests.support.databases import fresh_database
from tests.support.servers import Server

# The first row that is asked for runs all of them.
pytestmark = pytest.mark.timeout(600)
# Checks that fail on ours, and what of the contract's section 9 allows it.
ALLOWED = {
    "legacy-2.2-12-blanks-around-the-md5": "may be taken: no client can depend on the refusal",
    "legacy-2.2-12-md5-in-upper-case": "likewise",
}
SOME_CASES = [case for case in CASES if case[0] in ON_DATABASES]


def _name(case: tuple[Mount, Check]) -> str:
    return f"{case[0].name}-{case[1].id}"


@pytest.fixture(scope="session")
def found() -> dict[str, Any]:
    """Results by server and database, filled as they are asked for."""
    return {}


def _assert_passes(result: Result) -> None:
    wanted = Outcome.FAIL if result.check.id in ALLOWED else Outcome.PASS
    assert result.outcome is wanted, explain(result)


def _site_results(
    found: dict[str, Any], database: str, factory: pytest.TempPathFactory
) -> tuple[Results, list[str]]:
    if database not in found:
        found[database] = _attempt(database, factory)
    outcome = found[database]
    if isinstance(outcome, Exception):
        raise outcome
    results: tuple[Results, list[str]] = outcome
    return results


def _attempt(
    database: str, factory: pytest.TempPathFactory
) -> tuple[Results, list[str]] | Exception:
    """Results and what is in the log; or why there are none, to be tried only once."""
    errors: list[str] = []

    def look(server: Server) -> None:
        errors.extend(errors_of(server))

    try:
        with fresh_database(database) as url:
            place = factory.mktemp(f"dropin-{database}")
            mounts = ON_DATABASES if url else MOUNTS
            return results_of(place, look, mounts, database_url=url), errors
    except Exception as error:
        return error


@pytest.mark.parametrize(("mount", "check"), CASES, ids=map(_name, CASES))
def test_dropin(
    mount: Mount,
    check: Check,
    found: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    results, _ = _site_results(found, "sqlite", tmp_path_factory)
    _assert_passes(results[mount.name, check.id])


def test_dropin_logs_no_error(
    found: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert _site_results(found, "sqlite", tmp_path_factory)[1] == []


def test_refused_first_chunks_leave_no_file(tmp_path: Path) -> None:
    """Section 7, row 5."""
    with running_site(tmp_path) as server:
        assert left_by_refused_first_chunks(server) == []


@pytest.mark.service
@pytest.mark.parametrize(("mount", "check"), SOME_CASES, ids=map(_name, SOME_CASES))
@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_dropin_on(
    database: str,
    mount: Mount,
    check: Check,
    found: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    results, _ = _site_results(found, database, tmp_path_factory)
    _assert_passes(results[mount.name, check.id])


@pytest.mark.service
@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_dropin_logs_no_error_on(
    database: str, found: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert _site_results(found, database, tmp_path_factory)[1] == []
