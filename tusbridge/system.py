"""Steps on files that not every platform and file system has, each by what is there.

macOS has no fdatasync, copy_file_range, sync_file_range or /proc, its sendfile writes to sockets
only, and its fsync does not reach the disk. exFAT, CIFS and others have no hard links, no modes, or
no sync of folders. Nothing here imports Django, and every error is the operating system's.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# What is said where nothing can work.
NO_POSIX = (
    "tusbridge needs the file locks of Linux, macOS or another POSIX system, and this system has "
    "none (Python's module fcntl); on Windows, use WSL or a container"
)
# What a file system says of a step that it does not know; EINVAL is what fsync of a folder gets.
_UNKNOWN = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
# What link(2) says where it cannot make one more name for a file.
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
# What flock(2) says where there are no locks.
NO_LOCKS = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.ENOLCK})
# What chmod(2) says of a file of our own where there are no modes.
_NO_MODES = frozenset({errno.EPERM, *_UNKNOWN})
# What copy_file_range(2) and sendfile(2) say of files between which they cannot copy.
_NO_COPY = frozenset({errno.EXDEV, errno.ENOTSOCK, errno.EBADF, *_UNKNOWN})
# What setting the list of who may read a file gets that has none.
_ACL = "system.posix_acl_access"
_DEFAULT_ACL = "system.posix_acl_default"
_PIECE = 256 * 1024


def _sync_file_range() -> "ctypes._NamedFuncPointer | None":
    try:
        return getattr(ctypes.CDLL(None), "sync_file_range", None)
    except (OSError, TypeError):  # no such library: Windows
        return None


# sync_file_range(2), where there is one, and its flag SYNC_FILE_RANGE_WRITE.
_SYNC_FILE_RANGE = _sync_file_range()
_RANGE_WRITE = 2


# -- locks


def has_locks() -> bool:
    """Whether the platform has file locks; :data:`NO_POSIX` says what to do without."""
    return fcntl is not None


def lock(fd: int) -> None:
    """Lock a file exclusively, at once.

    :raises BlockingIOError: it is locked.
    :raises OSError: its file system has no locks, which the text says.
    """
    if fcntl is None:
        raise OSError(errno.ENOLCK, NO_POSIX)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        why = f"the file system has no file locks (flock: {error.strerror})"
        raise OSError(error.errno, why) from error


def unlock(fd: int) -> None:
    """Let go of a lock."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def is_at(fd: int, path: str) -> bool:
    """Whether a descriptor's file is the one of that name. One that was removed while it is open
    may keep a name of the file system's own (``.nfs...``, ``.fuse_hidden...``), and so a link."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


# -- syncs


def sync_data(fd: int) -> None:
    """Have a file's bytes, and its length, on the disk: by F_FULLFSYNC where there is one, for
    there fsync leaves them in the disk's cache (fcntl(2) of macOS)."""
    if not _sync_fully(fd):
        getattr(os, "fdatasync", os.fsync)(fd)


def sync(fd: int) -> None:
    """The same with all that is known of the file. Of a folder only where the file system knows
    how: :mod:`tusbridge.disks` says so at the start."""
    if _sync_fully(fd):
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in {*_UNKNOWN, errno.EBADF} or not stat.S_ISDIR(os.fstat(fd).st_mode):
            raise


def _sync_fully(fd: int) -> bool:
    """False: there is no such call, or the file system does not know it."""
    command = getattr(fcntl, "F_FULLFSYNC", None)
    if command is None:
        return False
    try:
        fcntl.fcntl(fd, command)
    except OSError as error:
        if error.errno not in {errno.ENOTTY, *_UNKNOWN}:
            raise
        return False
    return True


def begin_writing(fd: int, position: int, count: int) -> None:
    """Have the disk begin with these bytes of a file, so that a sync soon after finds little left.
    A hint: what comes of it is told by that sync."""
    if _SYNC_FILE_RANGE is not None:
        _SYNC_FILE_RANGE(fd, ctypes.c_int64(position), ctypes.c_int64(count), _RANGE_WRITE)


# -- bytes


def write_at(fd: int, chunks: Sequence[bytes | memoryview], position: int) -> int:
    """Write chunks at a position, or the first of them; how many bytes were written."""
    if hasattr(os, "pwritev"):
        return os.pwritev(fd, chunks, position)
    return os.pwrite(fd, chunks[0], position)


def copy_some(fd: int, out: int, count: int) -> int:
    """Copy at most ``count`` bytes from one position to the other, inside the kernel where that
    can; how many. 0: the source has no more."""
    for copy in (_copy_range, _send):
        try:
            return copy(fd, out, count)
        except OSError as error:
            if error.errno not in _NO_COPY:
                raise
    piece = os.read(fd, min(count, _PIECE))
    left = memoryview(piece)
    while left:
        left = left[os.write(out, left) :]
    return len(piece)


def _copy_range(fd: int, out: int, count: int) -> int:
    if not hasattr(os, "copy_file_range"):
        raise OSError(errno.ENOSYS, "no copy_file_range")
    return os.copy_file_range(fd, out, count)


def _send(fd: int, out: int, count: int) -> int:
    if hasattr(os, "copy_file_range"):  # Linux: elsewhere it sends to sockets only
        return os.sendfile(out, fd, None, count)
    raise OSError(errno.ENOSYS, "no sendfile to a file")


# -- modes


def change_mode(path: str | int, mode: int) -> bool:
    """Give a file a mode; whether that was allowed. Where a file system has no modes, its mount
    says who may read a file."""
    try:
        os.fchmod(path, mode) if isinstance(path, int) else os.chmod(path, mode)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise
        return False
    return True


def has_default_acl(folder: str) -> bool:
    """Whether a folder says who may read the files that are made in it (acl(5))."""
    return _attribute(folder, _DEFAULT_ACL) is not None


def dress_like(path: str, like: str) -> None:
    """Give a file the group, the mode and the access list of another one, as far as the file system
    has such, and lets us."""
    found = os.stat(like)
    if os.stat(path).st_gid != found.st_gid:
        with suppress(OSError):
            os.chown(path, -1, found.st_gid)
    change_mode(path, stat.S_IMODE(found.st_mode))
    acl = _attribute(like, _ACL)
    if acl is not None:
        with suppress(OSError):
            os.setxattr(path, _ACL, acl)


def _attribute(path: str, name: str) -> bytes | None:
    if not hasattr(os, "getxattr"):
        return None
    try:
        return os.getxattr(path, name)
    except OSError:
        return None


# -- descriptors


def own_descriptors() -> list[int]:
    """The numbers of this process's open descriptors; one is of the list itself, and closed."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return [int(name) for name in os.listdir(folder)]
    return []
