"""The import's cases on each database; many rows; and imports that are killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.legacy.importing.worker import KINDS
from tests.support.databases import fresh_database
from tests.support.servers import ROOT

HERE = "tests/legacy/importing"
SETTINGS = "tests.legacy.importing.settings"
ROWS = int(os.environ.get("TUSBRIDGE_IMPORT_ROWS", "10000"))
FEW_ROWS = 600
KILLS = int(os.environ.get("TUSBRIDGE_KILLS", "6"))
# Above what a loaded machine takes.
RUN_SECONDS = 600.0
# MiB that ten thousand rows may take more than some hundred do.
MORE_MIB = 24
DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.service),
    pytest.param("mariadb", marks=pytest.mark.service),
]
pytestmark = [pytest.mark.timeout(RUN_SECONDS)]


@dataclass
class Ran:
    status: int
    out: str
    err: str
    seconds: float
    mib: float

    @property
    def table(self) -> dict[str, str]:
        pairs = re.findall(r"^([a-z, ]+): +(.+)$", self.out, re.MULTILINE)
        return {name: words for name, words in pairs if words != "0"}


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
        out, err = process.communicate(timeout=RUN_SECONDS)
        assert process.returncode == 0, err[-4000:]
        return out

    def work(self, *words: str) -> str:
        return self.run("-m", "tests.legacy.importing.worker", *words)

    def look(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(self.work("look"))
        return found

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        return self.python("-m", "django", "tusbridge_import_chunked", *words)

    def import_all(self, *words: str) -> Ran:
        """Run it to its end; with its time and peak of memory."""
        before = time.monotonic()
        with (self.place / "out").open("w+") as out, (self.place / "err").open("w+") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "django", "tusbridge_import_chunked", *words],
                env=self.environ,
                cwd=ROOT,
                stdout=out,
                stderr=err,
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            seconds = time.monotonic() - before
            return Ran(process.returncode, out.read(), err.read(), seconds, usage.ru_maxrss / 1024)


@contextmanager
def site(place: Path, database: str) -> Iterator[Site]:
    with fresh_database(database) as url:
        environ = os.environ | {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "IMPORT_PLACE": str(place),
            "TUSBRIDGE_TEST_DATABASE_URL": url,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }
        made = Site(place, environ)
        made.run("-m", "django", "migrate", "-v0")
        # what has no migrations refers to tables of what has
        made.run("-m", "django", "migrate", "-v0", "--run-syncdb")
        yield made


def expected(rows: int) -> dict[str, str]:
    """The table of a first import of so many rows."""
    count: dict[str, int] = {kind: share * rows // 100 for kind, share in KINDS.items()}
    begun = count["in flight"] + count["lowered"]
    return {
        "imported, complete": str(rows - sum(count.values())),
        "imported, in flight": f"{begun} ({count['lowered']} with fewer bytes than the row says)",
        "expired, left out": str(count["expired"]),
        "file missing": str(count["missing"]),
        "file shorter than the row says": str(count["short"]),
        "foreign row": str(count["foreign"]),
        "user unknown": str(count["no user"]),
    }


def imported(rows: int) -> dict[str, int]:
    """What is there afterwards."""
    begun = {kind: KINDS[kind] * rows // 100 for kind in ("in flight", "lowered")}
    return begun | {"complete": rows - sum(KINDS.values()) * rows // 100}


@pytest.mark.parametrize("database", DATABASES)
def test_the_cases(tmp_path: Path, database: str) -> None:
    with fresh_database(database) as url:
        environ = os.environ | {
            "IMPORT_PLACE": str(tmp_path),
            "TUSBRIDGE_TEST_DATABASE_URL": url,
            "PYTHONPATH": str(ROOT),
        }
        environ.pop("DJANGO_SETTINGS_MODULE", None)
        command = [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "--nomigrations"]
        command += ["--ds", SETTINGS, "--confcutdir", f"{HERE}/cases", "-p", "no:cacheprovider"]
        ran = subprocess.run(
            [*command, f"{HERE}/cases"],
            env=environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )
    if ran.returncode:
        pytest.fail(f"{database}:\n{ran.stdout}{ran.stderr}", pytrace=False)
    print(f"{database}: {ran.stdout.splitlines()[-1]}")


@pytest.mark.slow
@pytest.mark.parametrize("database", DATABASES)
def test_many_rows_in_time_and_memory_and_again(tmp_path: Path, database: str) -> None:
    few = tmp_path / "few"
    few.mkdir()
    with site(few, database) as made:
        made.work("prepare", str(FEW_ROWS))
        small = made.import_all()
        assert (small.status, small.table) == (1, expected(FEW_ROWS))
    with site(tmp_path, database) as made:
        made.work("prepare", str(ROWS))
        dry = made.import_all("--dry-run")
        assert (dry.status, dry.table) == (1, expected(ROWS))
        assert made.look() == {}
        ran = made.import_all("--report", str(tmp_path / "problems.csv"))
        assert (ran.status, ran.table) == (1, expected(ROWS))
        problems = (tmp_path / "problems.csv").read_text().splitlines()
        assert len(problems) - 1 == 12 * ROWS // 100
        again = made.import_all()
        left_out = {key: ran.table[key] for key in ran.table if not key.startswith("imported")}
        assert again.table == {**left_out, "already here": str(sum(imported(ROWS).values()))}
        assert made.look() == imported(ROWS)
        assert ran.mib < small.mib + MORE_MIB
        print(
            f"{database}: {ROWS} rows in {ran.seconds:.1f} s, {ran.mib:.0f} MiB "
            f"({FEW_ROWS} rows: {small.seconds:.1f} s, {small.mib:.0f} MiB); "
            f"dry {dry.seconds:.1f} s, again {again.seconds:.1f} s"
        )


def kill_after(process: "subprocess.Popen[str]", rows: int) -> bool:
    """Kill it as soon as it says that so many rows were looked at; whether it still ran."""
    assert process.stdout is not None
    for line in process.stdout:
        match = re.match(r"([0-9]+) rows: ", line)
        if match and int(match[1]) >= rows:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=RUN_SECONDS)
    return process.returncode == -signal.SIGKILL


def stop_again_and_again(made: Site, rows: int, *words: str) -> int:
    """Killed a bit later each time; what is there by then is whole. How often it was running."""
    in_the_middle = 0
    for number in range(KILLS):
        process = made.begin("-v", "2", "--batch", "20", *words)
        in_the_middle += kill_after(process, rows * (number + 1) // (KILLS + 1))
        before = made.look()
        assert before or not number
    return in_the_middle


@pytest.mark.parametrize("database", DATABASES)
def test_an_import_that_is_killed_goes_on_when_it_is_run_again(
    tmp_path: Path, database: str
) -> None:
    rows = 1000
    with site(tmp_path, database) as made:
        made.work("prepare", str(rows))
        assert stop_again_and_again(made, rows)
        ran = made.import_all()
        assert ran.status == 1
        assert int(ran.table["already here"]) > 0
        assert made.look() == imported(rows)


@pytest.mark.parametrize("database", DATABASES)
def test_a_copying_import_that_is_killed_goes_on_when_it_is_run_again(
    tmp_path: Path, database: str
) -> None:
    rows = 200
    words = ("--model", "tables.ElsewhereUpload")
    with site(tmp_path, database) as made:
        made.work("elsewhere", str(rows))
        in_the_middle = stop_again_and_again(made, rows, *words)
        ran = made.import_all(*words)
        assert (ran.status, ran.err) == (0, "")
        assert made.look() == {"complete": 150, "in flight": 50}
        files = [path for path in (tmp_path / "media").rglob("*") if path.is_file()]
        assert len(files) == 150
        unfinished = {path.name.partition(".")[0] for path in data_files(tmp_path)}
        assert len(unfinished) == 50
        print(f"{database}: {in_the_middle} of {KILLS} kills in the middle")


def data_files(place: Path) -> list[Path]:
    return [path for path in (place / "media.partial").rglob("*") if path.is_file()]


@pytest.mark.parametrize("database", DATABASES)
def test_of_two_imports_at_once_one_is_refused(tmp_path: Path, database: str) -> None:
    words = ("--model", "tables.ElsewhereUpload")
    with site(tmp_path, database) as made:
        made.work("elsewhere", "800")
        first = made.begin("-v", "2", "--batch", "1", *words)
        assert first.stdout is not None
        assert first.stdout.readline() == "1 rows: 1 imported, complete\n"
        second = made.import_all(*words)
        still_runs = first.poll() is None
        first.communicate(timeout=RUN_SECONDS)
        assert still_runs
        assert second.status == 1
        assert second.err == "CommandError: another import is running; wait for its end\n"
        assert made.look() == {"complete": 600, "in flight": 200}
        assert made.import_all(*words).table == {"already here": "800"}
