"""The suite against ours: the drop-in in a site under gunicorn, and ``tusbridge serve``."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.legacy.registry import Check
from conformance.runner import Outcome, Result
from tests.legacy.mounts import CASES, Mount, Results, explain, results_of
from tests.legacy.sites import errors_of
from tests.support.databases import fresh_database
from tests.support.servers import Server

# Checks that may fail on ours, and what of the contract's section 9 allows it.
ALLOWED = {
    "legacy-2.2-12-blanks-around-the-md5": "may be taken: no client can depend on the refusal",
    "legacy-2.2-12-md5-in-upper-case": "likewise",
}
IDS = [f"{mount.name}-{check.id}" for mount, check in CASES]
ERRORS = "errors in the log"

Found = dict[str, dict[Any, Result]]


@pytest.fixture(scope="session")
def found() -> dict[str, Any]:
    """Results by server and database, filled as they are asked for."""
    return {}


def _assert_passes(result: Result) -> None:
    if result.check.id not in ALLOWED:
        assert result.outcome is Outcome.PASS, explain(result)


# the drop-in


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
            return results_of(place, look, database_url=url), errors
    except Exception as error:
        return error


@pytest.mark.parametrize(("mount", "check"), CASES, ids=IDS)
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


@pytest.mark.service
@pytest.mark.parametrize(("mount", "check"), CASES, ids=IDS)
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
