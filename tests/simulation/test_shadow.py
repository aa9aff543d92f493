"""What a simulated power cut may leave of files and folders, and what it must."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.shadow import BLOCK, Shadow

# So many power cuts that each outcome which is possible comes up.
CUTS = 60


def outcomes(
    tmp_path: Path, play: Callable[[Shadow, str], None]
) -> set[tuple[tuple[str, bytes], ...]]:
    """What is found in all files by their names, after many cuts behind the same steps."""
    found = set()
    for seed in range(CUTS):
        root = tmp_path / f"{seed}"
        root.mkdir()
        shadow = Shadow(str(root))
        play(shadow, str(root))
        shadow.cut(random.Random(seed))
        files = sorted(path for path in root.rglob("*") if path.is_file())
        found.add(tuple((str(path.relative_to(root)), path.read_bytes()) for path in files))
    return found


def write(shadow: Shadow, path: str, content: bytes) -> None:
    """A file, as programs see it."""
    is_new = not os.path.exists(path)
    Path(path).write_bytes(content)
    if is_new:
        shadow.create(path)


def folder(shadow: Shadow, path: str) -> None:
    """A folder whose entry is kept."""
    os.mkdir(path)
    shadow.create(path, is_folder=True)
    shadow.sync(os.path.dirname(path))


def rename(shadow: Shadow, source: str, target: str) -> None:
    """As programs see it."""
    os.rename(source, target)
    shadow.rename(source, target)


def test_entries_of_a_folder_are_kept_in_order(tmp_path: Path) -> None:
    def play(shadow: Shadow, root: str) -> None:
        for name in ("a", "b", "c"):
            write(shadow, f"{root}/{name}", b"")

    names = {tuple(name for name, _ in files) for files in outcomes(tmp_path, play)}
    assert names == {(), ("a",), ("a", "b"), ("a", "b", "c")}


def test_a_synced_folder_stays(tmp_path: Path) -> None:
    def play(shadow: Shadow, root: str) -> None:
        write(shadow, f"{root}/a", b"")
        shadow.sync(root)
        write(shadow, f"{root}/b", b"")

    names = {tuple(name for name, _ in files) for files in outcomes(tmp_path, play)}
    assert names == {("a",), ("a", "b")}


def test_a_rename_between_folders_is_done_in_both_or_in_neither(tmp_path: Path) -> None:
    def play(shadow: Shadow, root: str) -> None:
        for name in ("one", "two"):
            folder(shadow, f"{root}/{name}")
        write(shadow, f"{root}/one/file", b"abcd")
        shadow.sync(f"{root}/one/file")
        shadow.sync(f"{root}/one")
        rename(shadow, f"{root}/one/file", f"{root}/two/file")
        write(shadow, f"{root}/two/later", b"")

    assert outcomes(tmp_path, play) == {
        (("one/file", b"abcd"),),
        (("two/file", b"abcd"),),
        (("two/file", b"abcd"), ("two/later", b"")),
    }


def test_syncing_one_folder_keeps_a_rename_in_the_other(tmp_path: Path) -> None:
    def play(shadow: Shadow, root: str) -> None:
        for name in ("one", "two"):
            folder(shadow, f"{root}/{name}")
        write(shadow, f"{root}/one/file", b"abcd")
        shadow.sync(f"{root}/one/file")
        rename(shadow, f"{root}/one/file", f"{root}/two/file")
        shadow.sync(f"{root}/two")

    assert outcomes(tmp_path, play) == {(("two/file", b"abcd"),)}


def test_blocks_are_old_or_new(tmp_path: Path) -> None:
    old, new = b"a" * (2 * BLOCK), b"b" * (2 * BLOCK)

    def play(shadow: Shadow, root: str) -> None:
        write(shadow, f"{root}/file", old)
        shadow.sync(f"{root}/file")
        shadow.sync(root)
        write(shadow, f"{root}/file", new)

    contents = {files[0][1] for files in outcomes(tmp_path, play)}
    mixed = {old[:BLOCK] + new[BLOCK:], new[:BLOCK] + old[BLOCK:]}
    assert contents == {old, new} | mixed


def test_bytes_behind_the_last_sync_may_be_lost_or_zero(tmp_path: Path) -> None:
    def play(shadow: Shadow, root: str) -> None:
        write(shadow, f"{root}/file", b"abcd")
        shadow.sync(f"{root}/file")
        shadow.sync(root)
        write(shadow, f"{root}/file", b"abcdefgh")

    contents = {files[0][1] for files in outcomes(tmp_path, play)}
    assert contents == {b"abcd", b"abcdefgh", b"abcd\0\0\0\0"}


def test_syncing_a_file_does_not_keep_its_entry(tmp_path: Path) -> None:
    def play(shadow: Shadow, root: str) -> None:
        write(shadow, f"{root}/file", b"abcd")
        shadow.sync(f"{root}/file")

    assert outcomes(tmp_path, play) == {(), (("file", b"abcd"),)}


@pytest.mark.parametrize("is_synced", [False, True])
def test_an_unlinked_file_comes_back_unless_its_folder_was_synced(
    tmp_path: Path, *, is_synced: bool
) -> None:
    def play(shadow: Shadow, root: str) -> None:
        path = f"{root}/file"
        write(shadow, path, b"abcd")
        shadow.sync(path)
        shadow.sync(root)
        shadow.before_gone(path)
        os.unlink(path)
        shadow.unlink(path)
        if is_synced:
            shadow.sync(root)

    back = (("file", b"abcd"),)
    assert outcomes(tmp_path, play) == ({()} if is_synced else {(), back})
