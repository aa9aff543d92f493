"""What a disk can do is found out at the start, and by the checks."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ports import free_port
from tests.checks.support import findings, ids
from tests.disks.shim import lacking
from tests.support.servers import ROOT
from tusbridge import system
from tusbridge.disks import probe
from tusbridge.files import lock_file


def failing(code: int) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_disk_that_has_all(tmp_path: Path) -> None:
    disk = probe(str(tmp_path))
    assert disk.lacks == {}
    assert disk.refusal(durable=True) is None
    assert disk.warnings(durable=True) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("call", "code", "lacks"),
    [
        ("link", errno.EPERM, "links"),
        ("chmod", errno.EPERM, "modes"),
    ],
)
def test_what_uploads_do_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: str, code: int, lacks: str
) -> None:
    monkeypatch.setattr(os, call, failing(code))
    disk = probe(str(tmp_path))
    assert list(disk.lacks) == [lacks]
    assert disk.refusal(durable=True) is None
    assert len(disk.warnings(durable=True)) == 1


def test_modes_that_are_taken_and_not_kept(monkeypatch: Any, tmp_path: Path) -> None:
    """So does exFAT under FUSE."""
    monkeypatch.setattr(os, "chmod", lambda *_: None)
    assert list(probe(str(tmp_path)).lacks) == ["modes"]


def test_folders_that_cannot_be_synced(monkeypatch: Any, tmp_path: Path) -> None:
    fsync = os.fsync

    def files_only(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", files_only)
    disk = probe(str(tmp_path))
    assert "power cut" in disk.warnings(durable=True)[0]
    assert disk.warnings(durable=False) == []
    assert disk.refusal(durable=True) is None


@pytest.mark.parametrize("flock", [failing(errno.ENOLCK), failing(errno.ENOSYS), lambda *_: None])
def test_no_locks_or_locks_that_hold_nobody_off(
    monkeypatch: Any, tmp_path: Path, flock: Any
) -> None:
    monkeypatch.setattr(fcntl, "flock", flock)
    assert "no file locks" in str(probe(str(tmp_path)).refusal(durable=False))
    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_synced(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "fdatasync", failing(errno.EINVAL))
    disk = probe(str(tmp_path))
    assert "power cut" in str(disk.refusal(durable=True))
    assert disk.refusal(durable=False) is None


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ESTALE])
def test_nothing_can_be_made(monkeypatch: Any, tmp_path: Path, code: int) -> None:
    monkeypatch.setattr(os, "mkdir", failing(code))
    assert os.strerror(code) in str(probe(str(tmp_path)).refusal(durable=False))


def test_short_names_only(monkeypatch: Any, tmp_path: Path) -> None:
    """eCryptfs takes 143 bytes, which is enough; fewer than 105 are not."""
    opened = os.open

    def short(path: Any, *args: Any, **kwargs: Any) -> int:
        if len(os.path.basename(path)) > limit:
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", short)
    limit = 143
    assert probe(str(tmp_path)).refusal(durable=True) is None
    limit = 100
    assert "names" in str(probe(str(tmp_path)).refusal(durable=True))


def test_a_removed_lock_file_that_keeps_a_link_locks_nobody_out(
    monkeypatch: Any, tmp_path: Path
) -> None:
    """NFS and FUSE give an open file another name when it is removed."""
    path = tmp_path / "lock"
    flock = fcntl.flock
    removed = []

    def remove_first(fd: int, operation: int) -> None:
        if not removed:
            removed.append(path.rename(tmp_path / ".nfs0001"))
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    fd = lock_file(str(path), 1.0)
    assert fd is not None
    assert os.fstat(fd).st_ino == path.stat().st_ino
    os.close(fd)


def test_check_deploy_says_so(monkeypatch: Any, media: Path) -> None:
    partial = media.with_name("media.partial")
    partial.mkdir(exist_ok=True)
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    assert "W050" in ids(deploy=True)
    assert "W050" not in ids()
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    assert "E051" in ids(deploy=True)
    assert list(partial.iterdir()) == []


def test_a_system_without_locks(monkeypatch: Any) -> None:
    monkeypatch.setattr(system, "fcntl", None)
    assert "E050" in ids()
    assert any("Windows" in found.msg for found in findings())


@pytest.mark.parametrize("module", ["tusbridge.front", "legacy.alone", "tusbridge.server.upload"])
def test_nothing_needs_fcntl_to_be_imported(module: str) -> None:
    code = (
        "import sys; sys.modules['fcntl'] = sys.modules['resource'] = None\n"
        "import django; django.setup()\n"
        f"import {module}"
    )
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environ
    )
    assert ran.returncode == 0, ran.stderr


def start(place: Path, environ: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    """A start that is refused."""
    command = [sys.executable, "-m", "tusbridge", "serve", "--port", str(free_port())]
    command += ["--data-dir", str(place / "data"), *flags]
    kept = {name: value for name, value in os.environ.items() if "DJANGO_SETTINGS" not in name}
    ran = subprocess.run(
        command, env=kept | environ, capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    return ran


def test_serve_refuses_a_disk_without_locks(tmp_path: Path) -> None:
    ran = start(tmp_path, lacking("locks", tmp_path))
    assert "no file locks" in ran.stderr
    assert "--files-dir" in ran.stderr


def test_serve_refuses_a_system_without_locks(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['fcntl'] = None\n")
    ran = start(tmp_path, {"PYTHONPATH": str(tmp_path)})
    assert "Windows" in ran.stderr
