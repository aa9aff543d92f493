"""Bytes that come from somewhere else than from requests, for uploads whose rows are to be made."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tusbridge import leases
from tusbridge.errors import BlobTruncated, LeaseLost
from tusbridge.rows import get_row

if TYPE_CHECKING:
    from tusbridge.models import AbstractUpload
    from tusbridge.service import UploadService


def adopt(service: "UploadService", upload: "AbstractUpload", pieces: Iterable[bytes]) -> None:
    """See :meth:`UploadService.adopt`."""
    store = service.store_of(upload)
    blob = store.create(upload.upload_id, upload.offset)
    token = leases.new_token()

    def is_new() -> bool:
        return get_row(service.model, upload.upload_id) is None

    try:
        with store.writer(blob, 0, token, is_new) as writer:
            for piece in pieces:
                writer.write([piece])
            blob = writer.sync()
        if writer.offset != upload.offset:
            raise BlobTruncated(writer.offset)
        if upload.is_complete:
            name = service.name_of(upload)
            store.complete(blob, name, upload.offset, token, is_new)
            upload.file.name = name
        else:
            upload.store_state = dict(blob.state)
    except LeaseLost:
        raise  # the bytes are somebody else's
    except BaseException:
        # not the finished file: what is in its place may be somebody else's
        store.delete(blob, "")
        raise
