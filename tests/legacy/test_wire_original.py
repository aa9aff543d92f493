"""The suite against the original: it does what the contract says, and has the faults it is said to
have. This keeps the checks honest.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.legacy.checks import ALL
from conformance.legacy.registry import Check
from conformance.runner import Outcome
from tests.legacy.mounts import CASES, Mount, Results, explain, results_of
from tests.legacy.original import original_python
from tests.legacy.orphans import REFUSALS, left_by_refused_first_chunks
from tests.legacy.sites import running_site

pytestmark = pytest.mark.original

# Checks that fail on the original, and why; they are all FAULTs.
FAULTS = {
    "legacy-7-01-identical-chunks-at-once": "reads, compares, appends and saves without a lock",
    "legacy-7-01-many-chunks-at-once": "likewise",
    "legacy-7-01-overlapping-chunks-at-once": "likewise",
    "legacy-7-02-bytes-of-a-failed-save": "appends at the end of the file, not at the offset",
    "legacy-7-03-complete-at-once": "looks at the status without a lock",
    "legacy-7-04-chunk-larger-than-its-total": "judges the limit by the total that is told",
    "legacy-7-04-many-chunks-over-the-limit": "likewise",
    "legacy-7-06-long-numbers": "int() raises for numbers of more than 4,300 digits",
    "legacy-7-06-long-numbers-on-a-later-chunk": "likewise",
    "legacy-7-10-complete-after-on-completion-failed": "is complete before on_completion runs",
    "legacy-7-18-not-found-as-json": "answers with Django's page",
    "legacy-7-20-total-changes": "keeps no total",
    "legacy-7-20-two-files-in-one-upload": "keeps no total",
    "legacy-9-01-repeated-chunk": "has no such option",
    "legacy-9-02-repeated-completion": "has no such option",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return results_of(tmp_path_factory.mktemp("original"), python=str(original_python()))


@pytest.mark.parametrize(
    ("mount", "check"), [pytest.param(*case, id=f"{case[0].name}-{case[1].id}") for case in CASES]
)
def test_the_original(mount: Mount, check: Check, results: Results) -> None:
    result = results[mount.name, check.id]
    wanted = Outcome.FAIL if check.id in FAULTS else Outcome.PASS
    assert result.outcome is wanted, explain(result)


def test_refused_first_chunks_leave_files(tmp_path: Path) -> None:
    """Section 7, row 5: the fault that ours must not have is one that can be seen."""
    with running_site(tmp_path, python=str(original_python())) as server:
        assert len(left_by_refused_first_chunks(server)) == REFUSALS


def test_every_check_runs_somewhere() -> None:
    assert {check.id for _, check in CASES} == {check.id for check in ALL}


def test_only_faults_are_expected_to_fail() -> None:
    levels = {check.id: check.level for check in ALL}
    assert {levels[name] for name in FAULTS} == {"FAULT"}
