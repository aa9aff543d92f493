"""The disk that unfinished uploads lie on, found out by trying."""

import os
from collections.abc import Iterator

from django.core.checks import CheckMessage

from tusbridge import system
from tusbridge.checks import catalogue
from tusbridge.conf import Options
from tusbridge.disks import probe
from tusbridge.stores import get_store
from tusbridge.stores.local_bytes import LocalBytes


def check_system(options: Options) -> Iterator[CheckMessage]:
    """Whether the platform has file locks at all."""
    if not system.has_locks():
        yield catalogue.NO_POSIX(why=system.NO_POSIX)


def check_disk(options: Options) -> Iterator[CheckMessage]:
    """What the disk can do. A folder that is still to be made, or another user's, is not tried."""
    try:
        store = get_store(options.STORAGE, options)
    except Exception:  # noqa: BLE001 what is wrong with the storage is said by its own check
        return
    if not isinstance(store, LocalBytes) or not os.path.isdir(store.root):
        return
    if not os.access(store.root, os.W_OK | os.X_OK):
        return
    disk = probe(store.root)
    refusal = disk.refusal(durable=store.durable)
    if refusal is not None:
        yield catalogue.DISK_REFUSED(why=refusal)
        return
    for what in disk.warnings(durable=store.durable):
        yield catalogue.DISK_LACKS(why=what[0].upper() + what[1:])
