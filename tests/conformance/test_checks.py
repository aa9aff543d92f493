"""The checks themselves: they pass on servers that are right, and each sees what it is for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conformance.checks import ALL
from conformance.registry import Check
from conformance.runner import Outcome, Result, run_checks
from conformance.target import Target
from tests.conformance.faults import FAULTS
from tests.conformance.http_server import serving
from tests.conformance.reference import Reference
from tests.conformance.reference.variants import (
    Core,
    FinishedOnly,
    JoinedInTheBackground,
    Modest,
    ShortLived,
)

ROOT = Path(__file__).resolve().parents[2]
READ_TIMEOUT_SECONDS = 1
JOBS = 8
# Faulty servers that are checked at a time; their checks mostly wait.
SERVERS = 4
ROWS = range(1, 131)
LOGIN, OTHER_LOGIN = ("Authorization", "one"), ("Authorization", "two")
# Servers without a fault, with the words that a user would add for them.
VARIANTS: dict[type[Reference], tuple[str, ...]] = {
    Reference: ("--trailers",),
    Modest: ("--no-trailers",),
    FinishedOnly: ("--only=row-114",),
    ShortLived: ("--only=row-089", "--only=row-091", f"--expire-seconds={ShortLived.life_seconds}"),
    Core: (),
}


def command_of(server: type[Reference], address: str, report: Path) -> list[str]:
    words = [sys.executable, "-m", "conformance", f"{address}/files/", f"--jobs={JOBS}"]
    words += ["--header", ": ".join(LOGIN), "--other-header", ": ".join(OTHER_LOGIN)]
    words += [f"--cors-origin={server.origin}", f"--read-timeout={READ_TIMEOUT_SECONDS}"]
    return [*words, "--strict", f"--json={report}", *VARIANTS[server]]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[type[Reference], dict[str, Any]]:
    """The JSON of a run of the tool at each right server, by its command line."""
    place = tmp_path_factory.mktemp("reports")

    def run(server: type[Reference]) -> dict[str, Any]:
        report = place / server.__name__
        with serving(server().answer, READ_TIMEOUT_SECONDS) as address:
            command = command_of(server, address, report)
            subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=120)
        told: dict[str, Any] = json.loads(report.read_text())
        return told

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(VARIANTS, pool.map(run, VARIANTS), strict=True))


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


@pytest.mark.parametrize("server", VARIANTS, ids=lambda server: server.__name__)
def test_no_check_fails_on_a_server_that_is_right(
    server: type[Reference], reports: dict[type[Reference], dict[str, Any]]
) -> None:
    report = reports[server]
    failed = {check["id"]: check["reason"] for check in report["checks"] if "curl" in check}
    assert (failed, report["status"]) == ({}, 0)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_passes_on_a_server_that_is_right(
    check: Check, reports: dict[type[Reference], dict[str, Any]]
) -> None:
    told = [one for report in reports.values() for one in report["checks"] if one["id"] == check.id]
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


def test_every_row_of_the_table_has_a_check() -> None:
    assert {check.row for check in ALL} == set(ROWS)
