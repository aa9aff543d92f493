"""Stores by the class behind a Django ``STORAGES`` alias: a local folder whose files are finished
by rename for a plain FileSystemStorage, and for any other the spooled one.
"""

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.signals import setting_changed

from tusbridge.conf import Options
from tusbridge.stores.base import Blob, Store, Stray, Writer
from tusbridge.stores.local import LocalStore, partials_dir
from tusbridge.stores.spooled import SpooledStore, spool_dir

__all__ = ["Blob", "Store", "Stray", "Writer", "get_store", "register"]

Factory = Callable[[Any, Options], Store]

_factories: dict[type[Storage], Factory] = {}


def register(storage_class: type[Storage], factory: Factory) -> None:
    """Keep uploads for this class of Django storage in what ``factory(storage, options)`` makes."""
    _factories[storage_class] = factory


def get_store(alias: str, options: Options) -> Store:
    """The store for the storage behind the alias.

    :raises ImproperlyConfigured: no store fits that class of storage, or unfinished bytes have
        no folder.
    """
    return _get_store(alias, options)


@lru_cache(maxsize=16)
def _get_store(alias: str, options: Options) -> Store:
    storage = storages[alias]
    for cls in type(storage).__mro__:
        if cls in _factories:
            return _factories[cls](storage, options)
    raise ImproperlyConfigured(
        f"STORAGES[{alias!r}] is a {type(storage).__name__}, which is no Django storage"
    )


def _local_store(storage: FileSystemStorage, options: Options) -> Store:
    if _saves_in_its_own_way(type(storage)):
        # a rename would pass that by
        return _spooled_store(storage, options)
    # a folder that is another one for each tenant, say, is not a place for what all begin
    may_move = isinstance(inspect.getattr_static(storage, "location"), property)
    if may_move and settings.MEDIA_ROOT:
        root = spool_dir(options.PARTIALS_DIR)
    else:
        root = partials_dir(storage, options.PARTIALS_DIR)
    return LocalStore(storage, root, durable=options.DURABILITY == "power")


def _saves_in_its_own_way(cls: type[FileSystemStorage]) -> bool:
    below = cls.__mro__[: cls.__mro__.index(FileSystemStorage)]
    return any({"save", "_save"} & vars(one).keys() for one in below)


def _spooled_store(storage: Storage, options: Options) -> Store:
    root = spool_dir(options.PARTIALS_DIR)
    return SpooledStore(storage, root, durable=options.DURABILITY == "power")


register(FileSystemStorage, _local_store)
register(Storage, _spooled_store)


def _forget_stores(*, setting: str, **_: object) -> None:
    if setting in {"STORAGES", "MEDIA_ROOT", "TUSBRIDGE"}:
        _get_store.cache_clear()


setting_changed.connect(_forget_stores)
