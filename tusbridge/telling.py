"""Telling receivers that an upload is complete: once at least, and never while they are told.

``announce_at`` is set with the completion, and cleared when the receivers have run. Meanwhile it is
the sign of life of whoever tells them: it moves on, always from the very value that was put there
last, so that of two only one can. Who finds it old may take it over the same way, for its owner is
dead. The lease is left to who completes, and who confirms.
"""

import logging
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tusbridge import leases, signals
from tusbridge.background import Heart, NoThread
from tusbridge.errors import UploadError

if TYPE_CHECKING:
    from tusbridge.models import AbstractUpload
    from tusbridge.service import UploadService

logger = logging.getLogger("tusbridge")

# What is younger has been set by whoever completed the upload just now, and is nobody else's yet:
# the sweep takes over after two minutes.
_YOUNG = timedelta(seconds=30)
# Signs of life, several within those two minutes.
_heart = Heart(20.0)


def tell(service: "UploadService", upload: "AbstractUpload") -> bool:
    """Tell the receivers, unless somebody else is at it; whether they were told. Where the database
    or the system does not let us, the sweep does it later."""
    if upload.announce_at is None:
        signals.send(signals.upload_completed, upload)
        return True
    turn = _Turn(service, upload, upload.announce_at)
    try:
        with _heart.beating(turn.beat):
            # last, for it may have taken long to come so far
            if not turn.begin():
                return False
            signals.send(signals.upload_completed, upload)
        turn.end()
    except UploadError as error:
        facts = {"upload_id": upload.upload_id, "code": error.code}
        logger.warning("upload-not-announced", extra=facts)
        return False
    except NoThread:
        # for the signs of life, so nobody was told
        logger.exception("upload-not-announced", extra={"upload_id": upload.upload_id})
        return False
    upload.announce_at = None
    return True


class _Turn:
    """One telling. Beats come from another thread than the rest."""

    def __init__(self, service: "UploadService", upload: "AbstractUpload", at: datetime) -> None:
        self._model, self._pk, self._clock = service.model, upload.pk, service.clock
        self._lock = threading.Lock()
        self._is_begun = self._is_over = False
        # what the row has, and what it may have instead: an answer may be lost
        self._mine = (at, at)

    def begin(self) -> bool:
        """Whether it is ours to tell them. Costs a statement only where it may be another's."""
        with self._lock:
            now = self._clock()
            self._is_begun = now - self._mine[1] < _YOUNG or self._move(now)
            return self._is_begun

    def beat(self) -> None:
        with self._lock:
            if self._is_begun and not self._is_over:
                self._move(self._clock())

    def end(self) -> None:
        """They were told."""
        with self._lock:
            self._is_over = True
            leases.end_telling(self._model, self._pk, mine=self._mine)

    def _move(self, now: datetime) -> bool:
        former, self._mine = self._mine, (self._mine[0], now)
        is_mine = leases.keep_telling(self._model, self._pk, mine=former, now=now)
        self._mine = (now, now)
        return is_mine
