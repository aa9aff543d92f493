"""On a platform with less, as macOS, all works: with what it has."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import ROOT
from tusbridge import system

SUITE = ("tests/stores/test_local.py", "tests/attaching")
# those that have a call fail that is not there
_LINUX_ONLY = (
    *("test_a_failed_sync", "never_syncs", "copy_file_range", "cannot_copy_ranges"),
    *("that_fails_leaves_no_file", "r16_half_a_copy"),
)


def test_a_good_part_of_the_suite(tmp_path: Path) -> None:
    environ = {name: v for name, v in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.disks.bare", "-p", "no:randomly"]
    command += ["-q", "--basetemp", str(tmp_path / "bare"), *SUITE]
    command += ["-k", f"not ({' or '.join(_LINUX_ONLY)})"]
    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_a_server_takes_an_upload(tmp_path: Path) -> None:
    from tests.support.servers import running

    (tmp_path / "sitecustomize.py").write_text("import tests.disks.bare\n")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", paths)
        with running("serve", tmp_path / "server") as server:
            (tmp_path / "file").write_bytes(bytes(300_000))
            command = [sys.executable, "-m", "tusbridge", "upload", "-q"]
            command += [str(tmp_path / "file"), server.url]
            ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            assert ran.returncode == 0, ran.stderr


def test_a_sync_reaches_the_disk_where_fsync_does_not(tmp_path: Path, monkeypatch: Any) -> None:
    asked = []
    monkeypatch.setattr(system.fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(system.fcntl, "fcntl", lambda fd, command: asked.append(command))
    with (tmp_path / "file").open("wb") as file:
        system.sync_data(file.fileno())
        system.sync(file.fileno())
    assert asked == [51, 51]
