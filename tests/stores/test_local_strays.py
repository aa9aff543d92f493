"""What the local store finds in its folders, what it takes for its own, and what it lets be."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stores.contract import KEY, NAME, ONE, OTHER, TWO, strays, write
from tests.stores.test_local import make_store, stopped_in_mid_write
from tusbridge.errors import StoreError, UploadNotFound
from tusbridge.stores import Stray
from tusbridge.stores.local import LocalStore

HOUR = 3600


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return make_store(tmp_path)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """The folder of KEY's unfinished bytes."""
    folder = tmp_path / "files.partial" / KEY[:2]
    folder.mkdir(parents=True)
    return folder


def put(path: Path, content: bytes = b"hello", *, age: float = 2 * HOUR) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def names(found: list[Stray]) -> list[str]:
    return [Path(stray.name).name for stray in found]


@pytest.mark.parametrize(
    "name",
    [
        *(KEY, f"{KEY}.{ONE}", f"{KEY}.lock", f"{KEY}.{ONE}.lock", f"{KEY}.{ONE}.joined"),
        # what killed tries leave: a copy of a part for want of links, a file that is fetched, or
        # copied from another file system
        *(f"{KEY}.p0.{ONE}", f"{KEY}.{ONE}.part", f"{KEY}.{ONE}.{ONE}.joined", f"{KEY}.claim"),
        *(f"{KEY}.claim", f"{KEY}.{ONE}.claim"),
    ],
)
def test_its_own_names_are_found_and_removed(name: str, shard: Path, store: LocalStore) -> None:
    put(shard / name)
    (found,) = strays(store, HOUR)
    assert (found.key, names([found]), found.size) == (KEY, [name], 5)
    assert store.remove_stray(found)
    assert list(shard.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        KEY.upper(),
        KEY[:-1],
        f"{KEY}0",
        f"{KEY}.",
        f"{KEY}.joined",
        f"{KEY}.{ONE[:-1]}",
        f"{KEY}.{ONE}.p0.{ONE}",
        f"{KEY}.{ONE}.lock.lock",
        f"{KEY}.lock.{ONE}",
        f"{KEY}.p",
        f"{KEY}.q0",
        f"{KEY}\n",
        f".{KEY}",
        f"{KEY}.bak",
        OTHER,
        "\udcff",
    ],
)
def test_names_that_are_nearly_its_own_are_foreign_and_stay(
    name: str, shard: Path, store: LocalStore
) -> None:
    path = put(shard / name)
    (found,) = strays(store, HOUR)
    assert found.key is None
    assert path.exists()


def test_files_beside_the_shards_are_foreign(shard: Path, store: LocalStore) -> None:
    put(shard.parent / KEY)
    put(shard.parent / "abc" / KEY)
    (shard.parent / "AB").mkdir()
    assert [stray.key for stray in strays(store, HOUR)] == [None] * 3


def test_a_folder_and_a_link_of_its_own_name_are_foreign(
    tmp_path: Path, shard: Path, store: LocalStore
) -> None:
    outside = put(tmp_path / "outside" / KEY)
    (shard / KEY).symlink_to(outside)
    (shard / f"{KEY}.{ONE}").mkdir()
    (shard.parent / OTHER[:2]).symlink_to(tmp_path / "outside")
    assert [stray.key for stray in strays(store, HOUR)] == [None] * 3
    assert outside.read_bytes() == b"hello"


@pytest.mark.parametrize("beside", [".p0", ".p12", ".p0.lock", ".p0.claim"])
def test_a_link_to_a_parts_file_is_as_young_as_itself(
    beside: str, shard: Path, store: LocalStore
) -> None:
    """It is made before the final upload's row, of a part that may be old, and may be its last
    name by then."""
    path = put(shard / f"{KEY}{beside}")
    assert strays(store, HOUR) == []
    (found,) = strays(store)
    assert found.key == KEY
    assert store.remove_stray(found)
    assert not path.exists()


def test_what_lies_beside_data_goes_with_it(shard: Path, store: LocalStore) -> None:
    for suffix in ("", ".lock", ".claim"):
        put(shard / f"{KEY}{suffix}")
    (found,) = strays(store, HOUR)
    assert names([found]) == [KEY]
    assert store.remove_stray(found)
    assert list(shard.iterdir()) == []


def test_a_lock_goes_with_its_data_and_not_alone(shard: Path, store: LocalStore) -> None:
    put(shard / f"{KEY}.lock")
    put(shard / KEY, age=0)
    assert strays(store, HOUR) == []
    put(shard / KEY)
    (found,) = strays(store, HOUR)
    assert names([found]) == [KEY]
    assert store.remove_stray(found)
    assert list(shard.iterdir()) == []


def test_a_lock_whose_data_appears_in_the_meantime_stays(shard: Path, store: LocalStore) -> None:
    put(shard / f"{KEY}.lock")
    (found,) = strays(store, HOUR)
    put(shard / KEY)
    assert not store.remove_stray(found)
    assert sorted(path.name for path in shard.iterdir()) == [KEY, f"{KEY}.lock"]


def test_bytes_whose_lock_somebody_holds_stay(
    tmp_path: Path, shard: Path, store: LocalStore
) -> None:
    put(shard / f"{KEY}.lock")
    put(shard / KEY)
    (found,) = strays(store, HOUR)
    with stopped_in_mid_write(tmp_path), pytest.raises(StoreError):
        store.remove_stray(found)
    assert (shard / KEY).read_bytes() == b"hello"
    assert store.remove_stray(found)


def test_the_lock_is_held_while_data_is_removed(
    shard: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shard / KEY)
    (found,) = strays(store, HOUR)
    unlink = os.unlink
    seen = []

    def look(path: str) -> None:
        with Path(shard / f"{KEY}.lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                seen.append(Path(path).name)
        unlink(path)

    monkeypatch.setattr(os, "unlink", look)
    assert store.remove_stray(found)
    assert seen == [KEY, f"{KEY}.claim", f"{KEY}.lock"]


def test_bytes_that_change_while_the_lock_is_waited_for_stay(
    shard: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shard / KEY)
    (found,) = strays(store, HOUR)
    flock = fcntl.flock

    def write_first(fd: int, operation: int) -> None:
        put(shard / KEY, b"hello!", age=0)
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", write_first)
    assert not store.remove_stray(found)
    assert (shard / KEY).read_bytes() == b"hello!"


def test_whoever_comes_second_leaves_no_lock_behind(
    shard: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shard / KEY)
    (found,) = strays(store, HOUR)
    flock = fcntl.flock

    def overtaken(fd: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        assert store.remove_stray(found)
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    assert not store.remove_stray(found)
    assert list(shard.iterdir()) == []


class TestCopiesBesideFinishedFiles:
    """A copy is begun where a rename is not possible, and a crash may leave it."""

    @pytest.mark.parametrize(
        "finished",
        [
            NAME,
            f"a/b/name_{KEY}.bin",
            f"{KEY}.tar.gz",
            # names of tries that could not have the first one
            f"{KEY}.{ONE}",
            f"a/b/name_{KEY}.{ONE}.bin",
        ],
    )
    def test_they_are_found_wherever_the_storage_has_them(
        self, finished: str, tmp_path: Path, store: LocalStore
    ) -> None:
        copy = put(tmp_path / "files" / f"{finished}.{TWO}.part")
        (found,) = strays(store, HOUR)
        assert (found.key, found.size) == (KEY, 5)
        assert store.remove_stray(found)
        assert not copy.exists()

    @pytest.mark.parametrize(
        "name",
        [
            NAME,
            f"uploads/{KEY}.part",
            f"uploads/{KEY}.{TWO}.parts",
            f"uploads/name.{TWO}.part",
            f"uploads/{KEY}_{OTHER}.{TWO}.part",
            f"uploads/0{KEY}.{TWO}.part",
        ],
    )
    def test_everything_else_in_the_storage_is_the_sites(
        self, name: str, tmp_path: Path, store: LocalStore
    ) -> None:
        path = put(tmp_path / "files" / name)
        assert strays(store, HOUR) == []
        assert path.exists()

    def test_young_ones_are_let_be(self, tmp_path: Path, store: LocalStore) -> None:
        put(tmp_path / "files" / f"{NAME}.{TWO}.part", age=HOUR / 2)
        assert strays(store, HOUR) == []

    def test_a_hard_link_is_as_young_as_itself_and_frees_nothing(
        self, tmp_path: Path, store: LocalStore
    ) -> None:
        file = put(tmp_path / "files" / NAME)
        link = file.with_name(f"{file.name}.{TWO}.part")
        link.hardlink_to(file)
        assert strays(store, HOUR) == []
        (found,) = strays(store)
        assert found.size == 0
        assert store.remove_stray(found)
        assert file.read_bytes() == b"hello"

    def test_links_are_not_followed(self, tmp_path: Path, store: LocalStore) -> None:
        put(tmp_path / "outside" / f"{KEY}.{TWO}.part")
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / "link").symlink_to(tmp_path / "outside")
        assert strays(store, HOUR) == []


def test_what_goes_while_it_walks_is_passed_over(shard: Path, store: LocalStore) -> None:
    for number in range(3):
        put(shard / f"{KEY}.{number:032x}")
    walk = store.strays(HOUR)
    next(walk)
    for path in shard.iterdir():
        path.unlink()
    assert list(walk) == []


def test_R53_a_walk_reads_names_as_they_are_asked_for(  # noqa: N802
    shard: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        put(shard / f"{KEY}.{number:032x}")
    scandir = os.scandir
    read = []

    @contextmanager
    def counting(path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(path) as entries:
            yield (read.append(entry.name) or entry for entry in entries)

    monkeypatch.setattr(os, "scandir", counting)
    walk = store.strays(HOUR)
    for count in range(1, 4):
        next(walk)
        assert len(read) == 1 + count  # the shard, and what was given
    assert len(list(walk)) == 47


def test_no_folders_yet_are_nothing_to_find(store: LocalStore) -> None:
    assert strays(store) == []


def test_a_folder_that_cannot_be_read_is_told(
    shard: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "refused", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StoreError):
        strays(store)


def test_a_folder_of_the_sites_that_cannot_be_read_is_passed_over(
    tmp_path: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "files" / f"{NAME}.{TWO}.part")
    put(tmp_path / "files" / "private" / "file")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("private"):
            raise PermissionError(13, "refused", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert len(strays(store, HOUR)) == 1


@pytest.mark.parametrize("is_there", [True, False], ids=["empty", "gone"])
def test_a_storage_that_is_not_mounted_is_no_missing_file(
    is_there: bool, tmp_path: Path, store: LocalStore
) -> None:
    if is_there:
        (tmp_path / "files").mkdir()
    with pytest.raises(StoreError):
        store.length(NAME)
    put(tmp_path / "files" / "something")
    with pytest.raises(UploadNotFound):
        store.length(NAME)


def test_a_new_segments_bytes_belong_to_its_upload(tmp_path: Path, store: LocalStore) -> None:
    blob = write(store, store.create(KEY, 15), 0, b"hello")
    with stopped_in_mid_write(tmp_path):
        write(store, blob, 5, b"brave", token=TWO)
    assert {stray.key for stray in strays(store)} == {KEY}
    assert sum(stray.size for stray in strays(store)) == 10
