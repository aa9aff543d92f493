"""What the local store does to files: folders, copies inside the kernel, reads."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import ClassVar

from tusbridge import system
from tusbridge.errors import LeaseLost, StoreError
from tusbridge.files import sync_path

# Bytes of a piece that is read: a large one costs a download half the CPU of a small one. Each is
# held until its client has taken it, so the more there are at once, the smaller they get: together
# they hold _HELD_BYTES, until all are of the smallest size. And as a client that takes nothing must
# cost little, the first pieces are small: each is a part of what was taken before it.
_LARGEST_PIECE, _SMALLEST_PIECE = 1024 * 1024, 64 * 1024
_HELD_BYTES = 64 * 1024 * 1024
_TAKEN_PART = 64
# Pieces that an HTTP server takes for one client before it says that this does not read.
_AHEAD = 8
# Bytes per step of a copy, and seconds between two looks at the lease while one is made.
_COPY_SIZE = 16 * 1024 * 1024
_LOOK_SECONDS = 1.0

# Folders whose entries this process knows to be durable, by device and inode.
_durable: set[tuple[int, int]] = set()


def make_folders(path: str, mode: int | None, *, durable: bool) -> None:
    """Make a folder and what is missing above it. ``durable``: sync the entry of each, also of one
    that another process has made and may not have synced yet; once in a process."""
    found = _folder_at(path)
    if found is not None and (not durable or (found.st_dev, found.st_ino) in _durable):
        return
    parent = os.path.dirname(os.path.abspath(path))
    if found is None:
        make_folders(parent, mode, durable=durable)
        with suppress(FileExistsError):
            _make_folder(path, mode)
        found = os.stat(path)
    if not durable:
        return
    if parent != path:
        make_folders(parent, mode, durable=True)
        # a folder that cannot be read is not one that we made anything in
        with suppress(PermissionError):
            sync_path(parent)
    _durable.add((found.st_dev, found.st_ino))


def _make_folder(path: str, mode: int | None) -> None:
    """As Django does: the parent's default access list, and its group for all below, stay."""
    os.mkdir(path, 0o777 if mode is None else mode)
    found = stat.S_IMODE(os.stat(path).st_mode)
    if mode is not None and found & 0o777 != mode & 0o777 and not system.has_default_acl(path):
        system.change_mode(path, mode | found & stat.S_ISGID)


def dress(source: str, target: str, mode: int | None, token: str) -> None:
    """Make a file look as if it had been made under the name ``target``: with its folder's default
    access list and then ``mode``, or without one with what the process' umask leaves, as Django's
    FILE_UPLOAD_PERMISSIONS says."""
    if mode is None or system.has_default_acl(os.path.dirname(target)):
        beside = f"{target}.{token}.part"
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
        try:
            system.dress_like(source, beside)
        finally:
            os.unlink(beside)
    if mode is not None:
        system.change_mode(source, mode)


def _folder_at(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def copy_bytes(
    source: str,
    out: int,
    count: int,
    still_mine: Callable[[], bool],
    step: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Write the first ``count`` bytes of a file at a descriptor's position, inside the kernel:
    without a copy at all where the file system shares blocks. Each piece is written within
    ``step``.

    :raises LeaseLost: ``still_mine``, asked first and then about once a second, says so.
    """
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    asked_at = float("-inf")
    try:
        while count:
            if time.monotonic() - asked_at >= _LOOK_SECONDS:
                if not still_mine():
                    raise LeaseLost
                asked_at = time.monotonic()
            with step():
                copied = system.copy_some(fd, out, min(count, _COPY_SIZE))
            if copied == 0:
                raise StoreError("a file ended before its length")
            count -= copied
    finally:
        os.close(fd)


class FilePieces:
    """The bytes [start, stop) of a descriptor in pieces; closed at the end or by ``close``."""

    # the descriptors of all that are not closed
    _open: ClassVar[set[int]] = set()

    def __init__(self, fd: int, start: int, stop: int) -> None:
        self._fd: int | None = fd
        self._open.add(fd)
        self._start = self._position = start
        self._stop = stop

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = b""
        if self._fd is not None:
            share = min(_LARGEST_PIECE, max(_SMALLEST_PIECE, self._share()))
            piece = os.pread(self._fd, min(share, self._stop - self._position), self._position)
        if not piece:
            self.close()
            raise StopIteration
        self._position += len(piece)
        return piece

    def _share(self) -> int:
        taken = self._position - self._start
        return min(taken // _TAKEN_PART, _HELD_BYTES // (len(self._open) * _AHEAD))

    def close(self) -> None:
        """Idempotent."""
        fd, self._fd = self._fd, None
        if fd is not None:
            self._open.discard(fd)
            os.close(fd)

    # whoever raised in the midst of reading
    __del__ = close
