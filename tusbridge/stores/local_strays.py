"""What lies in a local store's folders: the walk that the sweep makes, and removing what it finds.

Only names that this store itself gives are ever removed; everything else is told as foreign and
left alone. Links are never followed.
"""

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress

from tusbridge.errors import StoreError
from tusbridge.files import CLOSED, lock_file
from tusbridge.stores.base import Store, Stray
from tusbridge.stores.local_errors import store_errors

logger = logging.getLogger("tusbridge.store")

_SHARD = re.compile(r"[0-9a-f]{2}", re.ASCII)
# Data, a segment of it or the lock of a finished file's name, a link to the file of a part (``p0``)
# or a copy of that, what lies beside any of them; a file that is being joined, or copied from
# another file system.
_OURS = re.compile(
    r"([0-9a-f]{32})(?:(?:\.[0-9a-f]{32})?(\.p[0-9]{1,6})?(?:\.lock|\.claim|\.named)?"
    r"|(?:\.[0-9a-f]{32})?\.[0-9a-f]{32}\.(?:joined|part)"
    r"|\.p[0-9]{1,6}\.[0-9a-f]{32})",
    re.ASCII,
)
# Copies that their writers make under a name of their own; nothing locks them.
_COPY = re.compile(r"\.(?:joined|part)\Z|\.p[0-9]{1,6}\.[0-9a-f]{32}\Z", re.ASCII)
# A copy on its way to the name before the token; that name has the upload's id in it, and maybe
# the token of a try.
_PART = re.compile(r"(.+)\.[0-9a-f]{32}\.part", re.ASCII | re.DOTALL)
_TRY = re.compile(r"\.[0-9a-f]{32}(?:\.[^.]*)?\Z", re.ASCII)
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", re.ASCII)
_LOCK = ".lock"
# What goes with the data beside which it lies, and is astray only without it.
_BESIDE = re.compile(r"\.(?:lock|claim|named)\Z", re.ASCII)


class LocalStrays(Store):
    """The part of the local store that looks at its folders as a whole."""

    root: str
    lock_patience: float

    @property
    def place(self) -> str:
        return self.root

    def strays(self, grace_seconds: float) -> Iterator[Stray]:
        oldest = time.time() - grace_seconds
        with store_errors():
            yield from _in_partials(self.root, oldest)

    def remove_stray(self, stray: Stray) -> bool:
        with store_errors():
            if not _is_unchanged(stray):
                return False
            if _COPY.search(stray.name):
                # whoever still writes such a copy finds it gone, and begins another
                return _unlink(stray.name)
            return self._remove_locked(stray)

    def _remove_locked(self, stray: Stray) -> bool:
        data = _BESIDE.sub("", stray.name)
        lock = lock_file(data + _LOCK, self.lock_patience)
        if lock is None:
            raise StoreError("somebody holds the lock of these bytes")
        is_removed = False
        try:
            # again under the lock: nobody can write between this look and the end
            if _is_unchanged(stray) and (data == stray.name or not os.path.lexists(data)):
                os.pwrite(lock, CLOSED.encode(), 0)
                is_removed = _unlink(stray.name)
            if not os.path.lexists(data):
                _unlink(data + ".claim")
                # also one that came into being only because we asked for it
                _unlink(data + _LOCK)
        finally:
            os.close(lock)
        return is_removed


def _in_partials(root: str, oldest: float) -> Iterator[Stray]:
    """The pieces in the folder of unfinished bytes, and what is foreign there."""
    for shard in _entries(root):
        if not _SHARD.fullmatch(shard.name) or not shard.is_dir(follow_symlinks=False):
            yield Stray(key=None, name=shard.path)
            continue
        for entry in _entries(shard.path):
            match = _OURS.fullmatch(entry.name)
            if not match or match[1][:2] != shard.name or not entry.is_file(follow_symlinks=False):
                yield Stray(key=None, name=entry.path)
            elif _BESIDE.search(entry.name) and os.path.lexists(_BESIDE.sub("", entry.path)):
                continue
            else:
                yield from _if_old(entry, match[1], oldest, is_link=bool(match[2]))


def beside_finished(folder: str, oldest: float) -> Iterator[Stray]:
    """Copies that did not become a finished file, in all folders of the storage."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            try:
                yield from beside_finished(entry.path, oldest)
            except PermissionError:
                # a folder of the site's own; none where this store may write
                logger.warning("folder-not-walked", extra={"folder": entry.path})
            continue
        match = _PART.fullmatch(entry.name)
        keys = _keys_in(match[1]) if match else set()
        if len(keys) == 1 and entry.is_file(follow_symlinks=False):
            yield from _if_old(entry, keys.pop(), oldest)


def _keys_in(name: str) -> set[str]:
    """The ids in a finished file's name, without the token of a try that had to take another one
    (``ID.TOKEN.ext``)."""
    keys = set(_ID.findall(name))
    return keys if len(keys) == 1 else set(_ID.findall(_TRY.sub("", name)))


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """A folder's entries, read a few at a time; one that is gone has none."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        yield from entries


def _if_old(
    entry: os.DirEntry[str], key: str, oldest: float, *, is_link: bool = False
) -> Iterator[Stray]:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    # a hard link is as old as the file's other names; that it was made just now, before its row,
    # shows in the inode only
    is_shared = found.st_nlink > 1
    touched = max(found.st_mtime, found.st_ctime) if is_shared or is_link else found.st_mtime
    if touched <= oldest:
        size = 0 if is_shared else found.st_size
        yield Stray(key=key, name=entry.path, size=size, stamp=_stamp(found))


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_mtime_ns, found.st_size


def _is_unchanged(stray: Stray) -> bool:
    try:
        return bool(_stamp(os.lstat(stray.name)) == stray.stamp)
    except FileNotFoundError:
        return False


def _unlink(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def check_there(folder: str) -> None:
    """A disk that is not mounted must not make us forget uploads.

    :raises StoreError: the storage's folder looks as if so it were.
    """
    if not any(True for _ in _entries(folder)):
        raise StoreError("the storage's folder is empty or not there")
