"""The Python contract of django-chunked-upload, asked of the original and of ours in its place.

The tests are in ``contract/``, written against the names of ``chunked_upload`` alone. Each side
runs in a process of its own, with its own interpreter where the original is asked.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.legacy.original import original_python
from tests.support.databases import fresh_database

ROOT = Path(__file__).parents[2]
CONTRACT = "tests/legacy/contract"
RUN_SECONDS = 900
# the original leaves files open (section 7, 22)
LENIENT = ("-W", "ignore::ResourceWarning", "-W", "ignore::pytest.PytestUnraisableExceptionWarning")


def run(python: Path | str, which: str, database: str, place: Path, *options: str) -> None:
    """The contract's tests; fails with what they print."""
    env = {**os.environ, "CHUNKED_UPLOAD_UNDER_TEST": which, "CHUNKED_UPLOAD_PLACE": str(place)}
    env.update(TUSBRIDGE_TEST_DATABASE_URL=database, PYTHONPATH=str(ROOT))
    env.pop("DJANGO_SETTINGS_MODULE", None)
    command = [str(python), "-m", "pytest", "-q", "-c", "pyproject.toml", "--nomigrations"]
    command += ["--ds", f"{CONTRACT}/settings".replace("/", "."), "--confcutdir", CONTRACT]
    command += ["-p", "no:cacheprovider", *options, CONTRACT]
    ran = subprocess.run(
        command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS
    )
    if ran.returncode:
        pytest.fail(f"{which} on {database or 'SQLite'}:\n{ran.stdout}{ran.stderr}", pytrace=False)


@pytest.mark.original
@pytest.mark.timeout(RUN_SECONDS)
def test_python_contract_of_the_original(tmp_path: Path) -> None:
    run(original_python(), "original", "", tmp_path, *LENIENT)


@pytest.mark.timeout(RUN_SECONDS)
@pytest.mark.parametrize(
    "kind",
    [
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.service),
        pytest.param("mariadb", marks=pytest.mark.service),
    ],
)
def test_python_contract_of_ours(tmp_path: Path, kind: str) -> None:
    with fresh_database(kind) as database:
        run(sys.executable, "dropin", database, tmp_path)
