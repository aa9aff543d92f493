"""What programs see of files through Python's own objects: entries of folders, and files."""

import io
import os
import stat
from collections.abc import Callable
from typing import Any

from tests.simulation import real

os_ = real.calls


class Entry:
    """An entry of a folder, whose times are the world's."""

    def __init__(self, touched: dict[int, float], path: str, name: str) -> None:
        self._touched, self.path, self.name = touched, path, name

    def __fspath__(self) -> str:
        return self.path

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._mode(stat.S_ISDIR)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return self._mode(stat.S_ISREG)

    def is_symlink(self) -> bool:
        return False

    def _mode(self, ask: Any) -> bool:
        try:
            return bool(ask(os_.lstat(self.path).st_mode))
        except FileNotFoundError:
            return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        found = os_.lstat(self.path)
        values = list(found)
        touched = self._touched.get(found.st_ino, found.st_mtime)
        more = {name: getattr(found, name) for name in ("st_atime", "st_mtime", "st_mtime_ns")}
        return os.stat_result(values, {**more, "st_ctime": touched})


class Entries:
    """A folder's entries as they were when it was opened."""

    def __init__(self, touched: dict[int, float], path: str) -> None:
        names = sorted(os_.listdir(path))
        self._left = iter([Entry(touched, f"{path}/{name}", name) for name in names])

    def __iter__(self) -> "Entries":
        return self

    def __next__(self) -> Entry:
        return next(self._left)

    def __enter__(self) -> "Entries":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def close(self) -> None:
        return None


class Raw(io.RawIOBase):
    """A file object over a descriptor of ours."""

    def __init__(
        self,
        fd: int,
        name: Any,
        mode: str,
        seek: Callable[[int, int, int], int],
        is_open: Callable[[int], bool],
    ) -> None:
        self._fd, self.name, self.mode = fd, name, mode
        self._seek, self._is_open = seek, is_open

    def readable(self) -> bool:
        return "r" in self.mode or "+" in self.mode

    def writable(self) -> bool:
        return "r" not in self.mode or "+" in self.mode

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def readinto(self, buffer: Any) -> int:
        data = os.read(self._fd, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> int:
        return os.write(self._fd, data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._seek(self._fd, offset, whence)

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self._is_open(self._fd):
                os.close(self._fd)
