"""The adapters in a site that has their libraries' apps installed."""

import os
import re
import subprocess
import sys

from tests.support.servers import ROOT


def test_adapters_in_a_site_with_allauth_and_rest_framework() -> None:
    """In a process of its own, for apps cannot be installed later; and over SQLite, for the test
    database of this process must stay its own."""
    name = "TUSBRIDGE_TEST_DATABASE_URL"
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--ds", "tests.auth.site_settings"),
            "tests/auth/within_site.py",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key != name},
        check=False,
        timeout=150,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert re.search(r"[1-9][0-9] passed", ran.stdout)
