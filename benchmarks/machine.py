"""Where something was measured, for the report. Nothing here names the machine or its paths."""

import os
import platform
import re
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("Django", "django-ninja", "granian", "gunicorn", "psycopg")


def machine(place: Path) -> dict[str, str]:
    """What figures depend on; ``place`` is where the data are."""
    memory = re.search(r"MemTotal:\s+(\d+) kB", _text("/proc/meminfo"))
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "",
        "kernel": platform.release(),
        "file system": file_system(place, _text("/proc/self/mounts")),
        "clocks": "CPU in ticks of 10 ms",
    }


def versions() -> dict[str, str]:
    """Of what tusbridge runs with here."""
    found = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def load() -> str:
    """Load averages of 1, 5 and 15 minutes."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


def file_system(place: Path, mounts: str) -> str:
    """The type of the file system that ``place`` is on, by the text of /proc/self/mounts."""
    found = ("", "")
    for line in mounts.splitlines():
        _, folder, kind, *_ = line.split(" ")
        folder = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), folder)
        # of two on the same folder, the later one covers the other
        if place.is_relative_to(folder) and len(folder) >= len(found[0]):
            found = (folder, kind)
    return found[1]


def _processor() -> str:
    match = re.search(r"^model name\s*: (.*)$", _text("/proc/cpuinfo"), re.MULTILINE)
    return match[1].strip() if match else platform.machine()


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
