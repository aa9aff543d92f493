"""The settings under the original's names; each is looked up when it is asked for."""

from typing import Any

from legacy import conf
from legacy.conf import (
    DEFAULT_CONTENT_TYPE,
    DEFAULT_ENCODER,
    DEFAULT_EXPIRATION_DELTA,
    DEFAULT_MAX_BYTES,
    DEFAULT_UPLOAD_PATH,
    default_upload_to,
)

# migrations name both
UPLOAD_TO = default_upload_to

__all__ = [
    "DEFAULT_CONTENT_TYPE",
    "DEFAULT_ENCODER",
    "DEFAULT_EXPIRATION_DELTA",
    "DEFAULT_MAX_BYTES",
    "DEFAULT_UPLOAD_PATH",
    "UPLOAD_TO",
    "default_upload_to",
]

_READ = {
    "EXPIRATION_DELTA": conf.expiration_delta,
    "UPLOAD_PATH": conf.upload_path,
    "STORAGE": conf.storage,
    "ENCODER": lambda: conf.encode,
    "CONTENT_TYPE": conf.content_type,
    "MAX_BYTES": conf.max_bytes,
    "ABSTRACT_MODEL": conf.abstract_model,
    "DEFAULT_MODEL_USER_FIELD_NULL": conf.user_null,
    "DEFAULT_MODEL_USER_FIELD_BLANK": conf.user_blank,
}


def __getattr__(name: str) -> Any:
    try:
        return _READ[name]()
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
