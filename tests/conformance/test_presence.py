"""A run at a server that goes away: what is told, what is not reached, and that it ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.findings import TUS, Findings, tally
from conformance.presence import Presence
from conformance.registry import Check
from conformance.runner import Outcome, Result, run_check
from conformance.target import CheckFailed, Target
from tests.conformance.http_server import Answer, Request, serving
from tests.conformance.reference import Reference

ROOT = Path(__file__).resolve().parents[2]
HERE = "http://127.0.0.1:9/files/"


def _check(number: int) -> Check:
    return Check(
        id=f"row-{number:03d}-x",
        row=number,
        level="MUST",
        section="HEAD",
        extension=None,
        title="a rule",
        run=lambda target: None,
    )


def _silence(check: Check) -> Result:
    failure = CheckFailed("expected an answer: none in time")
    failure.is_silence = True
    return Result(check=check, outcome=Outcome.FAIL, failure=failure)


def _run(outcomes: dict[int, list[Outcome | None]], *, back: float = 0.5) -> tuple[Any, Any]:
    """Each check's outcome, of several tries; None is silence. Then where the server was away."""
    presence = Presence(back)
    left = {number: list(tries) for number, tries in outcomes.items()}

    def run(check: Check, target: None) -> Result:
        outcome = left[check.row].pop(0) if len(left[check.row]) > 1 else left[check.row][0]
        return Result(check=check, outcome=outcome) if outcome else _silence(check)

    results = [presence.run(run, _check(number), None) for number in outcomes]
    return [result.outcome for result in results], presence.away


def test_one_that_comes_back_is_checked_on() -> None:
    away = Outcome.NOT_REACHED
    told = _run({1: [Outcome.PASS], 2: [away, away, Outcome.FAIL], 3: [Outcome.PASS]})
    assert told == ([Outcome.PASS, Outcome.FAIL, Outcome.PASS], ["row-001-x"])


def test_of_one_that_stays_away_the_rest_is_not_reached_and_nothing_waits_again() -> None:
    begun = time.monotonic()
    outcomes = {1: [Outcome.PASS], **{number: [Outcome.NOT_REACHED] for number in range(2, 50)}}
    told, away = _run(outcomes)
    assert told == [Outcome.PASS, *[Outcome.NOT_REACHED] * 48]
    assert away == ["row-001-x"]
    assert time.monotonic() - begun < 3


def test_one_that_is_silent_for_three_checks_is_gone() -> None:
    silent = {number: [None] for number in range(2, 9)}
    told, away = _run({1: [Outcome.PASS], **silent})
    assert told == [Outcome.PASS, *[Outcome.FAIL] * 3, *[Outcome.NOT_REACHED] * 4]
    assert away == ["row-003-x"]


def test_silence_to_one_check_or_two_is_its_failure() -> None:
    told, away = _run({1: [None], 2: [None], 3: [Outcome.PASS], 4: [None], 5: [Outcome.PASS]})
    assert (told.count(Outcome.FAIL), away) == (3, [])


def test_silence_is_told_by_the_check_itself() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/files/"
        result = run_check(_first(), Target(url=url, timeout_seconds=0.2))
    assert result.outcome is Outcome.FAIL
    assert result.failure is not None
    assert result.failure.is_silence
    gone = run_check(_first(), Target(url=url))
    assert gone.outcome is Outcome.NOT_REACHED


def test_a_request_that_is_never_answered_in_a_check_is_no_silence() -> None:
    def answer(request: Request) -> Answer:
        if request.method == "HEAD":
            time.sleep(1)
        return Reference().answer(request)

    with serving(answer) as address:
        target = Target(
            url=f"{address}/files/", headers=(("Authorization", "one"),), timeout_seconds=0.3
        )
        result = run_check(_named("row-017-new-upload-is-at-zero"), target)
    assert result.outcome is Outcome.FAIL
    assert result.failure is not None
    assert not result.failure.is_silence


@pytest.mark.parametrize(
    ("outcomes", "away", "status", "end"),
    [
        (
            [Outcome.PASS, Outcome.NOT_REACHED, Outcome.NOT_REACHED],
            ("row-001-x",),
            1,
            "not run: 2 not reached; the server is gone since row-001-x.",
        ),
        ([Outcome.PASS], ("",), 0, "pass; the server was away once, after the first request."),
        (
            [Outcome.PASS],
            ("row-004-x", "row-007-x"),
            0,
            "pass; the server was away 2 times, first after row-004-x.",
        ),
    ],
)
def test_the_report_says_where(
    outcomes: list[Outcome], away: tuple[str, ...], status: int, end: str
) -> None:
    results = tuple(Result(check=_check(1), outcome=outcome) for outcome in outcomes)
    found = Findings(suite=TUS, url=HERE, results=results, away=away)
    assert found.status == status
    assert found.sentence.endswith(end)
    assert tally(results).not_reached == outcomes.count(Outcome.NOT_REACHED)


@pytest.fixture
def mortal() -> Iterator[str]:
    """The URL of a server that the first PATCH ends."""
    program = Path(__file__).with_name("mortal_server.py")
    with subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, cwd=ROOT
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().decode().strip()
        server.kill()


def test_a_run_ends_where_a_request_ends_the_server(mortal: str) -> None:
    words = [mortal, "--only", "row-001", "--only", "row-017", "--only", "row-020", "--json", "-"]
    ran = subprocess.run(
        [sys.executable, "-m", "conformance", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    told = json.loads(ran.stdout)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert told["away"] == ["row-001-version-in-every-answer"]
    assert told["counts"]["SHOULD"]["not_reached"] == 1
    assert told["sentence"].endswith("the server is gone since row-001-version-in-every-answer.")


def _first() -> Check:
    return _named("row-003-post-without-version")


def _named(name: str) -> Check:
    from conformance.checks import ALL

    return next(check for check in ALL if check.id == name)
