"""The local store: the contract, and the interleavings that files need fences for."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage

from tests.stores.contract import (
    KEY,
    NAME,
    ONE,
    TWO,
    ConcatContract,
    StoreContract,
    no,
    parts_of,
    write,
    yes,
)
from tusbridge.errors import BlobTruncated, BytesMissing, LeaseLost, StoreError, StoreFull
from tusbridge.stores import Blob
from tusbridge.stores.local import LocalStore, partials_dir


def make_store(place: Path, *, durable: bool = True) -> LocalStore:
    storage = FileSystemStorage(
        location=place / "files", file_permissions_mode=0o640, directory_permissions_mode=0o750
    )
    return LocalStore(storage, partials_dir(storage, None), durable=durable, lock_patience=0.1)


@pytest.fixture(params=[True, False], ids=["power", "process"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LocalStore:
    return make_store(tmp_path, durable=request.param)


@pytest.fixture
def finished(tmp_path: Path) -> Callable[[str], bytes]:
    return lambda name: (tmp_path / "files" / name).read_bytes()


@pytest.fixture
def foreign(tmp_path: Path) -> Callable[[], None]:
    def put() -> None:
        folder = tmp_path / "files.partial"
        folder.mkdir(exist_ok=True)
        (folder / "README").write_text("not ours")

    return put


def partial(place: Path) -> list[str]:
    """The files of unfinished uploads, by name."""
    return sorted(p.name for p in (place / "files.partial").rglob("*") if p.is_file())


@contextmanager
def stopped_in_mid_write(place: Path) -> Iterator[None]:
    """Somebody else holds the upload's file lock, as a process does that was stopped."""
    fd = os.open(place / "files.partial" / KEY[:2] / f"{KEY}.lock", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(fd)


class TestContract(StoreContract, ConcatContract):
    """As ``power`` and as ``process``."""


class TestConcatWithoutHardLinks(ConcatContract):
    """On a file system that knows none."""

    @pytest.fixture(autouse=True)
    def _no_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(source: str, target: str) -> None:
            raise PermissionError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(os, "link", refuse)


def test_unfinished_bytes_lie_beside_the_storage_and_not_in_it(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    write(store, store.create(KEY, 10), 0, b"hello")
    assert partial(tmp_path) == [KEY, f"{KEY}.lock"]
    assert not (tmp_path / "files").exists()


def test_R44_unfinished_files_are_for_their_owner_only(tmp_path: Path) -> None:  # noqa: N802
    store = make_store(tmp_path)
    write(store, store.create(KEY, 10), 0, b"hello")
    folder = tmp_path / "files.partial" / KEY[:2]
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_finished_file_has_the_storages_permissions_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    store = make_store(tmp_path)
    store.complete(write(store, store.create(KEY, 5), 0, b"hello"), NAME, 5, ONE, yes)
    path = tmp_path / "files" / NAME
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.parent.stat().st_mode & 0o777 == 0o750
    assert partial(tmp_path) == []


def test_r51_creating_costs_no_file(tmp_path: Path) -> None:
    make_store(tmp_path).create(KEY, 2**40)
    assert partial(tmp_path) == []


def test_interleaving_3_a_holder_robbed_before_its_first_write_gives_up(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 10), 0, b"hello")
    with store.writer(blob, 0, TWO, no) as robbed, pytest.raises(LeaseLost):
        robbed.write([b"XXXXX"])
    assert (tmp_path / "files.partial" / KEY[:2] / KEY).read_bytes() == b"hello"


def test_interleaving_4_a_stopped_holder_is_passed_by_in_a_segment(
    tmp_path: Path, finished: Callable[[str], bytes]
) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 15), 0, b"hello")
    with store.writer(blob, 5, ONE, yes) as stopped:
        stopped.write([b"..."])
        with stopped_in_mid_write(tmp_path):
            blob = write(store, blob, 5, b"brave", token=TWO)
        assert blob.state["segments"] == [[0, ""], [5, TWO]]
        # it wakes, and spoils its own tail only
        stopped.write([b"XXXXXXX"])
    blob = write(store, blob, 10, b"world", token=ONE)
    assert store.available(blob, 15) == 15
    store.complete(blob, NAME, 15, ONE, yes)
    assert finished(NAME) == b"hellobraveworld"
    assert partial(tmp_path) == []


def test_a_holder_that_cannot_get_its_lock_back_has_lost_the_lease(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    with store.writer(store.create(KEY, 10), 0, ONE, yes) as writer:
        writer.write([b"hello"])
        with stopped_in_mid_write(tmp_path), pytest.raises(LeaseLost):
            writer.write([b"world"])


def test_delete_takes_every_segment(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 15), 0, b"hello")
    with stopped_in_mid_write(tmp_path):
        blob = write(store, blob, 5, b"brave", token=TWO)
        store.delete(blob, "")
    assert partial(tmp_path) == []


def test_a_writer_that_comes_after_the_delete_leaves_no_lock_file(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 10), 0, b"hello")
    late = store.writer(blob, 5, TWO, no)
    store.delete(blob, "")
    # the file is gone, so the offset cannot hold either
    with pytest.raises((LeaseLost, StoreError)):
        late.write([b"world"])
    assert partial(tmp_path) == []


def test_a_file_shorter_than_the_offset_is_told_and_not_filled_up(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 10), 0, b"hello")
    os.truncate(tmp_path / "files.partial" / KEY[:2] / KEY, 3)
    assert store.available(blob, 5) == 3
    with store.writer(blob, 5, TWO, yes) as writer, pytest.raises(BlobTruncated) as caught:
        writer.write([b"world"])
    assert caught.value.available == 3


def test_a_missing_file_is_an_error_where_bytes_are_synced(store: LocalStore) -> None:
    """Without syncs a power cut may have taken the whole file, of those that were there before."""
    blob = write(store, store.create(KEY, 10), 0, b"hello")
    store.discard(Blob(key=KEY))
    if store.durable:
        with pytest.raises(BytesMissing):
            store.available(blob, 5)
    else:
        assert store.available(blob, 5) == 0


def test_a_folder_that_is_not_mounted_is_an_error(tmp_path: Path, store: LocalStore) -> None:
    """It looks the same as a power cut that took every file."""
    blob = write(store, store.create(KEY, 10), 0, b"hello")
    folder, away = tmp_path / "files.partial", tmp_path / "away"
    folder.rename(away)
    for present in (False, True):
        if present:
            # the mount point, on the disk below
            (folder / "00").mkdir(parents=True)
        with pytest.raises(StoreError) as caught:
            store.available(blob, 5)
        assert not isinstance(caught.value, BlobTruncated)
    shutil.rmtree(folder)
    away.rename(folder)
    assert store.available(blob, 5) == 5


def test_a_file_of_before_in_another_folder_is_an_error(tmp_path: Path) -> None:
    """Its row does not say where it was."""
    store = make_store(tmp_path, durable=False)
    store.create(KEY, 10)
    with pytest.raises(StoreError):
        store.available(Blob(key=KEY), 5)


@pytest.mark.parametrize("step", ["chmod", "rename", "unlink"])
def test_R10_completing_goes_on_after_a_crash_at_any_step(  # noqa: N802
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[[str], bytes]
) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 5), 0, b"hello")

    def crash(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, step, crash)
        with pytest.raises(KeyboardInterrupt):
            store.complete(blob, NAME, 5, ONE, yes)
    store.complete(blob, NAME, 5, TWO, yes)
    assert finished(NAME) == b"hello"
    assert partial(tmp_path) == []


def test_another_file_of_that_name_is_never_replaced(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 5), 0, b"hello")
    (tmp_path / "files" / NAME).parent.mkdir(parents=True)
    (tmp_path / "files" / NAME).write_bytes(b"somebody's")
    with pytest.raises(StoreError):
        store.complete(blob, NAME, 5, ONE, yes)
    assert (tmp_path / "files" / NAME).read_bytes() == b"somebody's"


def test_over_file_systems_the_bytes_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[[str], bytes]
) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 5), 0, b"hello")
    rename = os.rename

    def refuse_first(source: str, target: str) -> None:
        if source.endswith(KEY):
            raise OSError(errno.EXDEV, "another file system")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse_first)
    store.complete(blob, NAME, 5, ONE, yes)
    assert finished(NAME) == b"hello"
    assert partial(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EIO, StoreError)],
)
def test_R11_a_disk_that_refuses_keeps_what_fitted(  # noqa: N802
    number: int, expected: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(tmp_path)
    pwritev = os.pwritev
    calls = iter(range(100))

    def short_then_refuse(fd: int, buffers: list[bytes], offset: int) -> int:
        if next(calls) == 0:
            return pwritev(fd, [buffers[0][:3]], offset)
        raise OSError(number, "refused")

    with store.writer(store.create(KEY, 10), 0, ONE, yes) as writer:
        monkeypatch.setattr(os, "pwritev", short_then_refuse)
        with pytest.raises(expected):
            writer.write([b"hello", b"world"])
        assert writer.offset == 3
    assert (tmp_path / "files.partial" / KEY[:2] / KEY).read_bytes() == b"hel"


def test_short_writes_are_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[[str], bytes]
) -> None:
    store = make_store(tmp_path)
    pwritev = os.pwritev
    monkeypatch.setattr(
        os, "pwritev", lambda fd, buffers, offset: pwritev(fd, [bytes(buffers[0][:2])], offset)
    )
    blob = write(store, store.create(KEY, 10), 0, b"hello", b"world")
    store.complete(blob, NAME, 10, ONE, yes)
    assert finished(NAME) == b"helloworld"


def test_a_failed_sync_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path)

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "lost")

    with store.writer(store.create(KEY, 10), 0, ONE, yes) as writer:
        writer.write([b"hello"])
        monkeypatch.setattr(os, "fdatasync", fail)
        with pytest.raises(StoreError):
            writer.sync()


def test_process_durability_never_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But the folder of all unfinished bytes, once: rows name it."""
    make_store(tmp_path, durable=False).create(KEY, 5)

    def fail(fd: int) -> None:
        raise AssertionError("synced")

    monkeypatch.setattr(os, "fdatasync", fail)
    monkeypatch.setattr(os, "fsync", fail)
    store = make_store(tmp_path, durable=False)
    store.complete(write(store, store.create(KEY, 5), 0, b"hello"), NAME, 5, ONE, yes)


def test_the_first_part_becomes_the_file_and_is_never_copied(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    parts = parts_of(store)
    inode = os.stat(tmp_path / "files.partial" / "aa" / ("a" * 32)).st_ino
    first = store.concat(KEY, parts)
    second = store.concat("d" * 32, parts)
    assert store.bytes_to_copy(first, 14) == 11
    assert store.bytes_to_copy(second, 14) == 14
    store.complete(first, NAME, 14, ONE, yes)
    assert os.stat(tmp_path / "files" / NAME).st_ino == inode


@pytest.mark.parametrize("failing", ["copy_file_range", "ftruncate", "fsync", "rename"])
def test_R10_joining_goes_on_after_a_crash_at_any_step(  # noqa: N802
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[[str], bytes]
) -> None:
    store = make_store(tmp_path)
    blob = store.concat(KEY, parts_of(store))

    def crash(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, crash)
        with pytest.raises(KeyboardInterrupt):
            store.complete(blob, NAME, 14, ONE, yes)
    store.complete(blob, NAME, 14, TWO, yes)
    assert finished(NAME) == b"onetwotwothree"
    assert not [name for name in partial(tmp_path) if name.startswith(KEY)]


def test_a_part_in_several_pieces_is_joined_with_the_others(
    tmp_path: Path, finished: Callable[[str], bytes]
) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 10), 0, b"hello")
    with stopped_in_mid_write(tmp_path):
        blob = write(store, blob, 5, b"world", token=TWO)
    assert blob.state["segments"] == [[0, ""], [5, TWO]]
    final = store.concat("d" * 32, [(blob, 10), (blob, 10)])
    assert store.bytes_to_copy(final, 20) == 20
    store.complete(final, NAME, 20, ONE, yes)
    assert finished(NAME) == b"helloworldhelloworld"


def test_bytes_beyond_a_parts_length_are_not_its_own(
    tmp_path: Path, finished: Callable[[str], bytes]
) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 5), 0, b"hello-not-committed")
    store.complete(store.concat("d" * 32, [(blob, 5), (blob, 5)]), NAME, 10, ONE, yes)
    assert finished(NAME) == b"hellohello"


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, StoreFull), (errno.EIO, StoreError)]
)
def test_R11_a_disk_that_refuses_a_link_leaves_nothing(  # noqa: N802
    number: int, expected: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(tmp_path)
    parts = parts_of(store)
    link = os.link

    def refuse_second(source: str, target: str) -> None:
        if target.endswith("p1"):
            raise OSError(number, "refused")
        link(source, target)

    monkeypatch.setattr(os, "link", refuse_second)
    with pytest.raises(expected):
        store.concat(KEY, parts)
    assert not [name for name in partial(tmp_path) if name.startswith(KEY)]


def test_a_file_system_that_cannot_copy_ranges_copies_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[[str], bytes]
) -> None:
    store = make_store(tmp_path)

    def refuse(*args: object) -> int:
        raise OSError(errno.EOPNOTSUPP, "not here")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    store.complete(store.concat(KEY, parts_of(store)), NAME, 14, ONE, yes)
    assert finished(NAME) == b"onetwotwothree"


# --- what goes under our hands, and what is not to be left


@pytest.mark.parametrize("joined", [False, True], ids=["one-file", "several"])
def test_r15_completing_what_was_deleted_meanwhile_is_a_lost_lease(
    joined: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And no failure of the store: nothing of it is logged, no client is told to try again."""
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 5), 0, b"hello")
    if joined:
        blob = store.concat("d" * 32, [(blob, 5), (blob, 5)])
    store.delete(blob, "")
    with pytest.raises(LeaseLost):
        store.complete(blob, NAME, 10 if joined else 5, ONE, no)
    assert not caplog.records
    with pytest.raises(StoreError):
        store.complete(blob, NAME, 10 if joined else 5, ONE, yes)


def test_r15_a_join_that_fails_leaves_no_file(tmp_path: Path) -> None:
    """Nobody would ever look for it: it has a name of its own."""
    store = make_store(tmp_path)
    parts = parts_of(store)
    store.concat("e" * 32, parts)
    blob = store.concat(KEY, parts)
    assert not blob.state["in_place"]
    asked = iter([True, False])
    with pytest.raises(LeaseLost):
        store.complete(blob, NAME, 14, ONE, lambda: next(asked, False))
    assert not [name for name in partial(tmp_path) if name.endswith(".joined")]


def test_r11_a_copy_between_file_systems_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Least of all in the folder of finished files, and on a disk that is full."""
    store = make_store(tmp_path)
    blob = write(store, store.create(KEY, 5), 0, b"hello")

    def other_file_system(source: str, target: str) -> None:
        raise OSError(errno.EXDEV, "another file system")

    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", other_file_system)
        patched.setattr(os, "copy_file_range", full)
        with pytest.raises(StoreFull):
            store.complete(blob, NAME, 5, ONE, yes)
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []
    store.complete(blob, NAME, 5, ONE, yes)


def test_r16_a_part_that_is_gone_is_missing_and_leaves_no_links(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = make_store(tmp_path)
    parts = parts_of(store)
    store.delete(parts[-1][0], "")
    with pytest.raises(StoreError):
        store.concat(KEY, parts)
    assert not [name for name in partial(tmp_path) if name.startswith(KEY)]
    assert not caplog.records


def test_r16_a_part_that_comes_a_thousand_times_is_linked_once(
    tmp_path: Path, finished: Callable[[str], bytes]
) -> None:
    store = make_store(tmp_path)
    blob = write(store, store.create("a" * 32, 2), 0, b"ab")
    other = write(store, store.create("b" * 32, 1), 0, b"c")
    final = store.concat(KEY, [(blob, 2), (other, 1), *[(blob, 2)] * 998])
    links = [name for name in partial(tmp_path) if name.startswith(KEY)]
    assert [name[-3:] for name in links] == [".p0", ".p1"]
    assert store.available(final, 1999) == 1999
    store.complete(final, NAME, 1999, ONE, yes)
    assert finished(NAME) == b"abc" + b"ab" * 998
    assert not [name for name in partial(tmp_path) if name.startswith(KEY)]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EMLINK])
def test_r16_half_a_copy_of_a_part_is_never_taken_for_the_part(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[[str], bytes]
) -> None:
    """Where there are no hard links, or no more of them: a crash in mid-copy, then the next try."""
    store = make_store(tmp_path)
    parts = parts_of(store)

    def refuse(source: str, target: str) -> None:
        if os.path.exists(target):
            raise FileExistsError(errno.EEXIST, "there is one")
        raise OSError(number, "no link")

    def crash_half_way(fd: int, out: int, count: int) -> int:
        os.write(out, b"?")
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", refuse)
    with monkeypatch.context() as patched:
        patched.setattr(os, "copy_file_range", crash_half_way)
        patched.setattr(
            os, "unlink", lambda path: None
        )  # a process that is killed clears nothing up
        with pytest.raises(KeyboardInterrupt):
            store.concat(KEY, parts)
    store.complete(store.concat(KEY, parts), NAME, 14, ONE, yes)
    assert finished(NAME) == b"onetwotwothree"


def test_R16_a_part_that_is_deleted_meanwhile_is_claimed_by_nobody(  # noqa: N802
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[[str], bytes]
) -> None:
    """Two final uploads have links to its file, and neither may go on in it as if it were alone."""
    store = make_store(tmp_path)
    parts = parts_of(store)
    first = store.concat(KEY, parts)
    assert first.state["in_place"]
    claim = LocalStore._claim

    def delete_first(self: LocalStore, given: list[tuple[Blob, int]]) -> bool:
        for part, _ in given:
            self.delete(part, "")
        return claim(self, given)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "_claim", delete_first)
        second = store.concat("d" * 32, parts[:2])
    assert not second.state["in_place"]
    other = f"uploads/dd/{'d' * 32}"
    store.complete(second, other, 9, ONE, yes)
    store.complete(first, NAME, 14, ONE, yes)
    assert finished(NAME) == b"onetwotwothree"
    assert finished(other) == b"onetwotwo"
    store.delete(parts[2][0], "")
    assert partial(tmp_path) == []
