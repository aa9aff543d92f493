"""Sweeps in processes of their own: two at once, beside uploads, and killed again and again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import fresh_database
from tests.support.servers import ROOT

EACH = 150
SECONDS = 6.0
KILLS = int(os.environ.get("TUSBRIDGE_KILLS", "6"))
# Above what a loaded machine takes for one sweep over what is made here.
SWEEP_SECONDS = 120.0
WORKER = ("-m", "tests.management.worker")
COMMAND = ("tusbridge_sweep", "--orphans", "--missing", "--finished-before", "1d", "--json")


@dataclass
class Site:
    place: Path
    environ: dict[str, str]

    def python(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *words],
            env=self.environ,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> str:
        process = self.python(*words)
        out, err = process.communicate(timeout=SWEEP_SECONDS)
        assert process.returncode == 0, err[-4000:]
        assert "Traceback" not in err, err[-4000:]
        return out

    def sweep(self) -> "subprocess.Popen[str]":
        return self.python("-m", "django", *COMMAND)

    def look(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*WORKER, "look"))
        return found

    def partials(self) -> list[str]:
        return sorted(path.name for path in self._partial_paths())

    def make_old(self) -> None:
        for path in self._partial_paths():
            os.utime(path, (time.time() - 86400,) * 2)

    def _partial_paths(self) -> list[Path]:
        return [path for path in (self.place / "media.partial").rglob("*") if path.is_file()]


@contextmanager
def site(place: Path, database: str) -> Iterator[Site]:
    with fresh_database(database) as url:
        environ = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.site.settings",
            "SITE_PLACE": str(place),
            "SITE_DATABASE_URL": url,
            "SITE_TUSBRIDGE": "{}",
            "SITE_DATABASE_OPTIONS": "{}",
        }
        made = Site(place, environ)
        made.run("-m", "django", "migrate", "-v0")
        yield made


def totals(out: str) -> dict[str, int]:
    """How many of each kind were swept."""
    *_, last = out.splitlines()
    return {kind: counts["swept"] for kind, counts in json.loads(last)["kinds"].items()}


DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.service),
    pytest.param("mariadb", marks=pytest.mark.service),
]


@pytest.mark.parametrize("database", DATABASES)
def test_R14_two_sweeps_beside_uploads_take_everything_once_and_nothing_else(  # noqa: N802
    tmp_path: Path, database: str
) -> None:
    with site(tmp_path, database) as made:
        kept = made.run(*WORKER, "prepare", str(EACH)).split()
        uploading = made.python(*WORKER, "upload", str(SECONDS))
        swept = dict.fromkeys(("terminated", "expired", "orphan", "finished"), 0)
        rounds = 0
        while uploading.poll() is None or not rounds:
            sweeps = [made.sweep() for _ in range(2)]
            for process in sweeps:
                out, err = process.communicate(timeout=SWEEP_SECONDS)
                assert process.returncode == 0, (out, err[-4000:])
                for kind in swept:
                    swept[kind] += totals(out)[kind]
            rounds += 1
        out, err = uploading.communicate(timeout=SWEEP_SECONDS)
        assert uploading.returncode == 0, err[-4000:]
        uploaded = int(out)
        found = made.look()
        assert set(kept) <= set(found["finished"])
        assert len(found["finished"]) == len(kept) + uploaded
        ((status, upload_id, offset),) = found["others"]
        assert (status, offset) == (1, 5)
        assert made.partials() == [upload_id, f"{upload_id}.lock"]
        # each was removed once; a row may be counted by both that found it
        assert swept["orphan"] == EACH
        assert swept["finished"] == 5
        assert EACH <= swept["terminated"] + swept["expired"] <= 2 * EACH
        print(f"{database}: {rounds} rounds of two, beside {uploaded} uploads")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", DATABASES)
def test_R14_a_sweep_that_is_killed_leaves_what_the_next_one_mends(  # noqa: N802
    tmp_path: Path, database: str
) -> None:
    with site(tmp_path, database) as made:
        kept = made.run(*WORKER, "prepare", str(EACH)).split()
        in_the_middle = 0
        for number in range(KILLS):
            before = len(made.partials())
            process = made.sweep()
            deadline = time.monotonic() + SWEEP_SECONDS
            # once it removes: sooner or later in it
            while len(made.partials()) > before - 1 - 5 * number and process.poll() is None:
                assert time.monotonic() < deadline
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=SWEEP_SECONDS)
            in_the_middle += process.returncode == -signal.SIGKILL
        made.make_old()  # a kill between data and lock leaves a lock that was touched just now
        process = made.sweep()
        out, err = process.communicate(timeout=SWEEP_SECONDS)
        assert process.returncode == 0, (out, err[-4000:])
        assert made.look() == {"finished": kept, "others": []}
        assert made.partials() == []
        assert in_the_middle, "no kill came while a sweep ran"
        print(f"{database}: {in_the_middle} of {KILLS} kills in the middle")
