"""A plug-in of pytest: as on macOS, for Python has these names on Linux only. ``F_FULLFSYNC`` is
there instead, by a stand-in that counts.

    python -m pytest -p tests.disks.bare tests/stores
"""

import fcntl
import os
import socket
from typing import Any

_OS = (
    *("fdatasync", "copy_file_range", "posix_fallocate", "posix_fadvise", "memfd_create"),
    *("sched_getaffinity", "sched_setaffinity", "getxattr", "setxattr", "listxattr", "splice"),
    *("pidfd_open", "eventfd", "O_PATH", "O_DIRECT"),
)
# fcntl(2) of macOS
_FULLFSYNC = 51
_real_fcntl, _real_fsync, _real_listdir = fcntl.fcntl, os.fsync, os.listdir


def _fcntl(fd: Any, command: int, *args: Any) -> Any:
    if command == _FULLFSYNC:
        return os.fsync(fd)
    return _real_fcntl(fd, command, *args)


def _listdir(path: Any = ".") -> Any:
    if str(path).startswith("/proc"):
        raise FileNotFoundError(2, "No such file or directory", path)
    return _real_listdir(path)


def _sendfile(out: int, *_: Any) -> int:
    raise OSError(38, "Socket operation on non-socket")


for name in _OS:
    if hasattr(os, name):
        delattr(os, name)
if hasattr(socket, "TCP_USER_TIMEOUT"):
    del socket.TCP_USER_TIMEOUT
os.listdir, os.sendfile = _listdir, _sendfile
fcntl.fcntl = _fcntl  # type: ignore[assignment]
fcntl.F_FULLFSYNC = _FULLFSYNC  # type: ignore[attr-defined]
