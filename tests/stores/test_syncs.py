"""What durability ``power`` syncs, also behind a request that was killed just before it did, and
beside another process.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.stores.contract import KEY, NAME, ONE, TWO, parts_of, strays, write, yes
from tests.stores.test_local import make_store
from tests.stores.test_spooled import OwnWay
from tests.stores.test_spooled import make_store as make_spooled
from tusbridge.errors import StoreError
from tusbridge.stores import Blob
from tusbridge.stores.local import LocalStore


class Disk:
    """Which files and folders were synced, in order, by their paths."""

    def __init__(self) -> None:
        self.synced: list[str] = []
        # killed before the next sync
        self.is_dying = False

    def sync(self, fd: int) -> None:
        if self.is_dying:
            raise KeyboardInterrupt
        self.synced.append(os.readlink(f"/proc/self/fd/{fd}"))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, disk.sync)
    return disk


@pytest.fixture
def store(tmp_path: Path, disk: Disk) -> LocalStore:
    return make_store(tmp_path)


def shard(place: Path, key: str = KEY) -> str:
    return str(place / "files.partial" / key[:2])


def test_the_entry_of_a_file_that_a_killed_request_made(
    store: LocalStore, tmp_path: Path, disk: Disk
) -> None:
    """Point 14: the file is there, so it looks as if its folder had been synced."""
    with store.writer(store.create(KEY, 10), 0, ONE, yes) as killed:
        killed.write([b"hello"])
    disk.synced.clear()
    write(store, Blob(key=KEY), 0, b"hello", token=TWO)
    assert disk.synced[-2:] == [f"{shard(tmp_path)}/{KEY}", shard(tmp_path)]


def test_later_appends_sync_the_file_alone(store: LocalStore, tmp_path: Path, disk: Disk) -> None:
    blob = write(store, store.create(KEY, 10), 0, b"hello")
    disk.synced.clear()
    write(store, blob, 5, b"world")
    assert disk.synced == [f"{shard(tmp_path)}/{KEY}"]


@pytest.mark.parametrize("first", [False, True], ids=["an-append", "bytes-at-hand"])
def test_the_entry_of_a_folder_that_another_process_has_just_made(
    store: LocalStore, tmp_path: Path, disk: Disk, first: bool
) -> None:
    """Point 14: it is there, and that process has not come to sync it."""
    os.makedirs(shard(tmp_path))
    with (
        store.first_writer(Blob(key=KEY), ONE)
        if first
        else store.writer(Blob(key=KEY), 0, ONE, yes) as writer
    ):
        writer.write([b"hello"])
        writer.sync()
    assert {shard(tmp_path), str(tmp_path / "files.partial"), str(tmp_path)} <= set(disk.synced)
    disk.synced.clear()
    write(store, Blob(key=f"{KEY[:2]}{'f' * 30}"), 0, b"hello")
    assert str(tmp_path / "files.partial") not in disk.synced, "once is enough"


def test_the_entry_of_a_finished_files_folder_that_another_process_has_just_made(
    store: LocalStore, tmp_path: Path, disk: Disk
) -> None:
    folder = tmp_path / "files" / "uploads" / "01"
    folder.mkdir(parents=True)
    store.complete(write(store, store.create(KEY, 5), 0, b"hello"), NAME, 5, ONE, yes)
    assert {str(folder), str(folder.parent), str(tmp_path / "files")} <= set(disk.synced)


def test_a_file_that_was_published_by_a_killed_request(
    store: LocalStore, tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Point 14: it was renamed, and not synced."""
    blob = write(store, store.create(KEY, 5), 0, b"hello")
    rename = os.rename

    def rename_and_die(source: str, target: str) -> None:
        rename(source, target)
        disk.is_dying = True

    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr(os, "rename", rename_and_die)
        store.complete(blob, NAME, 5, ONE, yes)
    disk.is_dying = False
    disk.synced.clear()
    store.complete(blob, NAME, 5, TWO, yes)
    target = tmp_path / "files" / NAME
    assert {str(target), str(target.parent)} <= set(disk.synced)


@pytest.mark.parametrize("left", [b"hello", b"\0\0\0\0\0"], ids=["whole", "lost-by-a-power-cut"])
def test_a_file_that_was_saved_by_a_killed_request(left: bytes, tmp_path: Path, disk: Disk) -> None:
    """Point 14: it has the right size, and was not synced, before our own bytes go."""
    storage = OwnWay(location=tmp_path / "files")
    store = make_spooled(storage, tmp_path)
    blob = write(store, store.create(KEY, 5), 0, b"hello")
    target = tmp_path / "files" / NAME
    target.parent.mkdir(parents=True)
    target.write_bytes(left)
    disk.synced.clear()
    store.complete(blob, NAME, 5, TWO, yes)
    assert target.read_bytes() == b"hello"
    assert storage.saved == (left != b"hello")
    assert {str(target), str(target.parent), str(tmp_path / "files")} <= set(disk.synced)


@pytest.mark.parametrize("kind", ["renamed", "saved"])
def test_the_removal_of_a_finished_file(kind: str, tmp_path: Path, disk: Disk) -> None:
    """Its row goes next: a power cut must not bring the file back without it."""
    saved = make_spooled(OwnWay(location=tmp_path / "files"), tmp_path)
    store: Any = make_store(tmp_path) if kind == "renamed" else saved
    blob = write(store, store.create(KEY, 5), 0, b"hello")
    store.complete(blob, NAME, 5, ONE, yes)
    disk.synced.clear()
    store.delete(blob, NAME)
    assert str((tmp_path / "files" / NAME).parent) in disk.synced
    store.delete(blob, NAME)


def test_a_claim_on_a_part(store: LocalStore, tmp_path: Path, disk: Disk) -> None:
    """Point 4: two final uploads must not both go on in the part's file after a power cut."""
    parts = parts_of(store)
    disk.synced.clear()
    assert store.concat(KEY, parts).state["in_place"]
    assert shard(tmp_path, parts[0][0].key) in disk.synced
    assert shard(tmp_path) in disk.synced


def test_process_syncs_nothing_of_all_that(tmp_path: Path, disk: Disk) -> None:
    store = make_store(tmp_path, durable=False)
    store.create(KEY, 5)
    disk.synced.clear()
    blob = store.concat(KEY, parts_of(store))
    store.complete(blob, NAME, 14, ONE, yes)
    store.complete(blob, NAME, 14, ONE, yes)
    assert disk.synced == []


def test_a_close_that_fails_frees_the_lock_too(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Point 16: network file systems report there what they could not write."""
    writer: Any = store.writer(store.create(KEY, 10), 0, ONE, yes)
    writer.write([b"hello"])
    blob = writer.sync()
    data, lock = writer._data, writer._lock
    close = os.close

    def fail(fd: int) -> None:
        close(fd)
        if fd == data:
            raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "close", fail)
        writer.close()
    for fd in (data, lock):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
    assert [record.getMessage() for record in caplog.records] == ["close-failed"]
    write(store, blob, 5, b"world", token=TWO)


def test_a_cut_that_fails_frees_the_file(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = write(store, store.create(KEY, 10), 0, b"hello-not-committed")
    before = set(os.listdir("/proc/self/fd"))

    def fail(fd: int, length: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched, store.writer(blob, 5, TWO, yes) as writer:
        patched.setattr(os, "ftruncate", fail)
        with pytest.raises(StoreError):
            writer.write([b"world"])
    assert set(os.listdir("/proc/self/fd")) == before


def test_copies_beside_finished_files_are_met_in_any_folder(tmp_path: Path) -> None:
    """What attaching leaves when it is killed."""
    store = make_spooled(OwnWay(location=tmp_path / "files"), tmp_path)
    beside = tmp_path / "files" / f"{NAME}.{ONE}.part"
    beside.parent.mkdir(parents=True)
    beside.write_bytes(b"hello")
    (found,) = strays(store)
    assert found.key == KEY
    assert store.remove_stray(found)
    assert not beside.exists()
