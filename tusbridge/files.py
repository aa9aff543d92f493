"""Steps on files that stores and ``attach`` share: locks by ``flock``, and syncing. Nothing here
imports Django, and every error is the operating system's.
"""

import errno
import os
import time
from contextlib import suppress
from pathlib import Path

from tusbridge import system
from tusbridge.system import NO_LINKS, begin_writing

__all__ = [
    "CLOSED",
    "NO_LINKS",
    "begin_writing",
    "flock_within",
    "is_there",
    "lock_file",
    "sync_path",
    "sync_up",
]

_LOCK_POLL_SECONDS = 0.01
# Looks at whether a locked file has its name still; that many lost in a row are not a race.
_LOCK_LOOKS = 1000
# What a lock file holds once its upload is completed or deleted: nobody's token.
CLOSED = "-" * 32


def lock_file(path: str, patience: float) -> int | None:
    """A descriptor of the lock file, exclusively locked; None when it cannot be had in time.

    :raises OSError: also where the file system has no locks, or gives a file another number at
        each look.
    """
    for _ in range(_LOCK_LOOKS):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            is_locked = flock_within(fd, patience)
            # a file that was unlinked while we waited locks nobody out
            if is_locked and system.is_at(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        if not is_locked:
            return None
    raise OSError(errno.ENOLCK, "the file system gives a file another number at each look")


def flock_within(fd: int, patience: float) -> bool:
    """Lock exclusively, waiting at most ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while True:
        try:
            system.lock(fd)
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
        system.sync(fd)
    finally:
        os.close(fd)
