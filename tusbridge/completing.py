"""What becomes of an upload that has all its bytes: its name, its file, and who hears of it."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousOperation
from django.db import transaction

from tusbridge import leases, signals
from tusbridge.appending import COMPLETING_TTL_SECONDS
from tusbridge.background import Heart, in_background
from tusbridge.carrying import carried
from tusbridge.concatenating import Concatenation
from tusbridge.errors import (
    AlreadyComplete,
    BlobTruncated,
    LeaseLost,
    NameBusy,
    StoreError,
    StoreFull,
    UploadBusy,
    UploadError,
    UploadIncomplete,
    UploadNotFound,
)
from tusbridge.models import (
    AbstractUpload,
    Protocol,
    Status,
    upload_to,
)
from tusbridge.naming import finished_name, name_of_try
from tusbridge.rows import (
    after_commit,
    database_errors,
    database_of,
    get_row,
    is_within_transaction,
    release_connections,
)
from tusbridge.stores.base import FOUND, LEFT
from tusbridge.telling import tell

if TYPE_CHECKING:
    from tusbridge.service import UploadService

logger = logging.getLogger("tusbridge")

# Bytes that are copied while a client waits for its answer; more are copied behind it.
COPY_WHILE_WAITING = 64 * 1024 * 1024
# The signs of life of whoever confirms.
_confirming = Heart(3.0)


class Completion:
    """Completing uploads, one at a time or many at once, also after a crash at any step."""

    def __init__(self, service: "UploadService") -> None:
        self._service = service
        self._model = service.model

    def settle(self, upload: AbstractUpload) -> AbstractUpload:
        """Complete an upload that has all its bytes and was left so by a crash. Idempotent.

        Whoever else is at it is left alone; so is a store that refuses just now.
        """
        if not _has_all_bytes(upload):
            return upload
        token = leases.new_token()
        if not self._acquire(upload, token):
            return upload
        if not _has_all_bytes(upload):
            leases.release(self._model, upload.pk, token=token)
            return upload
        try:
            self._name_and_finish(upload, token)
        except (LeaseLost, StoreFull) as error:
            _log_unsettled(upload, error)
        return upload

    def settle_soon(self, upload: AbstractUpload) -> AbstractUpload:
        """As :meth:`settle`; but what takes long is done behind the answer."""
        service = self._service
        if not (_has_all_bytes(upload) and self._is_long(upload)):
            return service.settle(upload)
        in_background(upload.upload_id, partial(service.settle, upload))
        return upload

    def finish_soon(self, upload: AbstractUpload, token: str) -> None:
        """As :meth:`finish`; but what takes long is done behind the answer, by whoever takes the
        lease then."""
        if upload.is_part or not self._is_long(upload):
            self.finish(upload, token)
            return
        leases.release(self._model, upload.pk, token=token)
        in_background(upload.upload_id, partial(self._service.settle, upload))

    def _is_long(self, upload: AbstractUpload) -> bool:
        service = self._service
        store = service.store_of(upload)
        return store.bytes_to_copy(service.blob_of(upload), upload.offset) > COPY_WHILE_WAITING

    def complete(self, upload: AbstractUpload) -> None:
        """Complete an upload with the bytes that it has, because its client says so.

        :raises AlreadyComplete: it is.
        :raises UploadIncomplete: it is a tus upload, whose length is not reached or not known.
        :raises UploadBusy: somebody appends to it, or completes it.
        """
        check_may_complete(upload)
        token = leases.new_token()
        if not self._acquire(upload, token):
            raise AlreadyComplete if self._is_complete(upload) else UploadBusy
        # only now nobody can add to it
        if upload.length != upload.offset:
            upload.length, upload.completes_itself = upload.offset, False
        self._name_and_finish(upload, token)

    def _acquire(self, upload: AbstractUpload, token: str) -> bool:
        """Whether the lease is ours. What its last holder has recorded since the row was read is in
        the instance then: where the bytes are, and the name under which they are published."""
        model, ttl = self._model, COMPLETING_TTL_SECONDS
        if not leases.acquire(model, upload.pk, offset=upload.offset, token=token, ttl=ttl):
            return False
        row = get_row(model, upload.upload_id)
        if row is None or row.lease_token != token:
            return False
        upload.file.name, upload.store_state = row.recorded_name, row.store_state
        upload.length, upload.completes_itself = row.length, row.completes_itself
        return True

    def _is_complete(self, upload: AbstractUpload) -> bool:
        using = database_of(self._model)
        with database_errors(using):
            rows = self._model._base_manager.using(using)
            return rows.filter(pk=upload.pk, status=Status.COMPLETE).exists()

    def _name_and_finish(self, upload: AbstractUpload, token: str) -> None:
        if not upload.is_part:
            self._record_name(upload, token)
        self.finish(upload, token)

    def _record_name(self, upload: AbstractUpload, token: str) -> None:
        """The finished file's name goes into the row before the file gets it, so that whoever
        goes on after a crash looks in the same place."""
        values = {"file": self.name_of(upload), "length": upload.length, "completes_itself": True}
        if upload.recorded_name and upload.completes_itself:
            return
        self._record(upload, token, values)
        upload.file.name, upload.completes_itself = str(values["file"]), True

    def finish(self, upload: AbstractUpload, token: str) -> None:
        """Hand the bytes to the storage under the recorded name, then mark the upload complete.
        Those of a partial upload stay where they are.

        The caller holds the lease. Idempotent: a crash between the steps is mended by
        :meth:`settle`.

        :raises LeaseLost: somebody else completes it.
        """
        record = partial(self._record_complete, upload, token)
        if not upload.is_part:
            self._publish(upload, token, record)
        elif not record():
            raise LeaseLost
        if upload.concat:
            Concatenation(self._service).completed(upload)
        if not upload.is_part:
            self._service.announce_completed(upload)

    def _record_complete(self, upload: AbstractUpload, token: str) -> bool:
        """Mark the row complete; False: the lease is lost."""
        values: dict[str, Any] = {"completed_on": self._service.clock()}
        if not upload.is_part:
            is_heard = signals.has_receivers(signals.upload_completed)
            announce_at = self._service.clock() if is_heard else None
            # only what overtaken requests may have saved is to be known still
            left = upload.store_state.get(LEFT)
            state = {LEFT: left} if left else {}
            values |= {"expires_at": None, "store_state": state, "announce_at": announce_at}
        if not leases.complete(self._model, upload.pk, token=token, values=values):
            return False
        for name, value in {**values, "status": Status.COMPLETE}.items():
            setattr(upload, name, value)
        return True

    def _publish(self, upload: AbstractUpload, token: str, record: Callable[[], bool]) -> None:
        try:
            try:
                self._hand_over(upload, token, record)
            except NameBusy:
                self._record_own_name(upload, token)
                self._hand_over(upload, token, record)
        except UploadError as error:
            if isinstance(error, BlobTruncated):
                self._service.take_down(upload, error.available, token)
            elif isinstance(error, StoreError):
                facts = {"upload_id": upload.upload_id, "why": str(error)}
                logger.error("upload-not-completed", extra=facts)
            leases.release(self._model, upload.pk, token=token)
            raise

    def _hand_over(self, upload: AbstractUpload, token: str, record: Callable[[], bool]) -> None:
        assert upload.length is not None, "whoever completes an upload knows its length"
        service = self._service
        renew = _from_any_thread(
            partial(leases.renew, self._model, upload.pk, token=token, ttl=COMPLETING_TTL_SECONDS)
        )
        store, using = service.store_of(upload), database_of(self._model)
        if upload.store_state.get(FOUND, upload.recorded_name) != upload.recorded_name:
            self._take_what_was_found(upload, token, renew)
        blob, name = service.blob_of(upload), upload.recorded_name
        keep = is_within_transaction(using)
        store.complete(blob, name, upload.length, token, renew, record, keep=keep)
        if keep:
            after_commit(partial(store.free, blob, name), using)

    def _take_what_was_found(
        self, upload: AbstractUpload, token: str, renew: Callable[[], bool]
    ) -> None:
        """Make what another program left our own, and record that before the file is published:
        nothing tells afterwards that it was taken."""
        store = self._service.store_of(upload)
        with suppress(UploadNotFound, StoreError):
            if store.length(upload.recorded_name) == upload.length:
                return  # published before: what has that name now may be another's
        state = dict(store.take(self._service.blob_of(upload), renew).state)
        if state != upload.store_state:
            self._record(upload, token, {"store_state": state})
            upload.store_state = state

    def _record_own_name(self, upload: AbstractUpload, token: str) -> None:
        """A request that was overtaken may save the file under its name still: take another name,
        and remember that one."""
        state = upload.store_state
        left = [*state.get(LEFT, ()), upload.recorded_name]
        values = {"file": name_of_try(upload, left[0], token), "store_state": {**state, LEFT: left}}
        self._record(upload, token, values)
        upload.file.name, upload.store_state = str(values["file"]), values["store_state"]
        facts = {"upload_id": upload.upload_id, "file": upload.recorded_name}
        logger.warning("completed-under-another-name", extra=facts)

    def _record(self, upload: AbstractUpload, token: str, values: dict[str, Any]) -> None:
        """:raises LeaseLost: the lease is another request's."""
        if not leases.commit(
            self._model,
            upload.pk,
            token=token,
            old=upload.offset,
            new=upload.offset,
            ttl=COMPLETING_TTL_SECONDS,
            values=values,
            release=False,
        ):
            raise LeaseLost

    def announce(self, upload: AbstractUpload) -> bool:
        """Tell receivers that the upload is complete, once a transaction that may be open is
        committed, and note then that they were told. False: somebody else is telling them."""
        signals.log(signals.upload_completed, upload)
        told: list[bool] = []
        if upload.announce_at is not None or signals.has_receivers(signals.upload_completed):
            transaction.on_commit(
                lambda: told.append(tell(self._service, upload)),
                using=database_of(self._model),
                robust=True,
            )
        return all(told)

    @contextmanager
    def confirming(self, upload: AbstractUpload) -> Iterator[dict[str, Any]]:
        """Do, once, what has to be done with a complete upload before its client hears that all
        is well. What raises in the block may be tried again by the next who asks; so may what a
        crash has ended, some seconds later. Gives a dictionary: columns to be set in the end.

        :raises AlreadyComplete: it is done, or somebody is at it.
        """
        model, pk, token = self._model, upload.pk, leases.new_token()
        if not leases.begin_confirming(model, pk, token=token):
            raise AlreadyComplete
        values: dict[str, Any] | None = None
        try:
            with _confirming.beating(partial(leases.keep_confirming, model, pk, token=token)):
                given: dict[str, Any] = {}
                yield given
            values = given
        finally:
            leases.end_confirming(model, pk, token=token, values=values)

    def name_of(self, upload: AbstractUpload) -> str:
        """The finished file's name in the storage: what the site makes of it (``upload_to``),
        unless that is no safe name. The upload's id is always in it, so that no two uploads ever
        have the same."""
        if upload.recorded_name:
            return upload.recorded_name
        try:
            return finished_name(upload)
        except SuspiciousOperation as error:
            # a site that builds on what the client wrote; the bytes are none the worse for it
            facts = {"upload_id": upload.upload_id, "why": str(error)}
            logger.warning("name-not-taken", extra=facts)
            return upload_to(upload, "")


def check_may_complete(upload: AbstractUpload) -> None:
    """Whether a client's word alone can complete the upload: the length of a tus upload stands, and
    a final upload waits for its parts (tus 1.0.0, creation and concatenation).

    :raises UploadIncomplete: bytes are missing, or it is not known how many.
    """
    is_short = upload.offset != upload.length
    if upload.protocol == Protocol.TUS and not upload.is_complete and is_short:
        raise UploadIncomplete(upload.offset, upload.length)


def _has_all_bytes(upload: AbstractUpload) -> bool:
    return upload.status == Status.UPLOADING and upload.offset == upload.length


def _log_unsettled(upload: AbstractUpload, error: UploadError) -> None:
    logger.warning(
        "upload-not-completed", extra={"upload_id": upload.upload_id, "code": error.code}
    )


def _from_any_thread(ask: Callable[[], bool]) -> Callable[[], bool]:
    """The same for a store that also asks in threads of its own, whose connections nobody else
    gives back."""
    owner, ask_elsewhere = threading.get_ident(), carried(ask)

    def asked() -> bool:
        if threading.get_ident() == owner:
            return ask()
        try:
            return ask_elsewhere()
        finally:
            release_connections()

    return asked
