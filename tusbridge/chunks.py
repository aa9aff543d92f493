"""Appends that count whole or not at all, and complete nothing: what the chunks of forms are.

Their bytes are written as they come; whoever feeds them says when all are there and checked, and
commits. Whatever ends a chunk before that leaves the upload as it was.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tusbridge import judging, leases, signals
from tusbridge.appending import Appending
from tusbridge.errors import AlreadyComplete, OffsetMismatch, UploadBusy, UploadError
from tusbridge.protocol.rules import AppendPlan
from tusbridge.rows import insert_row, is_certain

if TYPE_CHECKING:
    from tusbridge.models import AbstractUpload
    from tusbridge.service import UploadService

logger = logging.getLogger("tusbridge")


class Chunk(Appending):
    """A chunk of an upload whose lease is held."""

    is_first = False

    def commit(self, values: Mapping[str, Any]) -> None:
        """Have the whole chunk count, set ``values`` in the row, and let the lease go.

        :raises LeaseLost: another request took the upload over; nothing counts.
        :raises QuotaExceeded: the owner has no room for the bytes, or for the length in ``values``.
        :raises StoreFull: likewise, of the room for all uploads.
        """
        self._values = dict(values)
        with self._giving_up_on_errors():
            self._judge_growth(max(self.written, self._values.get("length") or 0))
            self._is_held_back = False
            self._commit(last=True)
            self.close()

    def _record(self, values: dict[str, Any], *, release: bool, completes: bool) -> None:
        values |= self._values
        super()._record(values, release=release, completes=completes)


class FirstChunk(Chunk):
    """The first chunk of an upload that has no row yet: nobody knows its id before the answer."""

    is_first = True
    # the row was asked for, and what became of it was not told
    _may_count = False

    def _is_mine(self) -> bool:
        return True

    def _stay(self) -> None:
        """There is no lease that could run out."""

    def _record(self, values: dict[str, Any], *, release: bool, completes: bool) -> None:
        values |= self._values
        for name, value in {**values, "offset": self.written}.items():
            setattr(self.upload, name, value)
        try:
            insert_row(self.upload)
        except BaseException as error:
            self._may_count = not is_certain(error)
            raise
        judging.check_created(self._service, self.upload)
        signals.announce(signals.upload_created, self.upload)

    def give_up(self, error: BaseException) -> None:
        """Leave nothing of it. Where it was not told whether the row is there, one that comes yet
        finds its bytes, and expires with them; if it does not come, they are orphans."""
        self.close()
        if self._may_count:
            self._drop_if_there()
        elif self.upload._state.adding:
            self._service.store_of(self.upload).delete(self._service.blob_of(self.upload), "")

    def _drop_if_there(self) -> None:
        try:
            self.drop()
        except UploadError as error:
            facts = {"upload_id": self.upload.upload_id, "code": error.code}
            logger.warning("not-cleared-up", extra=facts)


def begin_first(service: "UploadService", upload: "AbstractUpload", limit: int) -> FirstChunk:
    """The first chunk, of at most ``limit`` bytes, of an upload that is to be made with it.

    :raises StoreFull: there is no room at all.
    """
    blob = service.store_of(upload).create(upload.upload_id, None)
    upload.store_state = dict(blob.state)
    plan = AppendPlan(offset=0, limit=limit, all_or_nothing=True)
    return FirstChunk(service, upload, plan, leases.new_token())


def begin_next(
    service: "UploadService",
    upload: "AbstractUpload",
    offset: int,
    limit: int,
    *,
    wait: float,
    again: Callable[[], "AbstractUpload"],
) -> Chunk:
    """A chunk of at most ``limit`` bytes from ``offset`` on, behind whoever is writing just now.

    Waits for that at most ``wait`` seconds; ``again`` reads the upload anew, or raises.

    :raises OffsetMismatch: the upload is at another offset.
    :raises AlreadyComplete: it takes no bytes any more.
    :raises UploadBusy: another request is appending, and makes progress.
    """
    deadline = time.monotonic() + wait
    ttl = service.options.LEASE_TTL
    while True:
        # where all bytes are there by the word of its client, a crash may have kept it from its end
        if upload.is_complete or (upload.completes_itself and upload.offset == upload.length):
            raise AlreadyComplete
        if upload.offset != offset:
            raise OffsetMismatch(upload.offset, offset)
        token = leases.new_token()
        # before the lease is taken: what fails here holds none
        plan = AppendPlan(offset=offset, limit=limit, all_or_nothing=True)
        chunk = Chunk(service, upload, plan, token)
        if leases.acquire_unchanged(
            service.model, upload.pk, offset=offset, length=upload.length, token=token, ttl=ttl
        ):
            return chunk
        if time.monotonic() > deadline:
            raise UploadBusy
        service.pause()
        upload = again()
