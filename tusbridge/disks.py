"""What the file system of a folder can do, found out by trying: at the start of ``tusbridge
serve``, by ``/readyz`` and by ``manage.py check --deploy``.

Nothing of what is tried stays. Without hard links, modes or syncs of folders tusbridge works, and
:meth:`Disk.warnings` says what is different; without anything else it must not begin
(:meth:`Disk.refusal`).
"""

import os
import secrets
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tusbridge import system

# The longest name in a folder of unfinished bytes: the upload, a link's token, a try's, `.joined`.
_LONGEST = f"{'0' * 32}.{'0' * 32}.{'0' * 32}.joined"
_REFUSALS = {
    "write": "files cannot be made in {folder}: {why}",
    "names": "{folder} does not take names of {longest} bytes ({why}), and unfinished uploads need "
    "them",
    "rename": "files cannot be renamed in {folder}: {why}",
    "locks": "the file system of {folder} has no file locks that can be relied on ({why}): two "
    "requests could write to one upload",
    "sync": "the file system of {folder} cannot put files on the disk (fsync: {why}), so nothing "
    "survives a power cut",
}
_WARNINGS = {
    "links": "the file system of {folder} has no hard links: final uploads of concatenation, and "
    "files that are attached, are copied",
    "modes": "the file system of {folder} keeps no modes: how it is mounted says who can read "
    "uploads",
    "folder-sync": "the file system of {folder} cannot put folders on the disk (fsync: {why}): a "
    "power cut may take new files",
}


@dataclass(frozen=True, slots=True)
class Disk:
    """What a folder's file system lacks: names of steps, with what it said."""

    folder: str
    lacks: dict[str, str] = field(default_factory=dict)

    def refusal(self, *, durable: bool) -> str | None:
        """Why nothing can be uploaded to there, as a sentence; None: it can be."""
        for name, text in _REFUSALS.items():
            if name in self.lacks and (durable or name != "sync"):
                return self._say(text, name)
        return None

    def warnings(self, *, durable: bool) -> list[str]:
        """What is different there, as sentences."""
        return [
            self._say(text, name)
            for name, text in _WARNINGS.items()
            if name in self.lacks and (durable or name != "folder-sync")
        ]

    def _say(self, text: str, name: str) -> str:
        return text.format(folder=self.folder, why=self.lacks[name], longest=len(_LONGEST))


def probe(folder: str, *, syncs: bool = True) -> Disk:
    """Try all steps in a folder of its own inside of this one. ``syncs``: also those that wait for
    the disk."""
    place = f"{folder}/.disk-{secrets.token_hex(8)}"
    try:
        os.mkdir(place, 0o700)
    except OSError as error:
        return Disk(folder, {"write": _reason(error)})
    try:
        return Disk(folder, _try_all(place, syncs=syncs))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _try_all(place: str, *, syncs: bool) -> dict[str, str]:
    steps: dict[str, Callable[[str], None]] = {
        "write": _write,
        "names": _name,
        "locks": _lock,
        "links": _link,
        "modes": _change_mode,
        "rename": _rename,
    }
    if syncs:
        steps |= {"sync": _sync_file, "folder-sync": _sync_folder}
    lacks: dict[str, str] = {}
    for name, step in steps.items():
        try:
            step(place)
        except OSError as error:
            lacks[name] = _reason(error)
            if name == "write":
                break
    return lacks


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _write(place: str) -> None:
    fd = _open(f"{place}/data")
    try:
        system.write_at(fd, [b"data"], 0)
        os.ftruncate(fd, 2)
        if os.pread(fd, 4, 0) != b"da":
            raise OSError(0, "what was written is not what is read")
    finally:
        os.close(fd)


def _name(place: str) -> None:
    os.close(_open(f"{place}/{_LONGEST}"))
    os.unlink(f"{place}/{_LONGEST}")


def _lock(place: str) -> None:
    """One holder at a time, and a file that is known again by its number."""
    path = f"{place}/lock"
    first, second = _open(path), _open(path)
    try:
        system.lock(first)
        with suppress(BlockingIOError):
            system.lock(second)
            raise OSError(0, "two have the same lock at once")
        if not all(system.is_at(first, path) for _ in range(3)):
            raise OSError(0, "a file gets another number at each look")
        os.unlink(path)
        if system.is_at(first, path):
            raise OSError(0, "a file that was removed is there still")
    finally:
        os.close(first)
        os.close(second)


def _link(place: str) -> None:
    os.link(f"{place}/data", f"{place}/link")
    os.unlink(f"{place}/link")


def _change_mode(place: str) -> None:
    path = f"{place}/data"
    for mode in (0o640, 0o600):
        os.chmod(path, mode)
        if stat.S_IMODE(os.stat(path).st_mode) != mode:
            raise OSError(0, "a mode is not kept")


def _rename(place: str) -> None:
    """Onto a file that is open, as a storage's may be."""
    fd = _open(f"{place}/renamed")
    try:
        os.rename(f"{place}/data", f"{place}/renamed")
    finally:
        os.close(fd)
    os.rename(f"{place}/renamed", f"{place}/data")


def _sync_file(place: str) -> None:
    fd = _open(f"{place}/data")
    try:
        system.sync_data(fd)
        system.sync(fd)
    finally:
        os.close(fd)


def _sync_folder(place: str) -> None:
    fd = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
