"""Signals that sites receive; each is sent after what it tells is committed.

Receivers get ``sender`` (the upload model) and ``upload``, in the request's context, maybe in
another thread (``carrying``). Exceptions in receivers are logged by Django and do not affect the
upload. An upload that was uploaded to become a part of another has ``upload.is_part``; it is
created, terminated and expired like others, and never completed: only the final upload is.

``upload_completed`` is sent once at least, and never while its receivers run (``telling``). Only a
server that dies right then makes the sweep send it again (or for the first time), so receivers
should bear a second call. The others are sent at most once.
"""

import logging
from functools import partial

from django.db import transaction
from django.dispatch import Signal

from tusbridge.models import AbstractUpload
from tusbridge.rows import database_of

__all__ = ["upload_completed", "upload_created", "upload_expired", "upload_terminated"]

logger = logging.getLogger("tusbridge")

upload_created = Signal()
upload_completed = Signal()
upload_terminated = Signal()
upload_expired = Signal()

_EVENTS = {
    upload_created: "upload-created",
    upload_completed: "upload-completed",
    upload_terminated: "upload-terminated",
    upload_expired: "upload-expired",
}


def announce(signal: Signal, upload: AbstractUpload) -> None:
    """Log the event, and send the signal once the transaction that may be open is committed."""
    log(signal, upload)
    if has_receivers(signal):
        transaction.on_commit(
            partial(send, signal, upload), using=database_of(type(upload)), robust=True
        )


def log(signal: Signal, upload: AbstractUpload) -> None:
    """Log the event that the signal tells of."""
    facts = {"upload_id": upload.upload_id, "offset": upload.offset, "length": upload.length}
    logger.info(_EVENTS[signal], extra=facts)


def send(signal: Signal, upload: AbstractUpload) -> None:
    """Call the receivers; what they raise is logged."""
    signal.send_robust(sender=type(upload), upload=upload)


def has_receivers(signal: Signal) -> bool:
    """Whether anybody listens."""
    return bool(signal.receivers)
