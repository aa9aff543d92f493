"""Small file systems of our own, for tests that fill them up or cut their power."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.serve import require


@contextmanager
def mounted(kind: str, place: Path, size_bytes: int) -> Iterator[Path]:
    """An empty tmpfs, or ext4 in the file ``image`` on a loop device; its mount point."""
    require(os.geteuid() == 0, "root, for loop devices and mounts")
    place.mkdir()
    point = place / "mnt"
    if kind == "tmpfs":
        point.mkdir()
        _run("mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "none", str(point))
        with _until_the_end(point):
            yield point
        return
    image = place / "image"
    with image.open("wb") as file:
        file.truncate(size_bytes)
    _run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
    with mounted_image(image, point):
        yield point


@contextmanager
def mounted_image(image: Path, point: Path) -> Iterator[str]:
    """An image on a loop device of its own; the device. Mounting replays its journal."""
    point.mkdir(exist_ok=True)
    device = _run("losetup", "--find", "--show", str(image)).strip()
    try:
        _run("mount", "-t", "ext4", device, str(point))
        with _until_the_end(point):
            yield device
    finally:
        _run("losetup", "--detach", device)


@contextmanager
def _until_the_end(point: Path) -> Iterator[None]:
    try:
        yield
    finally:
        _run("umount", str(point))


def _run(*command: str) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        require(False, command[0])
        raise
    if ran.returncode:
        pytest.fail(f"{' '.join(command)}: {ran.stderr.strip()}")
    return ran.stdout


def device_of(point: Path) -> str:
    """The device that is mounted there."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return next(device for device, where, *_ in mounts if where == str(point))


def fill(folder: Path, leave_bytes: int = 0) -> Path:
    """Take all room but so much; the file that holds it."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (256 * 1024, 4096, 512):
            while True:
                room = os.statvfs(folder)
                if leave_bytes and room.f_bavail * room.f_frsize - size < leave_bytes:
                    break
                try:
                    if file.write(b"x" * size) < size:
                        break
                except OSError:
                    break
        os.fsync(file.fileno())
    return filler
