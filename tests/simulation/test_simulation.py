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


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command's output and exit code."""
    environment = {k: v for k, v in os.environ.items() if k != "TUSBRIDGE_TEST_DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )


@pytest.mark.parametrize("seed", [1, int(time.time())], ids=["fixed", "fresh"])
def test_no_run_fails(seed: int) -> None:
    ran = simulate("--seed", str(seed), "--runs", "1000", "--seconds", str(SECONDS))
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
