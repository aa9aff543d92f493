"""What the local store does to files: folders, copies inside the kernel, reads."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import ClassVar

from tusbridge.errors import LeaseLost, StoreError
from tusbridge.files import sync_path

# Bytes of a piece that is read: a large one costs a download half the CPU of a small one. Each is
# held until its client has taken it, so the more there are at once, the smaller they get: together
# they hold _HELD_BYTES, until all are of the smallest size.
_LARGEST_PIECE, _SMALLEST_PIECE = 1024 * 1024, 64 * 1024
_HELD_BYTES = 64 * 1024 * 1024
# Bytes per step of a copy.
_COPY_SIZE = 64 * 1024 * 1024


def make_folders(path: str, mode: int | None, *, durable: bool) -> None:
    """Make a folder and what is missing above it; ``durable``: sync each new entry's parent."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    make_folders(parent, mode, durable=durable)
    with suppress(FileExistsError):
        os.mkdir(path)
        if mode is not None:
            os.chmod(path, mode)
    if durable:
        sync_path(parent)


def copy_bytes(source: str, out: int, count: int, still_mine: Callable[[], bool]) -> None:
    """Write the first ``count`` bytes of a file at a descriptor's position, inside the kernel:
    without a copy at all where the file system shares blocks.

    :raises LeaseLost: ``still_mine``, asked before each step, says so.
    """
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while count:
            if not still_mine():
                raise LeaseLost
            copied = _copy_some(fd, out, min(count, _COPY_SIZE))
            if copied == 0:
                raise StoreError("a file ended before its length")
            count -= copied
    finally:
        os.close(fd)


def _copy_some(fd: int, out: int, count: int) -> int:
    try:
        return os.copy_file_range(fd, out, count)
    except OSError as error:
        # between file systems older kernels refuse it
        if error.errno not in {errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
        return os.sendfile(out, fd, None, count)


class FilePieces:
    """The bytes [start, stop) of a descriptor in pieces; closed at the end or by ``close``."""

    # the descriptors of all that are not closed
    _open: ClassVar[set[int]] = set()

    def __init__(self, fd: int, start: int, stop: int) -> None:
        self._fd: int | None = fd
        self._open.add(fd)
        self._position = start
        self._stop = stop

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = b""
        if self._fd is not None:
            share = min(_LARGEST_PIECE, max(_SMALLEST_PIECE, _HELD_BYTES // len(self._open)))
            piece = os.pread(self._fd, min(share, self._stop - self._position), self._position)
        if not piece:
            self.close()
            raise StopIteration
        self._position += len(piece)
        return piece

    def close(self) -> None:
        """Idempotent."""
        fd, self._fd = self._fd, None
        if fd is not None:
            self._open.discard(fd)
            os.close(fd)

    # whoever raised in the midst of reading
    __del__ = close
