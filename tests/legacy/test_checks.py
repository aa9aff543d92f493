"""The checks of ``conformance.legacy`` themselves: they pass on views that are right about all of
the contract and its faults, and each sees what it is for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conformance.legacy.checks import ALL
from conformance.legacy.registry import Check
from conformance.legacy.target import NEEDS, Target
from conformance.runner import Outcome, Result, run_checks
from tests.conformance.http_server import serving
from tests.legacy import faults_of_answers, faults_of_completing, faults_of_ranges
from tests.legacy.faults import FAULTS
from tests.legacy.mounts import DAY_SECONDS, NOBODY, ONE, TWO
from tests.legacy.reference import Reference

# importing them registers their faults
assert all((faults_of_answers, faults_of_completing, faults_of_ranges))

JOBS = 8
RACES = 3
# A server that waits for a lock for ever is not waited for as long.
TIMEOUT_SECONDS = 3
# Facts under which some check can run that cannot under others.
FACTS: tuple[dict[str, Any], ...] = (
    {},
    {"anonymous": "allowed"},
    {"max_bytes": 1000},
    {"max_bytes": 1000, "fail_if_no_header": True},
    {"do_md5_check": False},
    {"expire_seconds": 1},
    {"has_user_field": False},
    {"use_tz": False},
    {"accept_repeats": True},
    {"strict_totals": True},
)


def _target(address: str, facts: dict[str, Any]) -> Target:
    known: dict[str, Any] = {
        "headers": ONE,
        "other_headers": TWO,
        "anonymous_headers": NOBODY,
        "anonymous": "refused",
        "csrf": True,
        "use_tz": True,
        "expire_seconds": DAY_SECONDS,
        "invalid_field": ("fail", "validate"),
        "unsaved_field": ("fail", "save"),
        "failing_fields": (("fail", "refuse"),),
        "races": RACES,
        "timeout_seconds": TIMEOUT_SECONDS,
        **facts,
    }
    return Target(upload_url=f"{address}/upload/", complete_url=f"{address}/complete/", **known)


def _run(server: Reference, checks: list[Check], facts: dict[str, Any]) -> dict[str, Result]:
    own = dict(facts)
    server.is_open = own.pop("anonymous", "") == "allowed" and type(server) is Reference
    server.life = timedelta(seconds=own.pop("expire_seconds", DAY_SECONDS))
    for name, value in own.items():
        setattr(server, name, value)
    with serving(server.answer, 10) as address:
        results = run_checks(checks, _target(address, facts), JOBS)
    return {result.check.id: result for result in results}


def _checks_for(facts: dict[str, Any]) -> list[Check]:
    target = _target("", facts)
    return [check for check in ALL if all(NEEDS[need][0](target) for need in check.needs)]


@pytest.fixture(scope="module")
def right() -> dict[str, Result]:
    """Each check's result on views without a fault, with the facts that it needs."""
    results: dict[str, Result] = {}
    for facts in FACTS:
        checks = [check for check in _checks_for(facts) if check.id not in results]
        results |= _run(Reference(), checks, facts)
    return results


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_passes_on_views_that_are_right(check: Check, right: dict[str, Result]) -> None:
    assert right[check.id].outcome is Outcome.PASS, right[check.id].detail


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_sees_the_fault(fault: type[Reference]) -> None:
    names, facts = FAULTS[fault]
    checks = [check for check in ALL if check.id in names]
    outcomes = {name: result.outcome for name, result in _run(fault(), checks, facts).items()}
    assert outcomes == dict.fromkeys(names, Outcome.FAIL)


def test_each_check_was_seen_to_fail() -> None:
    assert {check.id for check in ALL} == {name for names, _ in FAULTS.values() for name in names}


def test_each_need_that_is_not_met_has_a_reason() -> None:
    bare = Target(upload_url="http://127.0.0.1:9/", complete_url="http://127.0.0.1:9/")
    checks = [check for check in ALL if not all(NEEDS[need][0](bare) for need in check.needs)]
    assert {result.outcome for result in run_checks(checks, bare)} == {Outcome.NOT_TESTABLE}
    assert {need for check in ALL for need in check.needs} == set(NEEDS)
