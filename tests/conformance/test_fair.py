"""A fault counts where it belongs: other rows' checks neither fail by it nor hide it."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.checks import ALL
from conformance.runner import Outcome, run_checks
from conformance.target import Target
from tests.conformance.faults.versions import MaxSizeInWords
from tests.conformance.http_server import Answer, Request, serving
from tests.conformance.reference import Reference, Refused, Upload

JOBS = 8


class NoVersionTold(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        answer.fields.pop("Tus-Resumable", None)
        return answer


class CompleteOnesForgotten(Reference):
    """As servers do that hand a file over once it is whole."""

    def head(self, upload: Upload, request: Request) -> Answer:
        if upload.is_complete:
            raise Refused(404)
        return super().head(upload, request)


class NoDownloads(Reference):
    def act(self, method: str, upload: Upload, request: Request) -> Answer:
        if method == "GET":
            raise Refused(405, Allow="HEAD")
        return super().act(method, upload, request)


class NegativeOffsetsConflict(Reference):
    def number(self, text: str | None) -> int:
        return -1 if text == "-1" else super().number(text)


class LastSlashes(Reference):
    """Uploads' URLs end in a slash, as those of some frameworks."""

    def create(self, request: Request) -> Answer:
        answer = super().create(request)
        answer.fields["Location"] += "/"
        return answer

    def find(self, path: str, owner: str) -> Upload:
        if not path.endswith("/"):
            raise Refused(404)
        return super().find(path[:-1], owner)


class EmptyPatchesRefused(Reference):
    def judge_type(self, request: Request) -> None:
        if request.body.length == 0:
            raise Refused(400)
        super().judge_type(request)


@pytest.mark.parametrize(
    ("server", "passed"),
    [
        (
            NoVersionTold,
            ("row-002", "row-020", "row-030", "row-101-delete-unf", "row-114", "row-118"),
        ),
        (CompleteOnesForgotten, ("row-026-append-again", "row-045", "row-078-whole-body")),
        (NegativeOffsetsConflict, ("row-034-offset-not-a-number",)),
        (LastSlashes, ("row-020", "row-021", "row-036-unknown", "row-103-delete-unknown")),
        (MaxSizeInWords, ("row-001-version-in-every", "row-052", "row-074", "row-119")),
        (EmptyPatchesRefused, ("row-037-body-too-long", "row-101-delete-unf")),
    ],
)
def test_is_not_failed_by(server: type[Reference], passed: tuple[str, ...]) -> None:
    outcomes = _outcomes(server, passed)
    exact = {name: found for name, found in outcomes.items() if not name.endswith("-is-400")}
    assert exact
    assert set(exact.values()) <= {Outcome.PASS, Outcome.NOT_TESTABLE}, exact


def test_no_downloads_are_no_fault() -> None:
    outcomes = _outcomes(NoDownloads, ("row-126", "row-127", "row-128"))
    assert set(outcomes.values()) == {Outcome.NOT_TESTABLE}


def test_downloads_need_not_be_tried() -> None:
    asked: list[str] = []

    class Watched(Reference):
        def answer(self, request: Request) -> Answer:
            if "X-HTTP-Method-Override" not in request.fields:
                asked.append(request.method)
            return super().answer(request)

    outcomes = _outcomes(Watched, ("row-",), downloads=False)
    assert "GET" not in asked
    assert "HEAD" in asked
    assert [name for name, outcome in outcomes.items() if outcome is Outcome.FAIL] == []
    untold = [name for name in outcomes if name.startswith(("row-126", "row-127", "row-128"))]
    assert {outcomes[name] for name in untold} == {Outcome.NOT_TESTABLE}


def test_what_is_not_announced_can_be_assumed() -> None:
    class Shy(Reference):
        extensions = ("creation",)

    names = ("row-101-delete-unf", "row-093-right-checksum")
    assert set(_outcomes(Shy, names).values()) == {Outcome.NOT_ANNOUNCED}
    assumed = _outcomes(Shy, names, assumed=("termination",))
    assert assumed["row-101-delete-unfinished"] is Outcome.PASS
    assert assumed["row-093-right-checksum"] is Outcome.NOT_ANNOUNCED


def test_each_of_these_faults_is_one() -> None:
    failed = {
        NoVersionTold: "row-001-version-in-every-answer",
        CompleteOnesForgotten: "row-018-complete-upload-still-answers",
        NegativeOffsetsConflict: "row-034-offset-not-a-number-is-400",
        EmptyPatchesRefused: "row-038-empty-body",
    }
    for server, name in failed.items():
        assert _outcomes(server, (name,)) == {name: Outcome.FAIL}


def _outcomes(
    server: type[Reference], beginnings: tuple[str, ...], **facts: Any
) -> dict[str, Outcome]:
    with serving(server().answer) as address:
        target = Target(url=f"{address}/files/", headers=(("Authorization", "one"),), **facts)
        chosen = [check for check in ALL if check.id.startswith(beginnings)]
        return {result.check.id: result.outcome for result in run_checks(chosen, target, JOBS)}
