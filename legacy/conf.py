"""The CHUNKED_UPLOAD_* settings, read at use, so that ``override_settings`` works."""

import os.path
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.serializers.json import DjangoJSONEncoder
from django.core.signals import setting_changed
from django.utils.functional import LazyObject, empty

from tusbridge.conf import get_options

DEFAULT_EXPIRATION_DELTA = timedelta(days=1)
DEFAULT_UPLOAD_PATH = "chunked_uploads/%Y/%m/%d"
DEFAULT_CONTENT_TYPE = "application/json"
DEFAULT_MAX_BYTES = None
DEFAULT_ENCODER: Callable[[Any], str] = DjangoJSONEncoder().encode

# The alias under which the storage of CHUNKED_UPLOAD_STORAGE_CLASS is known to Django.
_ALIAS = "chunked_upload"


def expiration_delta() -> timedelta:
    """CHUNKED_UPLOAD_EXPIRATION_DELTA: how long after its creation an upload expires."""
    delta: timedelta = getattr(
        settings, "CHUNKED_UPLOAD_EXPIRATION_DELTA", DEFAULT_EXPIRATION_DELTA
    )
    return delta


def upload_path() -> str:
    """CHUNKED_UPLOAD_PATH: the folder of the finished files; may hold what strftime fills in."""
    path: str = getattr(settings, "CHUNKED_UPLOAD_PATH", DEFAULT_UPLOAD_PATH)
    return path


# Set while a site's own function is asked, which may ask ours in turn.
_is_asking: ContextVar[bool] = ContextVar("is_asking", default=False)


def default_upload_to(instance: Any, filename: str) -> str:
    """The finished file's name: by CHUNKED_UPLOAD_TO where the site has one, a function like this
    or a folder; else by CHUNKED_UPLOAD_PATH and the id."""
    chosen = getattr(settings, "CHUNKED_UPLOAD_TO", None)
    if chosen is None or _is_asking.get():
        return _in_folder(upload_path(), instance)
    if not callable(chosen):
        return _in_folder(os.fspath(chosen), instance)
    token = _is_asking.set(True)
    try:
        return str(chosen(instance, filename))
    finally:
        _is_asking.reset(token)


def _in_folder(folder: str, instance: Any) -> str:
    # local time, as ever: that of the first chunk
    began = getattr(instance, "created_on", None)
    at = time.localtime(began.timestamp() if began else None)
    return time.strftime(os.path.join(folder, f"{instance.upload_id}.part"), at)


def has_storage_class() -> bool:
    """Whether the site has a storage of its own for chunked uploads."""
    return getattr(settings, "CHUNKED_UPLOAD_STORAGE_CLASS", None) is not None


def register_storage() -> None:
    """Make it known, before anybody looks for an upload's bytes in it."""
    if has_storage_class():
        storage_alias()


def storage_alias() -> str:
    """The alias of the storage that takes finished files: that of CHUNKED_UPLOAD_STORAGE_CLASS, a
    class or its dotted path; else tusbridge's own."""
    storage_class = getattr(settings, "CHUNKED_UPLOAD_STORAGE_CLASS", None)
    if storage_class is None:
        return get_options().STORAGE
    if not isinstance(storage_class, str):
        storage_class = f"{storage_class.__module__}.{storage_class.__qualname__}"
    backends: Any = storages.backends
    backends.setdefault(_ALIAS, {"BACKEND": storage_class})
    return _ALIAS


class _CurrentStorage(LazyObject):  # type: ignore[type-arg]
    """The storage that the settings name now; with settings that are wrong a plain one stands in,
    so that ``manage.py check`` comes to say what is."""

    def _setup(self) -> None:
        try:
            self._wrapped = storages[storage_alias()]
        except (ImproperlyConfigured, ImportError):
            self._wrapped = FileSystemStorage()

    def forget(self) -> None:
        self._wrapped = empty  # type: ignore[assignment]


_current: Any = _CurrentStorage()


def storage() -> Storage:
    """For a model's field: whatever storage the settings name when it is used."""
    found: Storage = _current
    return found


def _forget(*, setting: str, **_: object) -> None:
    if setting == "CHUNKED_UPLOAD_STORAGE_CLASS":
        storages.backends.pop(_ALIAS, None)
        storages._storages.pop(_ALIAS, None)  # type: ignore[attr-defined]
    if setting in {"CHUNKED_UPLOAD_STORAGE_CLASS", "TUSBRIDGE", "STORAGES", "MEDIA_ROOT"}:
        _current.forget()


setting_changed.connect(_forget)


def is_declared_abstract() -> bool:
    """CHUNKED_UPLOAD_ABSTRACT_MODEL: whether ``ChunkedUpload`` is abstract, as it was in 1.x by
    default; here only where the site says so."""
    return getattr(settings, "CHUNKED_UPLOAD_ABSTRACT_MODEL", None) is True


def abstract_model() -> bool:
    """CHUNKED_UPLOAD_ABSTRACT_MODEL under its name in the settings' module."""
    return is_declared_abstract()


def encode(data: Mapping[str, Any]) -> str:
    """An answer's text, by CHUNKED_UPLOAD_ENCODER: a function from a dictionary to text."""
    encoder: Callable[[Any], str] = getattr(settings, "CHUNKED_UPLOAD_ENCODER", DEFAULT_ENCODER)
    return encoder(data)


def content_type() -> str:
    """CHUNKED_UPLOAD_CONTENT_TYPE, or CHUNKED_UPLOAD_MIMETYPE as early releases had it."""
    former: str = getattr(settings, "CHUNKED_UPLOAD_MIMETYPE", DEFAULT_CONTENT_TYPE)
    chosen: str = getattr(settings, "CHUNKED_UPLOAD_CONTENT_TYPE", former)
    return chosen


def max_bytes() -> int | None:
    """CHUNKED_UPLOAD_MAX_BYTES: bytes of one upload, at most; None for no such limit."""
    limit: int | None = getattr(settings, "CHUNKED_UPLOAD_MAX_BYTES", DEFAULT_MAX_BYTES)
    return limit


def user_null() -> bool:
    """CHUNKED_UPLOAD_MODEL_USER_FIELD_NULL: whether an upload may be nobody's."""
    return bool(getattr(settings, "CHUNKED_UPLOAD_MODEL_USER_FIELD_NULL", True))


def user_blank() -> bool:
    """CHUNKED_UPLOAD_MODEL_USER_FIELD_BLANK: whether forms may leave the user out."""
    return bool(getattr(settings, "CHUNKED_UPLOAD_MODEL_USER_FIELD_BLANK", True))
