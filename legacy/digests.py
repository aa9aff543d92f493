"""The md5 of uploads whose bytes this process has seen, so that none need be read back.

``hashlib`` cannot put a running digest into a row; what other processes saw, or this one before
a restart, is read from the store once the digest is asked for.
"""

import hashlib
import threading
from collections import OrderedDict
from typing import Any

# Running digests that are kept: some 200 bytes each.
_MOST = 4096
_running: OrderedDict[str, tuple[int, Any]] = OrderedDict()
_lock = threading.Lock()


def begin(upload_id: str, offset: int) -> Any | None:
    """A digest of the first ``offset`` bytes to go on with; None where they were not all seen."""
    if offset == 0:
        return new()
    with _lock:
        known = _running.get(upload_id)
    return known[1].copy() if known and known[0] == offset else None


def keep(upload_id: str, offset: int, digest: Any) -> None:
    """Remember the digest of the first ``offset`` bytes."""
    with _lock:
        _running[upload_id] = (offset, digest)
        _running.move_to_end(upload_id)
        while len(_running) > _MOST:
            _running.popitem(last=False)


def nearest(upload_id: str, offset: int) -> tuple[int, Any]:
    """How many of the first ``offset`` bytes a digest is known of, and that digest."""
    with _lock:
        known = _running.get(upload_id)
    if known is None or known[0] > offset:
        return 0, new()
    return known[0], known[1].copy()


def forget(upload_id: str) -> None:
    """The upload is complete, or gone."""
    with _lock:
        _running.pop(upload_id, None)


def new() -> Any:
    """An md5 of no bytes; it guards against accidents, not against anybody."""
    return hashlib.md5(usedforsecurity=False)
