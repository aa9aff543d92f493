"""Fences: lock files that keep earlier requests from what a later one has begun.

Two kinds. The lock file beside a data file holds the token of the one request that may write there;
each write happens under ``flock``, after a look at the token. The lock file of a finished file's
name is held for as long as a request writes under that name, so that no other request deletes or
replaces what it writes.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tusbridge import system
from tusbridge.errors import LeaseLost, NameBusy
from tusbridge.files import flock_within, lock_file


def fence(path: str, token: str, patience: float, still_mine: Callable[[], bool]) -> int | None:
    """Put the token into the lock file, so that earlier writers write nothing any more; a
    descriptor of it, not locked. None: a writer was stopped in mid-write, and holds the lock.

    :raises LeaseLost: ``still_mine``, asked under the lock, says so.
    """
    wanted = token.encode()
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.pread(fd, len(wanted), 0) == wanted and system.is_at(fd, path):
            return fd
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    lock = lock_file(path, patience)
    if lock is None:
        return None
    try:
        if not still_mine():
            raise LeaseLost
        os.pwrite(lock, wanted, 0)
        system.unlock(lock)
    except BaseException:
        os.close(lock)
        raise
    return lock


@contextmanager
def fenced(lock: int, token: str, patience: float) -> Iterator[None]:
    """Hold the lock of a data file for one step of writing to it.

    :raises LeaseLost: a later request has put its token in, or holds the lock.
    """
    wanted = token.encode()
    if not flock_within(lock, patience):
        raise LeaseLost
    try:
        if os.pread(lock, len(wanted), 0) != wanted:
            raise LeaseLost
        yield
    finally:
        system.unlock(lock)


def name_lock_path(base: str, name: str) -> str:
    """The lock file of a finished file's name, beside the upload's data file ``base``."""
    return f"{base}.{hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()}.lock"


@contextmanager
def writing_under(path: str, patience: float) -> Iterator[None]:
    """Hold the lock file of a finished file's name. The process's end frees it, nothing else does.

    :raises NameBusy: another request holds it.
    """
    lock = lock_file(path, patience)
    if lock is None:
        raise NameBusy
    try:
        yield
    finally:
        try:
            with suppress(FileNotFoundError):
                os.unlink(path)
        finally:
            os.close(lock)
