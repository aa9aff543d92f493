"""Steps on files that stores and ``attach`` share: locks by ``flock``, and syncing. Nothing here
imports Django, and every error is the operating system's.
"""

import ctypes
import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

_LOCK_POLL_SECONDS = 0.01
# sync_file_range(2), where there is one, and its flag SYNC_FILE_RANGE_WRITE.
_SYNC_FILE_RANGE = getattr(ctypes.CDLL(None), "sync_file_range", None)
_RANGE_WRITE = 2
# What link(2) says where it cannot make one more name for a file.
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
# What a lock file holds once its upload is completed or deleted: nobody's token.
CLOSED = "-" * 32


def lock_file(path: str, patience: float) -> int | None:
    """A descriptor of the lock file, exclusively locked; None when it cannot be had in time."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not flock_within(fd, patience):
            os.close(fd)
            return None
        # a file that was unlinked while we waited locks nobody out
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)


def flock_within(fd: int, patience: float) -> bool:
    """Lock exclusively, waiting at most ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOCK_POLL_SECONDS)
        else:
            return True


def is_there(path: str) -> bool:
    """Whether there is a file of that name. What ``os.path.exists`` takes for a no, such as a disk
    that fails, is an error."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def sync_up(path: str, top: str) -> None:
    """fsync a file and the folders above it: up to ``top``, and the one that has its entry where
    that may be opened."""
    sync_path(path)
    for folder in Path(path).parents:
        sync_path(str(folder))
        if folder == Path(top):
            break
    with suppress(PermissionError):
        sync_path(str(Path(top).parent))


def sync_path(path: str) -> None:
    """fsync a file or a folder."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def begin_writing(fd: int, position: int, count: int) -> None:
    """Have the disk begin with these bytes of a file, so that a sync soon after finds little left.
    A hint: what comes of it is told by that sync."""
    if _SYNC_FILE_RANGE is not None:
        _SYNC_FILE_RANGE(fd, ctypes.c_int64(position), ctypes.c_int64(count), _RANGE_WRITE)
