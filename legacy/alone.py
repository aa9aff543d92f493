"""One at a time, across processes, by a lock on a storage's own folder: nothing is left of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files.storage import FileSystemStorage

from legacy.sources import ImportRefused
from tusbridge.system import lock


@contextmanager
def alone_in(storage: Any) -> Iterator[None]:
    """Two that copy the same upload would take each other's bytes away.

    :raises ImportRefused: somebody else is in the block.
    """
    if not isinstance(storage, FileSystemStorage):
        yield
        return
    os.makedirs(storage.location, exist_ok=True)
    folder = os.open(storage.location, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(folder)
        yield
    finally:
        os.close(folder)


def _lock(folder: int) -> None:
    try:
        lock(folder)
    except BlockingIOError:
        raise ImportRefused("another import is running; wait for its end") from None
