"""System checks of the CHUNKED_UPLOAD_* settings."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 Django's name
from django.core.exceptions import ImproperlyConfigured

from legacy import conf
from tusbridge.service import UploadService

_NUMBERS = "has to be a number of bytes, or None"


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """What would fail only once somebody uploads."""
    return [*_storage(), *_values(), *_former()]


def _storage() -> list[CheckMessage]:
    if not conf.has_storage_class():
        return []
    try:
        UploadService().check_storage(conf.storage_alias())
    except (ImproperlyConfigured, ImportError, KeyError) as error:
        hint = "Name a class of storage; unfinished uploads lie beside MEDIA_ROOT."
        return [Error(f"CHUNKED_UPLOAD_STORAGE_CLASS: {error}", hint=hint, id="legacy.E001")]
    return []


def _values() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not isinstance(conf.expiration_delta(), timedelta):
        text = "CHUNKED_UPLOAD_EXPIRATION_DELTA has to be a timedelta"
        found.append(Error(text, id="legacy.E002"))
    limit = conf.max_bytes()
    if limit is not None and (not isinstance(limit, int) or limit < 0):
        found.append(Error(f"CHUNKED_UPLOAD_MAX_BYTES {_NUMBERS}", id="legacy.E003"))
    if not callable(getattr(settings, "CHUNKED_UPLOAD_ENCODER", print)):
        text = "CHUNKED_UPLOAD_ENCODER has to be a function that makes text of a dictionary"
        found.append(Error(text, id="legacy.E004"))
    return found


def _former() -> list[CheckMessage]:
    if not hasattr(settings, "CHUNKED_UPLOAD_MIMETYPE"):
        return []
    hint = "Rename it to CHUNKED_UPLOAD_CONTENT_TYPE."
    return [Warning("CHUNKED_UPLOAD_MIMETYPE is a former name", hint=hint, id="legacy.W001")]
