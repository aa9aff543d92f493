"""A run at a server that goes away: what is told, what is not reached, and that it ends."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.findings import TUS, Findings, tally
from conformance.presence import Presence
from conformance.registry import Check
from conformance.runner import Outcome, Result, Runnable, run_check
from conformance.target import CheckFailed, Target
from tests.conformance.http_server import Answer, Request, serving
from tests.conformance.reference import Reference, Refused

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


def _silence(check: Runnable[None]) -> Result:
    failure = CheckFailed("expected an answer: none in time")
    failure.is_doubtful = True
    return Result(check=check, outcome=Outcome.FAIL, failure=failure)


def _run(
    outcomes: dict[int, list[Outcome | None]], *, answering: Callable[[], bool], wait: float = 0.3
) -> tuple[list[Outcome], list[str]]:
    """Each check's outcome, of several tries; None is silence. Then where the server was away."""
    presence: Presence[None] = Presence(lambda target: 0 if answering() else wait)
    left = {number: list(tries) for number, tries in outcomes.items()}

    def run(check: Runnable[None], target: None) -> Result:
        outcome = left[check.row].pop(0)
        return Result(check=check, outcome=outcome) if outcome else _silence(check)

    results = [presence.run(run, _check(number), None) for number in outcomes]
    return [result.outcome for result in results], presence.away


def _from(calls: int) -> Callable[[], bool]:
    """Whether it has been asked so often."""
    count = itertools.count()
    return lambda: next(count) >= calls


def test_one_that_comes_back_is_checked_on() -> None:
    away = Outcome.NOT_REACHED
    tries = {1: [Outcome.PASS], 2: [away, Outcome.FAIL], 3: [Outcome.PASS]}
    told = _run(tries, answering=_from(2))
    assert told == ([Outcome.PASS, Outcome.FAIL, Outcome.PASS], ["row-002-x"])


@pytest.mark.parametrize("absence", [Outcome.NOT_REACHED, None], ids=["gone", "silent"])
def test_of_one_that_stays_away_the_rest_is_not_reached_and_nothing_waits_again(
    absence: Outcome | None,
) -> None:
    begun = time.monotonic()
    tries = {1: [Outcome.PASS], **{number: [absence] for number in range(2, 50)}}
    told, away = _run(tries, answering=lambda: False)
    assert told == [Outcome.PASS, absence or Outcome.FAIL, *[Outcome.NOT_REACHED] * 47]
    assert away == ["row-002-x"]
    assert time.monotonic() - begun < 3


def test_silence_to_one_check_is_its_failure_where_others_are_answered() -> None:
    told, away = _run({1: [None], 2: [Outcome.PASS]}, answering=lambda: True)
    assert (told, away) == ([Outcome.FAIL, Outcome.PASS], [])


def test_silence_of_a_server_that_stands_still_is_not_the_check_s() -> None:
    told, away = _run({1: [Outcome.PASS], 2: [None, Outcome.PASS]}, answering=_from(2))
    assert (told, away) == ([Outcome.PASS, Outcome.PASS], ["row-002-x"])


def test_a_check_that_makes_it_stand_still_again_has_failed() -> None:
    told, away = _run({1: [None, None], 2: [Outcome.PASS]}, answering=_from(1))
    assert (told, away) == ([Outcome.FAIL, Outcome.PASS], ["row-001-x"])


def test_silence_is_told_by_the_check_itself() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/files/"
        result = run_check(_first(), Target(url=url, timeout_seconds=0.2))
    assert result.outcome is Outcome.FAIL
    assert result.failure is not None
    assert result.failure.is_doubtful
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
    assert not result.failure.is_doubtful


@pytest.mark.parametrize(
    ("outcomes", "away", "status", "end"),
    [
        (
            [Outcome.PASS, Outcome.NOT_REACHED, Outcome.NOT_REACHED],
            ("row-001-x",),
            1,
            "not run: 2 not reached; the server is gone since row-001-x.",
        ),
        (
            [Outcome.PASS],
            ("row-004-x",),
            0,
            "pass; the server was out of reach once, first seen at row-004-x.",
        ),
        (
            [Outcome.PASS],
            ("row-004-x", "row-007-x"),
            0,
            "pass; the server was out of reach 2 times, first seen at row-004-x.",
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
    ran = _by_command(mortal, "row-001", "row-017", "row-020")
    told = json.loads(ran.stdout)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert told["away"] == ["row-001-version-in-every-answer"]
    assert told["counts"]["SHOULD"]["not_reached"] == 1
    assert told["sentence"].endswith("the server is gone since row-001-version-in-every-answer.")


def _by_command(url: str, *names: str) -> subprocess.CompletedProcess[str]:
    """The command line, with these checks; its JSON is on stdout."""
    chosen = [word for name in names for word in ("--only", name)]
    return subprocess.run(
        [sys.executable, "-m", "conformance", url, *chosen, "--json", "-"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def _first() -> Check:
    return _named("row-003-post-without-version")


def _named(name: str) -> Check:
    from conformance.checks import ALL

    return next(check for check in ALL if check.id == name)


def test_a_server_that_is_full_is_not_away() -> None:
    """It loses a connection, and is then asked whether it is there: it answers, that it is full."""

    class Full(Reference):
        creations = 0

        def create(self, request: Request) -> Answer:
            self.creations += 1
            if self.creations == 1:
                return super().create(request)
            if self.creations == 2:
                raise ConnectionError
            raise Refused(507)

    with serving(Full().answer) as address:
        told = json.loads(_by_command(f"{address}/files/", "row-017-new", "row-020").stdout)
    assert (told["away"], [check["outcome"] for check in told["checks"]]) == ([], ["fail", "fail"])
