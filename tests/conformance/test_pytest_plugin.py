"""The pytest plug-in, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.faults.heads import HeadIs204
from tests.conformance.http_server import serving

ROOT = Path(__file__).resolve().parents[2]
KEPT = "row-007-versions-as-comma-list"
BROKEN_ADVICE = "row-017-head-is-200"
PASSED, FAILED, WRONG_USE, NOTHING = 0, 1, 4, 5


def _pytest(place: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-p", "conformance.pytest_plugin", "-p", "no:django"]
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-rA", *words],
        capture_output=True,
        text=True,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_each_check_is_a_test(tmp_path: Path) -> None:
    class Bare(HeadIs204):
        extensions = ("creation", "termination")

    only = [KEPT, BROKEN_ADVICE, "row-089", "row-092"]
    with serving(Bare().answer) as address:
        words = [f"--tus-url={address}/files/", "--tus-header", "Authorization: one"]
        words += [f"--tus-only={name}" for name in only]
        status, out = _pytest(tmp_path, *words)
        strict, strict_out = _pytest(tmp_path, *words, "--tus-strict")
        picked, picked_out = _pytest(tmp_path, *words, "-m", "tus", "-k", "row-007")
    assert status == PASSED
    assert f"PASSED tus::{KEPT}" in out
    assert f"XFAIL tus::{BROKEN_ADVICE} - D: expected " in out
    assert "the server does not announce checksum" in out
    assert strict == FAILED
    assert f"FAIL {BROKEN_ADVICE}\n    rule    HEAD of an upload" in strict_out
    assert picked == PASSED
    assert "1 passed, " in picked_out


def test_nothing_happens_without_the_url(tmp_path: Path) -> None:
    assert _pytest(tmp_path)[0] == NOTHING
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    status, out = _pytest(tmp_path)
    assert status == PASSED
    assert "1 passed" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--tus-url=http://127.0.0.1:9/"], "ERROR: Nothing listens at 127.0.0.1:9."),
        (["--tus-url=files"], "'files' is no http:// or https:// URL"),
        (["--tus-url=http://127.0.0.1:9/", "--tus-only=nope"], "no check begins with nope"),
        (["--tus-url=http://127.0.0.1:9/", "--tus-header=x"], "'x' is not 'Name: value'"),
    ],
)
def test_a_server_that_cannot_be_checked(tmp_path: Path, words: list[str], sentence: str) -> None:
    status, out = _pytest(tmp_path, *words)
    assert status == WRONG_USE
    assert sentence in out
