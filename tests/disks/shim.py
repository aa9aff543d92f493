"""Disks that lack something: the calls of :file:`shim.c`, preloaded into servers and scripts."""

import shutil
import subprocess
from pathlib import Path

from tests.support.serve import require

_SOURCE = Path(__file__).with_name("shim.c")


def lacking(what: str, place: Path) -> dict[str, str]:
    """Environment of a process whose disk lacks this: links, modes, locks or folder-sync, with
    commas between them."""
    compiler = shutil.which("cc") or ""
    require(compiler, "a C compiler")
    place.mkdir(parents=True, exist_ok=True)
    library = place / "shim.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return {"LD_PRELOAD": str(library), "DISK_WITHOUT": what}
