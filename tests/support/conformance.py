"""The conformance tool run as its users run it: by its command line, against a server's URL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.servers import ROOT, Server

# A whole run has to take no longer, in seconds.
MOST_SECONDS = 120
JOBS = 4
FAILED, PASSED, NOT_ANNOUNCED, NOT_TESTABLE = "fail", "pass", "not_announced", "not_testable"
_NAMES = {"--header": "one", "--other-header": "two"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run wrote. `checks`: by id, as in the tool's JSON."""

    status: int = 0
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __or__(self, later: Report) -> Report:
        """This and a later run; where both ran a check, the later one counts."""
        return Report(status=self.status | later.status, checks=self.checks | later.checks)

    def outcome(self, name: str) -> str:
        outcome: str = self.checks[name]["outcome"]
        return outcome

    def explain(self, name: str) -> str:
        told = self.checks[name]
        parts = [f"{told['outcome']}: {told['reason']}", told.get("sent"), told.get("got")]
        return "\n---\n".join(filter(None, parts))


def command(report: Path, *words: str, jobs: int = JOBS) -> list[str]:
    """The words of a run that writes its JSON there."""
    tool = [sys.executable, "-m", "conformance"]
    return [*tool, *words, "--jobs", str(jobs), "--json", str(report), "--strict"]


def check(place: Path, *words: str, jobs: int = JOBS) -> Report:
    """A run with these words, its report in that folder."""
    place.mkdir(parents=True, exist_ok=True)
    report = place / "report.json"
    ran = subprocess.run(
        command(report, *words, jobs=jobs),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert ran.stderr == "", ran.stderr
    return read(report, ran.returncode)


def read(report: Path, status: int) -> Report:
    told = json.loads(report.read_text())
    return Report(status=status, checks={check["id"]: check for check in told["checks"]})


def logins(server: Server) -> list[str]:
    """The options for two users of that server."""
    named = ((option, _login(server, name)) for option, name in _NAMES.items())
    return [word for pair in named for word in pair]


def _login(server: Server, name: str) -> str:
    """The field that says who it is."""
    if server.kind != "serve":
        return f"X-Test-User: {name}"
    command = [sys.executable, "-m", "tusbridge", "token", name]
    command += ["--data-dir", str(server.place / "data")]
    if server.database_url:
        command += ["--database-url", server.database_url]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return f"Authorization: Bearer {ran.stdout.strip()}"


class Once:
    """Values that take long to get, by key; one that could not be had is not tried again."""

    def __init__(self) -> None:
        self._found: dict[Any, Any] = {}

    def __call__(self, key: Any, get: Callable[[], Any]) -> Any:
        if key not in self._found:
            try:
                self._found[key] = get()
            except BaseException as error:
                self._found[key] = error
        if isinstance(self._found[key], BaseException):
            raise self._found[key]
        return self._found[key]
