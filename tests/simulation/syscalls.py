"""The system calls below a simulation's folder: each is a step, and may fail.

Descriptors are numbers of the simulation's own that are never given twice, so that who closes one
late closes nobody else's.
"""

import errno
import io
import os
from typing import Any

from tests.simulation import real
from tests.simulation.disk import FIRST, Files, Opened
from tests.simulation.fileobjects import Entries, Raw
from tests.simulation.world import here

os_ = real.calls


def files() -> Files:
    """Those of the world that runs."""
    return here.world.files  # type: ignore[union-attr,attr-defined,no-any-return]


def _ours(path: Any) -> str | None:
    world = here.world
    if world is None or world.current is None or isinstance(path, int):
        return None
    return files().is_ours(path)


def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    ours = _ours(path)
    if ours is None:
        return os_.open(path, flags, mode, dir_fd=dir_fd)
    its = files()
    its.step("open", ours)
    is_new = bool(flags & os.O_CREAT) and not _exists(ours)
    if is_new:
        its.check_room()
    if flags & os.O_TRUNC:
        its.shadow.before_gone(ours)
    fd = os_.open(ours, flags, mode)
    if is_new:
        its.shadow.create(ours)
        its.touch(ours)
        its.changed(ours)
    number, its.next = its.next, its.next + 1
    actor = its.world.current
    assert actor is not None
    its.opened[number] = Opened(fd, ours, actor.process, actor.name)
    return number


def _exists(path: str) -> bool:
    try:
        os_.lstat(path)
    except OSError:
        return False
    return True


def close(fd: int) -> None:
    if fd < FIRST:
        os_.close(fd)
        return
    world = here.world
    if world is None:
        return
    one = files().get(fd)
    fault = None
    if world.current is not None:
        fault = world.step(f"close {one.path[len(files().prefix) :]}", "close")
    del files().opened[fd]
    os_.close(one.fd)
    if fault is not None and fault[0] == "eio":
        raise OSError(errno.EIO, "the disk fails", one.path)


def _by_descriptor(name: str, *, writes: bool = False, is_step: bool = True) -> Any:
    call = getattr(os_, name)

    def wrapped(fd: int, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(fd, int) or fd < FIRST:
            return call(fd, *args, **kwargs)
        its = files()
        one = its.get(fd)
        if is_step:
            its.step(name, one.path)
            one = its.get(fd)
        if writes:
            its.check_room()
        result = call(one.fd, *args, **kwargs)
        if writes or name == "ftruncate":
            os_.utime(one.fd, (its.world.wall, its.world.wall))
        return result

    return wrapped


def pwritev(fd: int, buffers: Any, offset: int, flags: int = 0) -> int:
    if fd < FIRST:
        return os_.pwritev(fd, buffers, offset, flags)
    its = files()
    whole = b"".join(bytes(one) for one in buffers)
    its.step(f"pwritev at {offset} {whole!r}", its.get(fd).path)
    its.check_room()
    if its.writes_short and len(whole) > 1:
        whole = whole[: len(whole) // 2]
    real_fd = its.get(fd).fd
    count = os_.pwrite(real_fd, whole, offset)
    os_.utime(real_fd, (its.world.wall, its.world.wall))
    return count


def _sync(name: str) -> Any:
    call = getattr(os_, name)

    def wrapped(fd: int) -> None:
        if fd < FIRST:
            call(fd)
            return
        its = files()
        its.step(name, its.get(fd).path)
        one = its.get(fd)
        if _is_there(one):
            its.shadow.sync(one.path)

    return wrapped


def _is_there(one: Opened) -> bool:
    """Whether the descriptor's file still has the name by which it was opened."""
    try:
        return os_.lstat(one.path).st_ino == os_.fstat(one.fd).st_ino
    except OSError:
        return False


def copy_file_range(source: int, target: int, count: int, *rest: Any, **more: Any) -> int:
    if source < FIRST:
        return os_.copy_file_range(source, target, count, *rest, **more)
    its = files()
    name = its.get(source).path[len(its.prefix) :]
    its.step(f"copy {count} bytes from {name} to", its.get(target).path)
    its.check_room()
    data = os_.read(its.get(source).fd, min(count, 5) if its.copies_short else count)
    real_fd = its.get(target).fd
    written = os_.write(real_fd, data)
    os_.utime(real_fd, (its.world.wall, its.world.wall))
    return written


def sendfile(out: int, source: int, offset: int | None, count: int) -> int:
    if source < FIRST:
        return os_.sendfile(out, source, offset, count)
    return copy_file_range(source, out, count)


def _by_path(name: str) -> Any:
    call = getattr(os_, name)

    def wrapped(path: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(path, int) and path >= FIRST:
            return call(files().get(path).fd, *args, **kwargs)
        ours = _ours(path)
        if ours is None:
            return call(path, *args, **kwargs)
        files().step(name, ours)
        return call(ours, *args, **kwargs)

    return wrapped


def unlink(path: Any, *, dir_fd: int | None = None) -> None:
    ours = _ours(path)
    if ours is None:
        os_.unlink(path, dir_fd=dir_fd)
        return
    its = files()
    its.step("unlink", ours)
    if _exists(ours):
        its.shadow.before_gone(ours)
        its.changed(ours)
    os_.unlink(ours)
    its.shadow.unlink(ours)


def rename(source: Any, target: Any, **more: Any) -> None:
    ours = _ours(source)
    if ours is None:
        os_.rename(source, target, **more)
        return
    its, to = files(), os.fspath(target)
    its.step(f"rename to {to[len(its.prefix) :]} from", ours)
    its.check_disks(ours, to)
    if _exists(ours) and _exists(to):
        its.shadow.before_gone(to)
    os_.rename(ours, to)
    if _exists(ours):
        return  # two names of one file: nothing happens
    its.shadow.rename(ours, to)
    its.changed(to)


def link(source: Any, target: Any, **more: Any) -> None:
    ours = _ours(source)
    if ours is None:
        os_.link(source, target, **more)
        return
    its, to = files(), os.fspath(target)
    its.step(f"link as {to[len(its.prefix) :]}", ours)
    if _exists(ours) and not _exists(to) and not its.has_links:
        raise OSError(errno.EPERM, "no hard links here")
    its.check_disks(ours, to)
    its.check_room()
    os_.link(ours, to)
    its.shadow.link(ours, to)
    its.changed(to)


def mkdir(path: Any, mode: int = 0o777, **more: Any) -> None:
    ours = _ours(path)
    if ours is None:
        os_.mkdir(path, mode, **more)
        return
    its = files()
    its.step("mkdir", ours)
    its.check_room()
    os_.mkdir(ours, mode)
    its.shadow.create(ours, is_folder=True)


def flock(fd: Any, operation: int) -> None:
    if not isinstance(fd, int) or fd < FIRST:
        real.flock(fd, operation)
        return
    its = files()
    its.step("unlock" if operation == 8 else "lock", its.get(fd).path, "lock")
    while True:
        try:
            real.flock(its.get(fd).fd, operation if operation == 8 else operation | 4)
        except BlockingIOError:
            if operation & 4:
                raise
            its.world.sleep(0.01)
        else:
            return


def scandir(path: Any = ".") -> Any:
    ours = _ours(path)
    if ours is None:
        return os_.scandir(path)
    files().step("scandir", ours)
    return Entries(files().touched, ours)


def _seek(fd: int, offset: int, whence: int) -> int:
    return os_.lseek(files().get(fd).fd, offset, whence)


def _is_open(fd: int) -> bool:
    return here.world is not None and fd in files().opened


_FLAGS = {
    "r": os.O_RDONLY,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
}


def open_file(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
    """In the place of ``open``: binary files of ours, read or written."""
    opener = kwargs.get("opener")
    is_ours = (isinstance(file, int) and file >= FIRST) or _ours(file) is not None
    if not is_ours:
        return real.open_file(file, mode, buffering, *args, **kwargs)
    assert "b" in mode, "text is not simulated"
    flags = _FLAGS[mode[0]] if "+" not in mode else (_FLAGS[mode[0]] & ~os.O_WRONLY) | os.O_RDWR
    path = file if isinstance(file, int) else os.fspath(file)
    fd = file if isinstance(file, int) else (opener or os.open)(path, flags | os.O_CLOEXEC)
    raw = Raw(fd, path, mode, _seek, _is_open)
    if buffering == 0:
        return raw
    if "+" in mode:
        return io.BufferedRandom(raw)
    return io.BufferedReader(raw) if mode[0] == "r" else io.BufferedWriter(raw)


def wrapped_calls() -> dict[str, Any]:
    """What stands in for the calls of ``os``."""
    stands: dict[str, Any] = {
        **{"open": open_, "close": close, "pwritev": pwritev, "copy_file_range": copy_file_range},
        **{"sendfile": sendfile, "unlink": unlink, "remove": unlink, "rename": rename},
        **{"replace": rename, "link": link, "mkdir": mkdir, "scandir": scandir},
        **{"fsync": _sync("fsync"), "fdatasync": _sync("fdatasync")},
    }
    for name in ("read", "pread", "fchmod", "ftruncate"):
        stands[name] = _by_descriptor(name)
    for name in ("fstat", "lseek"):
        stands[name] = _by_descriptor(name, is_step=False)
    for name in ("write", "pwrite"):
        stands[name] = _by_descriptor(name, writes=True)
    for name in ("stat", "lstat", "chmod", "chown", "truncate", "statvfs", "utime"):
        stands[name] = _by_path(name)
    return stands


__all__ = ["Files", "flock", "open_file", "wrapped_calls"]
