"""The site of ``site/`` as a process: with the original or with ours, by its settings alone."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from benchmarks.ports import free_port

ROOT = Path(__file__).parents[3]
SITE = Path(__file__).with_name("site")
# A server that does not answer within this many seconds of its start is broken.
START_SECONDS = 60
STOP_SECONDS = 30
COMMAND_SECONDS = 120


@dataclass(frozen=True)
class Site:
    """The site's data, and what runs over it: an interpreter and a settings module."""

    data: Path
    database: str
    python: str
    settings: str = "settings"

    @property
    def env(self) -> dict[str, str]:
        env = {key: value for key, value in os.environ.items() if key != "TUSBRIDGE_SKIP_MISSING"}
        return env | {
            "SITE_DATA": str(self.data),
            "SITE_DATABASE": self.database,
            "DJANGO_SETTINGS_MODULE": self.settings,
            # the site, and the tree that is tested rather than one that is installed
            "PYTHONPATH": f"{SITE}{os.pathsep}{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def manage(self, *arguments: str) -> str:
        """What ``manage.py`` prints; fails with all it prints."""
        ran = subprocess.run(
            [self.python, "manage.py", *arguments],
            cwd=SITE,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert ran.returncode == 0, f"manage.py {' '.join(arguments)}\n{ran.stdout}{ran.stderr}"
        return ran.stdout + ran.stderr

    def run(self, code: str) -> None:
        """Run Python in the site."""
        self.manage("shell", "-v0", "-c", code)

    def report(self) -> dict[str, dict[str, Any]]:
        """All uploads as the site sees them, by their ids."""
        lines = self.manage("report").splitlines()
        (text,) = [line for line in lines if line.startswith("{")]
        report: dict[str, dict[str, Any]] = json.loads(text)
        return report

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """The URL of the site while a server runs it."""
        port = free_port()
        command = [self.python, "-m", "gunicorn", "wsgi", "-b", f"127.0.0.1:{port}", "-w", "2"]
        log = self.data / f"{self.settings}-{port}.log"
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command, cwd=SITE, env=self.env, stdout=output, stderr=output
            ) as process,
        ):
            try:
                _wait_until_answering(f"http://127.0.0.1:{port}/login/", process, log)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()
                process.wait(STOP_SECONDS)


def original(data: Path, database: str, python: Path, settings: str = "settings") -> Site:
    """The site as it was."""
    return Site(data, database, str(python), settings)


def ours(data: Path, database: str) -> Site:
    """The site after the switch."""
    return Site(data, database, sys.executable, "settings_ours")


def _wait_until_answering(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(url, timeout=START_SECONDS)
            return
        time.sleep(0.05)
    raise AssertionError(f"the site does not answer:\n{log.read_text()}")
