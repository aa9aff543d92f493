"""The short form of ``make simulate``: some runs with fixed seeds, and some with fresh ones.

It runs in processes of its own, for a simulation replaces the system's calls.
"""

import os
import subprocess
import sys
import time

import pytest

# Seconds for each of both.
SECONDS = 8
# Runs within which a planted fault must be found: three times those that it took.
PLANTED_RUNS = 400


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command's output and exit code."""
    return python("-m", "tests.simulation", *arguments)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Of a process of its own."""
    left_out = {"TUSBRIDGE_TEST_DATABASE_URL", "DJANGO_SETTINGS_MODULE"}
    environment = {k: v for k, v in os.environ.items() if k not in left_out}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**environment, "PYTHONHASHSEED": "0"},
    )


@pytest.mark.parametrize("seed", [1, int(time.time())], ids=["fixed", "fresh"])
def test_no_run_fails(seed: int) -> None:
    ran = simulate("--seed", str(seed), "--runs", "1000", "--seconds", str(SECONDS))
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]


@pytest.mark.parametrize("plant", ["no-sync", "late-bytes"])
def test_a_planted_fault_is_found(plant: str) -> None:
    ran = python("-m", "tests.simulation.planted", plant, str(PLANTED_RUNS))
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]


def test_a_run_is_told_the_same_twice() -> None:
    first, again = (simulate("--seed", "12", "--runs", "2", "--story").stdout for _ in range(2))
    assert first.count("\n") > 20
    assert first == again
