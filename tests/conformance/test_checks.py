"""The checks themselves: they pass on servers that are right, and each sees what it is for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conformance.checks import ALL
from conformance.legacy.checks import ALL as LEGACY
from conformance.registry import Check
from conformance.runner import Outcome, Result, run_checks
from conformance.target import Target
from tests.conformance.faults import FAULTS
from tests.conformance.faults.legal import NoAdviceFollowed, OnlyTheNecessary
from tests.conformance.http_server import serving
from tests.conformance.reference import Reference
from tests.conformance.reference.variants import (
    Core,
    FinishedOnly,
    JoinedInTheBackground,
    Modest,
    ShortLived,
    Tight,
)

ROOT = Path(__file__).resolve().parents[2]
READ_TIMEOUT_SECONDS = 1
JOBS = 8
# Faulty servers that are checked at a time; their checks mostly wait.
SERVERS = 4
ROWS = range(1, 131)
LOGIN, OTHER_LOGIN = ("Authorization", "one"), ("Authorization", "two")
# Servers that are right, with the words that a user would add for them.
SHORT_LIVED = ("--only=row-089", "--only=row-091", f"--expire-seconds={ShortLived.life_seconds}")
RIGHT: dict[type[Reference], tuple[str, ...]] = {
    Reference: ("--trailers",),
    Modest: ("--no-trailers",),
    FinishedOnly: ("--only=row-114",),
    ShortLived: SHORT_LIVED,
    Tight: (),
    Core: (),
}
# Servers that do no more than some levels ask for, with what may fail.
LEGAL = {NoAdviceFollowed: {"D", "MAY"}, OnlyTheNecessary: {"SHOULD", "D", "MAY"}}


def command_of(server: type[Reference], address: str, report: Path) -> list[str]:
    words = [sys.executable, "-m", "conformance", f"{address}/files/", f"--jobs={JOBS}"]
    words += ["--header", ": ".join(LOGIN), "--other-header", ": ".join(OTHER_LOGIN)]
    words += [f"--cors-origin={server.origin}", f"--read-timeout={READ_TIMEOUT_SECONDS}"]
    return [*words, f"--json={report}", *RIGHT.get(server, ())]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[type[Reference], dict[str, Any]]:
    """The JSON of a run of the tool at each server that is right in its way, by its command
    line.
    """
    place = tmp_path_factory.mktemp("reports")

    def run(server: type[Reference]) -> dict[str, Any]:
        report = place / server.__name__
        with serving(server().answer, READ_TIMEOUT_SECONDS) as address:
            command = command_of(server, address, report)
            subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=120)
        told: dict[str, Any] = json.loads(report.read_text())
        return told

    with ThreadPoolExecutor(2) as pool:
        servers = [*RIGHT, *LEGAL]
        return dict(zip(servers, pool.map(run, servers), strict=True))


def run(server: type[Reference], names: tuple[str, ...], **facts: Any) -> dict[str, Result]:
    timeout = getattr(server, "read_timeout_seconds", READ_TIMEOUT_SECONDS)
    known = {"trailers": True, "read_timeout_seconds": READ_TIMEOUT_SECONDS, **facts}
    with serving(server().answer, timeout) as address:
        target = Target(
            url=f"{address}/files/",
            headers=(LOGIN,),
            other_headers=(OTHER_LOGIN,),
            cors_origin=Reference.origin,
            **known,
        )
        chosen = [check for check in ALL if check.id in names]
        return {result.check.id: result for result in run_checks(chosen, target, JOBS)}


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[type[Reference], Any]]:
    """The results at each faulty server, to be waited for."""
    with ThreadPoolExecutor(SERVERS) as pool:
        yield {
            server: pool.submit(run, server, fault.checks, **fault.facts)
            for server, fault in FAULTS.items()
        }


def failed_of(report: dict[str, Any], may_fail: set[str]) -> dict[str, str]:
    """Why the checks fail that may not."""
    failed = [check for check in report["checks"] if check["outcome"] == "fail"]
    return {check["id"]: check["reason"] for check in failed if check["level"] not in may_fail}


@pytest.mark.parametrize("server", RIGHT, ids=lambda server: server.__name__)
def test_no_check_fails_on_a_server_that_is_right(
    server: type[Reference], reports: dict[type[Reference], dict[str, Any]]
) -> None:
    assert (failed_of(reports[server], set()), reports[server]["status"]) == ({}, 0)


@pytest.mark.parametrize("server", LEGAL, ids=lambda server: server.__name__)
def test_no_check_asks_for_more_than_its_level_says(
    server: type[Reference], reports: dict[type[Reference], dict[str, Any]]
) -> None:
    assert failed_of(reports[server], LEGAL[server]) == {}
    assert len(failed_of(reports[server], {"MUST"})) > 20


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_passes_on_a_server_that_is_right(
    check: Check, reports: dict[type[Reference], dict[str, Any]]
) -> None:
    checks = [one for server in RIGHT for one in reports[server]["checks"]]
    told = [one for one in checks if one["id"] == check.id]
    assert "pass" in [one["outcome"] for one in told], [one["reason"] for one in told]


@pytest.mark.parametrize("server", FAULTS, ids=lambda server: server.__name__)
def test_sees_the_fault(server: type[Reference], outcomes: dict[type[Reference], Any]) -> None:
    results = outcomes[server].result()
    names = FAULTS[server].checks
    assert {name: results[name].outcome for name in names} == dict.fromkeys(names, Outcome.FAIL)


def test_each_check_was_seen_to_fail() -> None:
    caught = {name for fault in FAULTS.values() for name in fault.checks}
    assert caught == {check.id for check in ALL}


def test_waits_for_a_final_that_is_joined_in_the_background() -> None:
    names = ("row-107-final", "row-110-order-of-the-list", "row-125-final-before-its-partials")
    results = run(JoinedInTheBackground, names)
    assert {name: results[name].detail for name in names} == dict.fromkeys(names, "")


def test_checks_of_an_extension_wait_for_its_announcement(
    reports: dict[type[Reference], dict[str, Any]],
) -> None:
    extended = [
        check["outcome"]
        for check in reports[Core]["checks"]
        if check["extension"] not in (None, *Core.extensions)
    ]
    assert set(extended) == {"not_announced"}


def test_what_a_check_needs_is_said_by_its_name_and_where_it_is_not_told() -> None:
    with serving(Reference().answer) as address:
        bare = Target(url=f"{address}/files/", headers=(LOGIN,))
        results = run_checks(ALL, bare, JOBS)
    untold = [result for result in results if "(--" in result.detail]
    assert {result.check.id for result in untold} == {check.id for check in ALL if check.needs}
    for result in untold:
        assert result.outcome is Outcome.NOT_TESTABLE
        assert f"({result.check.needs[0]})" in result.detail


def test_titles_stand_alone() -> None:
    """In a report of failures the one before is not there."""
    going_on = re.compile(r"(and |but )?(so|likewise|neither|nor)\b")
    assert [check.id for check in (*ALL, *LEGACY) if going_on.match(check.title)] == []


def test_every_row_of_the_table_has_a_check() -> None:
    assert {check.row for check in ALL} == set(ROWS)
