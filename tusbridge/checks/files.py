"""Where bytes go: the storage, the folder of unfinished uploads, and names."""

import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage, storages

from tusbridge.checks import catalogue
from tusbridge.conf import Options
from tusbridge.models import get_upload_model, upload_to
from tusbridge.stores import Store, get_store
from tusbridge.stores.local import LocalStore
from tusbridge.stores.local_bytes import LocalBytes


def check_storage(options: Options) -> Iterator[CheckMessage]:
    """Whether the storage can be used, and its folders."""
    alias = options.STORAGE
    try:
        storages[alias]
    except Exception as error:  # noqa: BLE001 whatever a backend raises that is given wrong OPTIONS
        yield catalogue.NO_STORAGE(alias=alias, why=error)
        return
    try:
        store = get_store(alias, options)
    except ImproperlyConfigured as error:
        yield catalogue.NO_STORE(alias=alias, why=error)
        return
    yield from _check_folders(store, options)


def check_upload_to(options: Options) -> Iterator[CheckMessage]:
    """Whether finished files get a name that the storage takes; it is tried at completion only."""
    try:
        field = get_upload_model()._meta.get_field("file")
    except ImproperlyConfigured:
        return
    if getattr(field, "upload_to", None) is not upload_to:
        return
    value = options.UPLOAD_TO
    name = Path(f"{value}/00/{'0' * 32}")
    if not value:
        why = "is empty, which makes absolute names"
    elif name.is_absolute() or "\\" in value:
        why = "is absolute, or has backslashes"
    elif ".." in name.parts:
        why = "leads out of the storage's folder"
    elif "\0" in value:
        why = "has a NUL in it"
    elif len(str(name)) > (getattr(field, "max_length", None) or len(str(name))):
        why = "is longer than the column for names"
    else:
        return
    yield catalogue.WRONG_UPLOAD_TO(value=value, why=why)


def _check_folders(store: Store, options: Options) -> Iterator[CheckMessage]:
    if not isinstance(store, LocalBytes):
        return
    storage: Storage | None = getattr(store, "storage", None)
    # other kinds have no folder, or none that is anybody's concern
    location = str(storage.location) if isinstance(storage, FileSystemStorage) else ""
    yield from _check_relative(storage, options)
    for where, published in (
        ("the storage's folder", location),
        ("MEDIA_ROOT", settings.MEDIA_ROOT),
        ("STATIC_ROOT", settings.STATIC_ROOT),
    ):
        if published and _is_inside(store.root, str(published)):
            yield catalogue.PUBLISHED_PARTIALS(folder=store.root, where=where)
            break
    folders = [folder for folder in (location, store.root) if folder]
    for folder in folders:
        if not _can_be_written(folder):
            yield catalogue.NOT_WRITABLE(folder=folder)
    devices = {os.stat(folder).st_dev for folder in folders if os.path.isdir(folder)}
    if len(devices) > 1 and isinstance(store, LocalStore):
        yield catalogue.OTHER_FILE_SYSTEM(folder=store.root, location=location)


def _check_relative(storage: Storage | None, options: Options) -> Iterator[CheckMessage]:
    base = None if options.PARTIALS_DIR else str(settings.MEDIA_ROOT)
    if isinstance(storage, FileSystemStorage):
        base = str(storage.base_location)
    if base is not None and not os.path.isabs(base):
        is_media_root = base == str(settings.MEDIA_ROOT)
        setting = (
            "MEDIA_ROOT" if is_media_root else f"The location of STORAGES[{options.STORAGE!r}]"
        )
        yield catalogue.RELATIVE_FOLDER(setting=setting, value=base)
    if options.PARTIALS_DIR and not os.path.isabs(options.PARTIALS_DIR):
        yield catalogue.RELATIVE_FOLDER(
            setting="TUSBRIDGE['PARTIALS_DIR']", value=options.PARTIALS_DIR
        )


def _is_inside(folder: str, other: str) -> bool:
    return Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(other))


def _can_be_written(folder: str) -> bool:
    """Whether files can be made there; of a folder that is still to be made, whether it can be."""
    path = os.path.abspath(folder)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    effective = os.access in os.supports_effective_ids
    return os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK, effective_ids=effective)
