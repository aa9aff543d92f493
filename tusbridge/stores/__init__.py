"""Stores by the class behind a Django ``STORAGES`` alias."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.signals import setting_changed

from tusbridge.conf import Options
from tusbridge.stores.base import Blob, Store, Stray, Writer
from tusbridge.stores.local import LocalStore, partials_dir

__all__ = ["Blob", "Store", "Stray", "Writer", "get_store", "register"]

Factory = Callable[[Any, Options], Store]

_factories: dict[type[Storage], Factory] = {}


def register(storage_class: type[Storage], factory: Factory) -> None:
    """Keep uploads for this class of Django storage in what ``factory(storage, options)`` makes."""
    _factories[storage_class] = factory


def get_store(alias: str, options: Options) -> Store:
    """The store for the storage behind the alias.

    :raises ImproperlyConfigured: no store fits that class of storage.
    """
    return _get_store(alias, options)


@lru_cache(maxsize=16)
def _get_store(alias: str, options: Options) -> Store:
    storage = storages[alias]
    for cls in type(storage).__mro__:
        if cls in _factories:
            return _factories[cls](storage, options)
    raise ImproperlyConfigured(
        f"STORAGES[{alias!r}] is a {type(storage).__name__}, for which there is no store; "
        "use a FileSystemStorage, or name another alias in TUSBRIDGE['STORAGE']"
    )


def _local_store(storage: FileSystemStorage, options: Options) -> Store:
    if any("_save" in vars(cls) for cls in _classes_below(type(storage), FileSystemStorage)):
        raise ImproperlyConfigured(
            f"{type(storage).__name__} saves files in its own way, which a rename would pass by"
        )
    return LocalStore(
        storage,
        partials_dir(storage, options.PARTIALS_DIR),
        durable=options.DURABILITY == "power",
    )


def _classes_below(cls: type, base: type) -> list[type]:
    return list(cls.__mro__[: cls.__mro__.index(base)])


register(FileSystemStorage, _local_store)


def _forget_stores(*, setting: str, **_: object) -> None:
    if setting in {"STORAGES", "MEDIA_ROOT", "TUSBRIDGE"}:
        _get_store.cache_clear()


setting_changed.connect(_forget_stores)
