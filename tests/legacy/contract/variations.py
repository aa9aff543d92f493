"""The CHUNKED_UPLOAD_* settings, each as a site that sets it does; by the name of the variation.

The original reads them once, while it is imported, so each needs a process of its own.
"""

from datetime import timedelta
from typing import Any

_HERE = "tests.legacy.contract.extras"


def _own_path(instance: Any, filename: str) -> str:
    return f"own/{instance.upload_id}.bin"


def _storage_class() -> Any:
    from tests.legacy.contract.extras import OwnStorage

    return OwnStorage()


def _encode(data: Any) -> str:
    from tests.legacy.contract.extras import encode

    return encode(data)


VARIATIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "expiration_delta": {"CHUNKED_UPLOAD_EXPIRATION_DELTA": timedelta(hours=2)},
    "expiration_past": {"CHUNKED_UPLOAD_EXPIRATION_DELTA": timedelta(seconds=-1)},
    "path": {"CHUNKED_UPLOAD_PATH": "elsewhere/%Y"},
    "to_callable": {"CHUNKED_UPLOAD_TO": _own_path},
    "to_string": {"CHUNKED_UPLOAD_TO": "fixed/%Y"},
    "storage_class": {"CHUNKED_UPLOAD_STORAGE_CLASS": _storage_class},
    "storage_string": {"CHUNKED_UPLOAD_STORAGE_CLASS": f"{_HERE}.OwnStorage"},
    "storage_without_path": {"CHUNKED_UPLOAD_STORAGE_CLASS": f"{_HERE}.RemoteStorage"},
    "abstract_model": {"CHUNKED_UPLOAD_ABSTRACT_MODEL": False},
    "encoder": {"CHUNKED_UPLOAD_ENCODER": _encode},
    "content_type": {"CHUNKED_UPLOAD_CONTENT_TYPE": "text/plain"},
    "mimetype": {"CHUNKED_UPLOAD_MIMETYPE": "text/plain"},
    "max_bytes": {"CHUNKED_UPLOAD_MAX_BYTES": 10},
    "user_not_null": {
        "CHUNKED_UPLOAD_MODEL_USER_FIELD_NULL": False,
        "CHUNKED_UPLOAD_MODEL_USER_FIELD_BLANK": False,
    },
    "big_auto_field": {"DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField"},
}
