"""What a disk would keep of a folder if the power went now.

Of a file: the bytes of its last sync, and of what was written since any blocks. Of a folder: its
entries at its last sync, and of what was done to them since any first part, in order. A rename
between two folders is done in both or in neither. Syncing a file does not keep its entry.
"""

import random
import stat
from collections.abc import Iterator
from typing import Any

from tests.simulation import real

BLOCK = 4


class Change:
    """One operation on folders: for each (folder, name) what is there then; None: nothing."""

    __slots__ = ("is_kept", "places", "serial")

    def __init__(self, serial: int, places: dict[tuple[str, str], int | None]) -> None:
        self.serial = serial
        self.places = places
        self.is_kept = False

    def folders(self) -> set[str]:
        """The folders it is about."""
        return {folder for folder, _ in self.places}


class Folder:
    """The entries that are kept for certain, and what was done since."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}
        self.since: list[Change] = []


class Shadow:
    """Follows what is done below ``root``; files and folders are known by numbers of its own."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.serial = 0
        # the tree as programs see it
        self.seen: dict[str, int] = {}
        self.folders: dict[int, Folder] = {}
        # what is kept of each file's bytes
        self.bytes: dict[int, bytes] = {}
        # of files without a name any more, what they held
        self.last: dict[int, bytes] = {}
        self.adopt()

    def adopt(self) -> None:
        """All that is there now is kept."""
        self.seen, self.folders, self.bytes, self.last = {}, {}, {}, {}
        by_inode: dict[int, int] = {}
        self._adopt(self.root, by_inode)

    def _adopt(self, path: str, by_inode: dict[int, int]) -> int:
        found = real.calls.lstat(path)
        if found.st_ino not in by_inode:
            by_inode[found.st_ino] = self._new()
        number = self.seen[path] = by_inode[found.st_ino]
        if stat.S_ISDIR(found.st_mode):
            folder = self.folders[number] = Folder()
            for name in sorted(real.calls.listdir(path)):
                folder.kept[name] = self._adopt(f"{path}/{name}", by_inode)
        else:
            self.bytes[number] = _read(path)
        return number

    def _new(self) -> int:
        self.serial += 1
        return self.serial

    # -- what programs do

    def _do(self, *changes: tuple[str, int | None]) -> None:
        places = {}
        for path, number in changes:
            folder, _, name = path.rpartition("/")
            places[folder, name] = number
        change = Change(self._new(), places)
        for folder in change.folders():
            self.folders[self.seen[folder]].since.append(change)

    def create(self, path: str, *, is_folder: bool = False) -> None:
        """A file or a folder came into being."""
        number = self.seen[path] = self._new()
        if is_folder:
            self.folders[number] = Folder()
        else:
            self.bytes[number] = b""
        self._do((path, number))

    def link(self, source: str, target: str) -> None:
        """A file got another name."""
        self.seen[target] = self.seen[source]
        self._do((target, self.seen[target]))

    def before_gone(self, path: str) -> None:
        """The file of that name may be about to lose its last one."""
        number = self.seen.get(path)
        if number is not None and number in self.bytes:
            self.last[number] = _read(path)

    def unlink(self, path: str) -> None:
        """A name is gone."""
        del self.seen[path]
        self._do((path, None))

    def rename(self, source: str, target: str) -> None:
        """A file or folder has another name, and what had that is gone."""
        if source == target or self.seen.get(target) == self.seen[source]:
            return
        number = self.seen.pop(source)
        self.seen[target] = number
        below = [path for path in self.seen if path.startswith(source + "/")]
        for path in below:
            self.seen[target + path[len(source) :]] = self.seen.pop(path)
        self._do((source, None), (target, number))

    def sync(self, path: str) -> None:
        """A file's bytes are kept, or a folder's entries."""
        number = self.seen.get(path)
        if number is None:
            return
        if number in self.folders:
            self._keep(number, None)
        else:
            self.bytes[number] = _read(path)

    def _keep(self, number: int, until: Change | None) -> None:
        folder = self.folders[number]
        while folder.since:
            change = folder.since[0]
            if not change.is_kept:
                change.is_kept = True
                for name in change.folders():
                    other = self._number_of(name)
                    if other is not None and other != number:
                        self._keep(other, change)
                self._apply(change, {n: f.kept for n, f in self.folders.items()})
            if folder.since and folder.since[0] is change:
                folder.since.pop(0)
            if change is until:
                return

    def _number_of(self, folder: str) -> int | None:
        return self.seen.get(folder)

    def _apply(self, change: Change, kept: dict[int, dict[str, int]]) -> None:
        for (folder, name), number in change.places.items():
            entries = kept.get(self.seen.get(folder, -1))
            if entries is None:
                continue
            if number is None:
                entries.pop(name, None)
            else:
                entries[name] = number

    # -- the power goes

    def cut(self, rng: random.Random) -> None:
        """Leave on the disk what a power cut might, by chance."""
        kept = {number: dict(folder.kept) for number, folder in self.folders.items()}
        for change in sorted(self._chosen(rng), key=lambda one: one.serial):
            self._apply(change, kept)
        top = self.seen[self.root]
        files = dict(_walk(top, self.root, kept))
        folders = [path for path, number in files.items() if number in kept]
        contents: dict[int, bytes] = {}
        paths = {number: path for path, number in self.seen.items()}
        for number in files.values():
            if number in self.bytes and number not in contents:
                now = _read(paths[number]) if number in paths else self.last.get(number, b"")
                contents[number] = _blend(self.bytes[number], now, rng)
        self._rebuild(files, folders, contents)
        self.adopt()

    def _chosen(self, rng: random.Random) -> list[Change]:
        """Of each folder the first operations, up to any; none by half."""
        upto = {}
        for number, folder in self.folders.items():
            count = len(folder.since)
            upto[number] = rng.choice((0, count, rng.randint(0, count)))
        by_name = {path: number for path, number in self.seen.items() if number in self.folders}
        is_stable = False
        while not is_stable:
            is_stable = True
            for number, folder in self.folders.items():
                for at, change in enumerate(folder.since[: upto[number]]):
                    others = [by_name[name] for name in change.folders() if name in by_name]
                    if all(change in self.folders[o].since[: upto[o]] for o in others):
                        continue
                    upto[number] = at
                    is_stable = False
                    break
        return list(
            {
                id(change): change
                for number, folder in self.folders.items()
                for change in folder.since[: upto[number]]
            }.values()
        )

    def _rebuild(
        self, files: dict[str, int], folders: list[str], contents: dict[int, bytes]
    ) -> None:
        for path in sorted(self.seen, key=len, reverse=True):
            if path == self.root:
                continue
            if self.seen[path] not in self.folders:
                real.calls.unlink(path)
            elif path not in folders:
                real.calls.rmdir(path)
        for path in sorted(folders, key=len):
            # a folder that outlasts the power has the inode that it had
            if path not in self.seen or self.seen[path] not in self.folders:
                real.calls.mkdir(path)
        made: dict[int, str] = {}
        for path, number in files.items():
            if number not in contents:
                continue
            if number in made:
                real.calls.link(made[number], path)
                continue
            with real.open_file(path, "wb") as out:
                out.write(contents[number])
            made[number] = path


def _walk(number: int, path: str, kept: dict[int, dict[str, int]]) -> Iterator[tuple[str, int]]:
    for name, entry in kept[number].items():
        yield f"{path}/{name}", entry
        if entry in kept:
            yield from _walk(entry, f"{path}/{name}", kept)


def _blend(old: bytes, new: bytes, rng: random.Random) -> bytes:
    """A file some of whose blocks came to the disk, and its size or not."""
    if old == new:
        return old
    size = rng.choice((len(old), len(new)))
    whole = rng.choice((old, new, None))
    blended = bytearray()
    for start in range(0, size, BLOCK):
        source: Any = whole if whole is not None else rng.choice((old, new))
        blended += source[start : start + BLOCK].ljust(BLOCK, b"\0")
    return bytes(blended[:size])


def _read(path: str) -> bytes:
    with real.open_file(path, "rb") as file:
        return file.read()
