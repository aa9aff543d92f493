"""R4, R7, R8: writers that are stopped and killed at random spoil no acknowledged byte."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import fresh_database
from tests.support.servers import ROOT

SECONDS = float(os.environ.get("TUSBRIDGE_TORTURE_SECONDS", "12"))
RUNS = int(os.environ.get("TUSBRIDGE_TORTURE_RUNS", "1"))
# What a run takes besides: migrations, the last appends, reading it all again.
BESIDES_SECONDS = 120.0


@pytest.mark.timeout(SECONDS + BESIDES_SECONDS + 10)
@pytest.mark.parametrize("run", range(RUNS))
@pytest.mark.parametrize(
    "database",
    [
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.service),
        pytest.param("mariadb", marks=pytest.mark.service),
    ],
)
def test_r8_acknowledged_blocks_hold_their_writers_token(
    tmp_path: Path, database: str, run: int
) -> None:
    """Every block that was acknowledged is the acknowledging writer's, and no two claim the same.

    Interleavings 1 to 4, 13 and 14 of storage-and-leases.md, section 5, as chance has it.
    """
    with fresh_database(database) as url:
        environ = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.site.settings",
            "SITE_PLACE": str(tmp_path),
            "SITE_DATABASE_URL": url,
            "SITE_TUSBRIDGE": json.dumps({"LEASE_TTL": 0.4}),
            "SITE_DATABASE_OPTIONS": "{}",
        }
        command = [sys.executable, "-m", "tests.faults.torture", str(tmp_path), str(SECONDS)]
        ran = subprocess.run(
            command,
            env=environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS + BESIDES_SECONDS,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr[-4000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    print(database, found)
    assert found["spoilt"] == 0
    assert found["overlaps"] == 0
    assert found["missing"] == 0
    assert found["offset"] >= found["acknowledged_to"]
    assert found["misplaced"] == 0
    assert found["joined"], "the finished file differs from the segments"
    assert found["ranges"] >= 10, "too little was written to tell anything"
    assert found["kills"] > SECONDS
    assert "Traceback" not in ran.stderr, ran.stderr[-4000:]
