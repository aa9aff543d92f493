"""Faults that are put into the code to see that a simulation finds them.

``python -m tests.simulation.planted NAME RUNS`` exits with 0 once a run fails as it must.
"""

import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

# What may come of bytes that are acknowledged before they are kept.
LOST = frozenset({"offset", "stuck", "wrong", "lost"})


def no_sync() -> None:
    """Nothing waits for the disk before it is committed."""
    os.fsync = os.fdatasync = lambda fd: None


def late_bytes() -> None:
    """The offset is committed, and the bytes are written behind that."""
    pwritev, close = os.pwritev, os.close
    kept: dict[int, list[tuple[bytes, int]]] = {}

    def keep(fd: int, buffers: Any, offset: int, flags: int = 0) -> int:
        whole = b"".join(map(bytes, buffers))
        kept.setdefault(fd, []).append((whole, offset))
        return len(whole)

    def write_and_close(fd: int) -> None:
        for whole, offset in kept.pop(fd, ()):
            pwritev(fd, [whole], offset)
        close(fd)

    os.pwritev, os.close = keep, write_and_close  # type: ignore[assignment]


PLANTS: dict[str, Callable[[], None]] = {
    "no-sync": no_sync,
    "late-bytes": late_bytes,
}


def main(name: str, runs: int) -> int:
    """Exit code: 0 if a run failed as it must."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.simulation.settings"
    import django

    django.setup()
    from tests.simulation import run, settings
    from tests.simulation.many import brief

    run.set_up()
    PLANTS[name]()
    try:
        for seed in range(1, runs + 1):
            outcome = run.run(seed, only="uploads")
            if outcome.failure is not None and outcome.failure[0] in LOST:
                print(f"in {seed} runs: {brief(outcome)}", flush=True)
                return 0
    finally:
        shutil.rmtree(settings.PLACE, ignore_errors=True)
    print(f"not in {runs} runs")
    return 1


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(main(sys.argv[1], int(sys.argv[2])))
