"""Checking an upload against its bytes: are they all there, and can they be read."""

import hashlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

from tusbridge.errors import StoreError, UploadError, UploadNotFound
from tusbridge.models import AbstractUpload, Concat, Status
from tusbridge.rows import get_row
from tusbridge.stores import Blob

if TYPE_CHECKING:
    from tusbridge.service import UploadService


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found of one upload. Sizes are bytes.

    ``problem`` is empty where bytes and row agree. ``stored`` of the ``expected`` bytes are there;
    ``read_back`` of them were read; ``sha256`` is that of the whole file, or empty where it was not
    read to its end.
    """

    upload_id: str
    state: str
    expected: int = 0
    stored: int | None = None
    read_back: int = 0
    sha256: str = ""
    problem: str = ""


def verify(service: "UploadService", upload_id: str, *, until: float) -> Verification:
    """Compare an upload's bytes with its row; read a finished file back, until the monotonic
    clock reaches ``until``. Takes no lease and changes nothing.

    :raises DatabaseUnavailable: the row cannot be read.
    """
    row = get_row(service.model, upload_id)
    found = _verify_row(service, row, upload_id, until)
    if found.problem:
        # between the row and the bytes it may have been completed, removed or handed over
        again = get_row(service.model, upload_id)
        if _moved(row, again):
            return _verify_row(service, again, upload_id, until)
    return found


def _moved(row: AbstractUpload | None, again: AbstractUpload | None) -> bool:
    if row is None or again is None:
        return row is not again
    return (row.status, row.file.name) != (again.status, again.file.name)


def _verify_row(
    service: "UploadService", row: AbstractUpload | None, upload_id: str, until: float
) -> Verification:
    if row is None or row.status == Status.TERMINATED:
        return Verification(upload_id=upload_id, state="removed")
    found = Verification(upload_id=upload_id, state=str(row.get_status_display()))
    found = replace(found, expected=row.offset)
    try:
        if row.is_complete and row.concat != Concat.PARTIAL:
            if not row.file.name:
                return replace(found, state="handed over", expected=0)
            return _verify_finished(service, row, found, until)
        return _verify_unfinished(service, row, found)
    except UploadNotFound:
        return replace(found, stored=0, problem="the file is gone")
    except UploadError as error:
        return replace(found, problem=f"{error.code}: {error}")
    except ImproperlyConfigured:
        return replace(found, problem="its storage is not configured")
    except OSError as error:
        return replace(found, problem=f"it cannot be read: {error.strerror}")


def _verify_unfinished(
    service: "UploadService", row: AbstractUpload, found: Verification
) -> Verification:
    store = service.store_of(row)
    try:
        stored = store.available(Blob(key=row.upload_id, state=row.store_state), row.offset)
    except StoreError:
        if not row.recorded_name:
            raise
        # all bytes came, and a crash came right behind the rename
        stored = store.length(row.recorded_name)
    return _compared(found, stored)


def _verify_finished(
    service: "UploadService", row: AbstractUpload, found: Verification, until: float
) -> Verification:
    found = _compared(found, service.store_of(row).length(str(row.file.name)))
    return found if found.problem else _read_back(service, row, found, until)


def _compared(found: Verification, stored: int) -> Verification:
    if stored == found.expected:
        return replace(found, stored=stored)
    problem = f"{stored} bytes are there, {found.expected} were told"
    return replace(found, stored=stored, problem=problem)


def _read_back(
    service: "UploadService", row: AbstractUpload, found: Verification, until: float
) -> Verification:
    digest = hashlib.sha256()
    count = 0
    pieces = service.open(row, 0, found.expected)
    try:
        while time.monotonic() < until and (piece := next(pieces, b"")):
            digest.update(piece)
            count += len(piece)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
    is_whole = count == found.expected
    if not is_whole and time.monotonic() < until:
        return replace(found, read_back=count, problem=f"it ends after {count} bytes")
    return replace(found, read_back=count, sha256=digest.hexdigest() if is_whole else "")
