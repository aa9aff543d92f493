"""Reading a file in pieces."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tusbridge.stores.files import FilePieces

MIB = 1024 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "file"
    made.write_bytes(os.urandom(3 * MIB + 5))
    return made


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """The descriptors of all readers: of this test's alone, which leaves none."""
    read: set[int] = set()
    monkeypatch.setattr(FilePieces, "_open", read)
    yield read
    assert not read


def pieces_of(path: Path, start: int = 0, stop: int | None = None) -> FilePieces:
    stop = path.stat().st_size if stop is None else stop
    return FilePieces(os.open(path, os.O_RDONLY), start, stop)


@pytest.fixture
def long_path(tmp_path: Path) -> Path:
    """All of it a hole."""
    made = tmp_path / "long"
    made.touch()
    os.truncate(made, 80 * MIB + 5)
    return made


def test_a_client_that_takes_little_is_given_little(long_path: Path) -> None:
    """Servers take some pieces ahead, whatever their client does."""
    sizes = [len(piece) for piece in pieces_of(long_path)]
    assert sizes[: 4 * 16] == [MIB // 16] * (4 * 16)
    assert sizes[:-1] == sorted(sizes[:-1])
    assert sizes[-10:-2] == [MIB] * 8
    assert sum(sizes) == 80 * MIB + 5


@pytest.mark.parametrize(
    ("readers", "size"), [(7, MIB), (15, MIB // 2), (124, MIB // 16), (2000, MIB // 16)]
)
def test_many_hold_no_more_than_all_may(
    long_path: Path, others: set[int], readers: int, size: int
) -> None:
    one = pieces_of(long_path)
    taken = 0
    while taken < 64 * MIB:
        taken += len(next(one))
    others.update(range(-readers - 1, -1))
    assert len(next(one)) == pytest.approx(size, rel=0.1)
    others.difference_update(range(-readers - 1, -1))
    assert len(next(one)) == MIB
    one.close()


def test_a_range_ends_where_it_does(path: Path) -> None:
    assert b"".join(pieces_of(path, 7, 2 * MIB + 9)) == path.read_bytes()[7 : 2 * MIB + 9]


def test_a_file_that_became_shorter_ends_the_pieces(path: Path) -> None:
    pieces = pieces_of(path)
    next(pieces)
    os.truncate(path, MIB // 16 + 3)
    assert [len(piece) for piece in pieces] == [3]


@pytest.mark.parametrize("how", ["end", "close", "loss"])
def test_the_descriptor_is_closed(path: Path, how: str, others: set[int]) -> None:
    pieces = pieces_of(path)
    next(pieces)
    (fd,) = others
    if how == "end":
        list(pieces)
    elif how == "close":
        pieces.close()
        pieces.close()
    del pieces
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
