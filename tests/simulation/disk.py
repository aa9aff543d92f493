"""What the processes of a simulation have open, and how the disk below its folder behaves."""

import errno
import os
import random
from typing import Any

from tests.simulation import real
from tests.simulation.shadow import Shadow
from tests.simulation.world import Killed, Process, World, here

# Descriptors are numbers of the simulation's own from here on.
FIRST = 1_000_000
os_ = real.calls


class Opened:
    """One descriptor, and whose it is."""

    __slots__ = ("fd", "name", "path", "process")

    def __init__(self, fd: int, path: str, process: Process, name: str) -> None:
        self.fd, self.path, self.process, self.name = fd, path, process, name


class Files:
    """What a world has open below ``root``, and how its disk behaves."""

    def __init__(self, world: World, root: str) -> None:
        self.world = world
        self.root = root
        self.prefix = root + "/"
        self.shadow = Shadow(root)
        self.opened: dict[int, Opened] = {}
        self.next = FIRST
        # folders between which there are no links and renames
        self.other_disks: tuple[str, ...] = ()
        self.has_links = True
        self.writes_short = self.copies_short = False
        # calls, by their first words, and seconds that each takes, about
        self.slow: dict[str, float] = {}
        self.touched: dict[int, float] = {}

    def is_ours(self, path: Any) -> str | None:
        """The path, if it is below the simulation's folder."""
        if here.world is None or here.world.current is None or isinstance(path, int):
            return None
        text = os.fspath(path)
        if not isinstance(text, str) or not text.startswith(self.root):
            return None
        return text if text == self.root or text.startswith(self.prefix) else None

    def step(self, call: str, path: str, kind: str = "fs") -> None:
        """:raises OSError: as the scheduler says."""
        world = self.world
        text = f"{call} {path[len(self.prefix) :]}"
        fault = world.step(text, kind)
        if fault is not None and fault[0] == "eio":
            raise OSError(errno.EIO, "the disk fails", path)
        if self.slow:
            self.linger(call.partition(" ")[0])

    def linger(self, call: str) -> None:
        """Take as long as such a call takes in this run: not at all, so long, or twice as long."""
        world, seconds = self.world, self.slow.get(call)
        if seconds is None or world.is_calm or world.current is None:
            return
        dice = random.Random(f"{world.current.name} {world.current.steps}").choice((0, 0, 1, 2))
        if dice:
            world.tell(f"   slow: {dice * seconds} seconds")
            world.sleep(dice * seconds)

    def check_room(self) -> None:
        """:raises OSError: the disk is full just now."""
        if self.world.now < self.world.full_until and not self.world.is_calm:
            self.world.tell("   no space left")
            raise OSError(errno.ENOSPC, "no space left")

    def check_disks(self, source: str, target: str) -> None:
        """:raises OSError: they are on two file systems."""
        for folder in self.other_disks:
            if source.startswith(folder) != target.startswith(folder):
                raise OSError(errno.EXDEV, "another file system")

    def touch(self, path: str) -> None:
        """The file was changed at the world's time."""
        os_.utime(path, (self.world.wall, self.world.wall))

    def put(self, path: str, content: bytes) -> None:
        """A file that somebody else made, and made durable."""
        folder = path.rpartition("/")[0]
        missing = []
        while folder not in self.shadow.seen:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        for one in reversed(missing):
            os_.mkdir(one)
            self.shadow.create(one, is_folder=True)
            self.shadow.sync(one.rpartition("/")[0])
        with real.open_file(path, "xb") as file:
            file.write(content)
        self.touch(path)
        self.shadow.create(path)
        self.shadow.sync(path)
        self.shadow.sync(path.rpartition("/")[0])

    def changed(self, path: str) -> None:
        """The inode was changed at the world's time."""
        self.touched[os_.lstat(path).st_ino] = self.world.wall

    def get(self, fd: int) -> Opened:
        """:raises OSError: there is no such descriptor."""
        found = self.opened.get(fd)
        actor = self.world.current
        if actor is not None and actor.is_dying:
            raise Killed
        if found is None:
            raise OSError(errno.EBADF, "bad file descriptor")
        return found

    def close_all_of(self, process: Process) -> None:
        """The process is dead."""
        for number, one in list(self.opened.items()):
            if one.process is process:
                del self.opened[number]
                os_.close(one.fd)

    def close_all(self) -> None:
        """The run is over."""
        for one in self.opened.values():
            os_.close(one.fd)
        self.opened.clear()
