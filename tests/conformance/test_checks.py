"""The checks themselves: they pass on a server that is right, and each sees what it is for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.checks import ALL
from conformance.registry import Check
from conformance.runner import Outcome, Result, run_check
from conformance.target import Target
from tests.conformance.faults import FAULTS
from tests.conformance.faults_of_checksums import WithoutTrailers
from tests.conformance.faults_of_concatenation import JoinedInTheBackground
from tests.conformance.faults_of_finals import FinishedOnly
from tests.conformance.http_server import serving
from tests.conformance.reference import Reference

READ_TIMEOUT_SECONDS = 1
JOBS = 8
ROWS = range(1, 131)
# The sections the reference is right about.
SECTIONS = {*range(67, 78), 84, *range(92, 101), *range(105, 126)}
# Checks of other rows that were tried here as well.
OTHERS = {
    "row-010-options-without-login",
    "row-011-extensions-as-comma-list",
    "row-015-delete-as-head",
    "row-015-get-as-post",
    "row-024-foreign-complete-upload",
    "row-046-read-timeout-in-a-creation",
    "row-064-forwarded-fields-of-a-stranger",
    "row-065-location-on-creation-only",
    "row-065-reason-is-text",
    "row-081-no-100-before-a-refusal",
    "row-085-half-closed-creation",
    "row-087-each-refused-patch-tells-expiry",
    "row-102-delete-a-final",
}
CHECKS = [check for check in ALL if check.row in SECTIONS or check.id in OTHERS]


def run(server: type[Reference], names: list[str], *, trailers: bool = True) -> dict[str, Result]:
    timeout = getattr(server, "read_timeout_seconds", READ_TIMEOUT_SECONDS)
    with serving(server().answer, timeout) as address:
        target = Target(
            url=f"{address}/files/",
            headers=(("Authorization", "one"),),
            other_headers=(("Authorization", "two"),),
            read_timeout_seconds=READ_TIMEOUT_SECONDS,
            trailers=trailers,
        )
        chosen = [check for check in ALL if check.id in names]
        with ThreadPoolExecutor(JOBS) as pool:
            results = pool.map(lambda check: run_check(check, target), chosen)
        return {result.check.id: result for result in results}


@pytest.fixture(scope="module")
def right() -> dict[str, Result]:
    """Each check's result on a server without a fault that has what the check needs."""
    names = [check.id for check in CHECKS]
    results = run(Reference, names)
    results |= run(FinishedOnly, ["row-114-unfinished-partial"])
    results |= run(WithoutTrailers, ["row-100-announced-only-where-it-works"], trailers=False)
    return results


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_passes_on_a_server_that_is_right(check: Check, right: dict[str, Result]) -> None:
    assert right[check.id].outcome is Outcome.PASS, right[check.id].detail


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_sees_the_fault(fault: type[Reference]) -> None:
    names = list(FAULTS[fault])
    outcomes = {name: result.outcome for name, result in run(fault, names).items()}
    assert outcomes == dict.fromkeys(names, Outcome.FAIL)


def test_sees_trailers_announced_where_they_do_not_work() -> None:
    name = "row-100-announced-only-where-it-works"
    assert run(Reference, [name], trailers=False)[name].outcome is Outcome.FAIL


def test_each_check_was_seen_to_fail() -> None:
    caught = {name for names in FAULTS.values() for name in names}
    tried_apart = {"row-100-announced-only-where-it-works"}
    assert {check.id for check in CHECKS} - caught == tried_apart


def test_waits_for_a_final_that_is_joined_in_the_background() -> None:
    names = ["row-107-final", "row-110-order-of-the-list", "row-125-final-before-its-partials"]
    results = run(JoinedInTheBackground, names)
    assert {name: results[name].detail for name in names} == dict.fromkeys(names, "")


def test_checks_of_an_extension_wait_for_its_announcement() -> None:
    class Bare(Reference):
        extensions = ("creation",)

    extensions = {"creation-defer-length", "checksum", "checksum-trailer", "concatenation"}
    names = [check.id for check in ALL if check.extension in extensions]
    outcomes = {result.outcome for result in run(Bare, names).values()}
    assert outcomes == {Outcome.NOT_ANNOUNCED}


def test_every_row_of_the_table_has_a_check() -> None:
    assert {check.row for check in ALL} == set(ROWS)
