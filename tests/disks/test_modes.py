"""Who may read what is stored: modes, groups, access lists."""

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from tests.stores.contract import KEY, NAME, ONE, write, yes
from tests.support.serve import require
from tests.support.servers import running
from tusbridge.server.folders import make_private, make_secret_key
from tusbridge.stores.local import LocalStore


def stored(place: Path, file_mode: int | None, folder_mode: int | None) -> Path:
    """A finished file of a store with these modes."""
    storage = FileSystemStorage(
        place / "files",
        file_permissions_mode=file_mode,
        directory_permissions_mode=folder_mode,
    )
    store = LocalStore(storage, place / "files.partial", durable=True)
    blob = write(store, store.create(KEY, 5), 0, b"hello", token=ONE)
    store.complete(blob, NAME, 5, ONE, yes)
    return place / "files" / NAME


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def no_modes(settings: Any) -> None:
    settings.FILE_UPLOAD_PERMISSIONS = settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS = None


def test_without_a_mode_a_file_is_as_any_new_one_there(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    assert mode_of(stored(tmp_path, None, None)) == mode_of(tmp_path / "any")


def test_a_folder_keeps_its_parents_group(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files").chmod(0o2750)
    path = stored(tmp_path, 0o640, 0o750)
    assert mode_of(path.parent) == 0o2750
    assert mode_of(path) == 0o640


@pytest.mark.parametrize("mode", [None, 0o640])
def test_a_default_access_list_is_kept(tmp_path: Path, mode: int | None) -> None:
    require(shutil.which("setfacl"), "setfacl (acl)")
    (tmp_path / "files").mkdir()
    command = ["setfacl", "-d", "-m", "u:12345:r-x", str(tmp_path / "files")]
    require(subprocess.run(command, check=False).returncode == 0, "a disk with access lists")
    path = stored(tmp_path, mode, 0o750)
    listed = subprocess.run(["getfacl", "-n", str(path)], capture_output=True, text=True).stdout
    assert "user:12345:r-x" in listed
    assert mode is None or mode_of(path) == mode


def test_a_secret_key_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    make_secret_key(tmp_path)
    key = (tmp_path / "secret-key").read_text()
    assert len(key) > 40
    make_secret_key(tmp_path)
    assert (tmp_path / "secret-key").read_text() == key
    assert not [path for path in tmp_path.iterdir() if path.suffix not in {"", ".lock"}]


def test_the_servers_database_is_its_users_alone(tmp_path: Path) -> None:
    """Also one that an earlier version made."""
    data = tmp_path / "data"
    data.mkdir()
    for name in ("db.sqlite3", "db.sqlite3-wal"):
        (data / name).touch(0o644)
    make_private(data / "db.sqlite3")
    assert {mode_of(path) for path in data.iterdir()} == {0o600}
    (data / "db.sqlite3-wal").unlink()
    with running("serve", tmp_path):
        made = {path.name: mode_of(path) for path in data.iterdir() if path.is_file()}
    assert {"db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm", "secret-key"} <= set(made)
    assert set(made.values()) == {0o600}


def test_flags_for_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    from tusbridge.server.config import ServerConfig

    monkeypatch.setenv("TUSBRIDGE_FILE_MODE", "640")
    monkeypatch.setenv("TUSBRIDGE_FOLDER_MODE", "inherit")
    assert (ServerConfig().file_mode, ServerConfig().folder_mode) == (0o640, None)
    for wrong in ("rw", "7", "040", "999", "4755"):
        monkeypatch.setenv("TUSBRIDGE_FILE_MODE", wrong)
        with pytest.raises(ValueError, match="is not a mode"):
            ServerConfig()
