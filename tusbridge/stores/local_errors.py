"""Where the operating system's errors become the store's."""

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tusbridge.errors import LeaseLost, StoreError, StoreFull, UploadError

logger = logging.getLogger("tusbridge.store")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def store_errors() -> Iterator[None]:
    """Operating system errors as the store's own.

    :raises StoreFull: no room, or over the quota.
    :raises StoreError: anything else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull from error
        logger.exception("store-error", extra={"errno": error.errno})
        raise StoreError from error


def log_not_removed(key: str, error: UploadError) -> None:
    """Of an upload that is over, something stays, and is met by a walk."""
    logger.warning("bytes-not-removed", extra={"upload_id": key, "code": error.code})


@contextmanager
def unless_lost(still_mine: Callable[[], bool]) -> Iterator[None]:
    """What fails because somebody else has deleted, or completed, the upload is no failure.

    :raises LeaseLost: instead.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, LeaseLost) or still_mine():
            raise
        raise LeaseLost from error
