"""UploadService: the only place that does things to uploads, for all protocols alike."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tusbridge import adopting, chunks, judging, leases, signals
from tusbridge.appending import Appending
from tusbridge.at_hand import AppendAtHand, CreationAtHand, has_nothing
from tusbridge.body import BodyEnd
from tusbridge.chunks import Chunk, FirstChunk
from tusbridge.clock import database_now
from tusbridge.completing import Completion
from tusbridge.concatenating import Concatenation
from tusbridge.conf import Options, get_options
from tusbridge.errors import (
    BodyIncomplete,
    LeaseLost,
    PartialUpload,
    ServerStopping,
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
    generate_upload_id,
    get_upload_model,
    is_named_by_id,
    owner_of,
)
from tusbridge.policy import Actor, Policy, get_policy
from tusbridge.protocol import rules
from tusbridge.protocol.checksums import RunningChecksum
from tusbridge.protocol.rules import AppendPlan, AppendRequest, CreateRequest
from tusbridge.protocol.tus import UPLOAD_ID
from tusbridge.rows import (
    after_commit,
    database_errors,
    database_of,
    get_row,
    insert_row,
    release_connections,
)
from tusbridge.stores import Blob, Store, get_store
from tusbridge.stores.base import FOUND
from tusbridge.sweeping import Sweeper, SweepResult

logger = logging.getLogger("tusbridge")

# Seconds between two looks at a lease that somebody else holds.
BUSY_POLL_SECONDS = 0.15
# Seconds to wait for a holder that fell silent: its time to live, and the beat before it.
BUSY_PATIENCE_SECONDS = 3.6


class UploadService:
    """Create, append, complete, terminate and expire uploads.

    Synchronous, without state between calls. Takes the model class, so that a site may bring its
    own, and a clock, by default the database's. Every method raises :class:`DatabaseUnavailable`
    and :class:`StoreError` besides what it names.
    """

    def __init__(
        self,
        *,
        model: type[AbstractUpload] | None = None,
        options: Options | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.model = model or get_upload_model()
        self.options = options or get_options()
        self.clock = clock or partial(database_now, self.model)
        self.policy: Policy = get_policy(self.options)

    def find(
        self, upload_id: str, actor: Actor, check: Callable[[Actor, AbstractUpload], None]
    ) -> AbstractUpload:
        """The upload, if the actor may do with it what ``check`` (of the policy) asks.

        :raises UploadNotFound: no such upload, or not this actor's.
        :raises UploadGone: it has expired.
        """
        if not UPLOAD_ID.fullmatch(upload_id):
            raise UploadNotFound
        upload = get_row(self.model, upload_id)
        if upload is None or upload.status == Status.TERMINATED:
            raise UploadNotFound
        check(actor, upload)
        rules.check_alive(upload.state, self.clock())
        return upload

    def head(self, upload_id: str, actor: Actor) -> AbstractUpload:
        """The upload as a client may rely on it. Takes no lease and disturbs no append.

        Completes what a crash left uncompleted; never tells more bytes than are there.
        """
        upload = self.find(upload_id, actor, self.policy.check_read)
        if upload.is_waiting:
            return Concatenation(self).go_on(upload)
        if upload.is_complete or upload.offset == 0 != upload.length:
            return upload
        if upload.recorded_name and upload.offset == upload.length:
            return self._settled(upload)
        try:
            available = self.store_of(upload).available(self.blob_of(upload), upload.offset)
        except StoreError:
            # it may have gone meanwhile, or be on its way into the storage
            again = self.find(upload_id, actor, self.policy.check_read)
            if again.is_complete or (again.recorded_name and again.offset == again.length):
                return self._settled(again)
            logger.error("bytes-missing", extra={"upload_id": upload_id})
            raise
        if available < upload.offset:
            self._take_down_to_what_is_there(upload)
        return self.settle_soon(upload)

    def _settled(self, upload: AbstractUpload) -> AbstractUpload:
        """An upload whose bytes have all come, and are in the storage or on their way there.

        :raises UploadBusy: another request is at it, and just now they are in neither place.
        """
        settled = self.settle_soon(upload)
        if settled.is_complete or self._has_bytes(settled):
            return settled
        raise UploadBusy

    def _has_bytes(self, upload: AbstractUpload) -> bool:
        store = self.store_of(upload)
        # in this order, for in this order they go
        with suppress(StoreError):
            if store.available(self.blob_of(upload), upload.offset) == upload.offset:
                return True
        with suppress(StoreError, UploadNotFound):
            return store.length(upload.recorded_name) == upload.offset
        return False

    def find_to_append(self, upload_id: str, actor: Actor) -> AbstractUpload:
        """The upload, if the actor may append to it.

        :raises UploadNotFound: no such upload, or not this actor's.
        :raises UploadGone: it has expired.
        :raises FinalUpload: it is made of others.
        """
        upload = self.find(upload_id, actor, self.policy.check_append)
        rules.check_takes_bytes(upload.state)
        return upload

    def begin_first_chunk(self, upload: AbstractUpload, limit: int, actor: Actor) -> FirstChunk:
        """The first chunk, of at most ``limit`` bytes, of a new upload: an instance that was not
        saved, which is inserted once the chunk counts.

        :raises Forbidden: the actor may not begin it.
        :raises StoreFull: there is no room at all.
        """
        wanted = CreateRequest(
            length=upload.length,
            metadata=upload.metadata,
            filename=upload.filename,
            content_type=upload.content_type,
            has_body=True,
            content_length=None,
        )
        self.policy.check_create(actor, wanted)
        upload.storage_alias = self.model.new_storage_alias()
        upload.expires_at = self.new_expiry(upload.expires_at)
        return chunks.begin_first(self, upload, limit)

    def begin_chunk(
        self,
        upload: AbstractUpload,
        offset: int,
        limit: int,
        *,
        again: Callable[[], AbstractUpload],
        wait: float = BUSY_PATIENCE_SECONDS,
    ) -> Chunk:
        """A chunk of at most ``limit`` bytes from ``offset`` on; ``again`` reads the upload anew
        after a wait for somebody else.

        :raises OffsetMismatch: the upload is at another offset.
        :raises AlreadyComplete: it takes no bytes any more.
        :raises UploadBusy: another request is appending, and makes progress.
        """
        if upload.length is None:
            self.policy.check_growth(upload)
        return chunks.begin_next(self, upload, offset, limit, wait=wait, again=again)

    def complete(self, upload: AbstractUpload) -> None:
        """Complete an upload with the bytes that it has, because its client says so.

        :raises AlreadyComplete: it is.
        :raises UploadIncomplete: it is a tus upload, whose length is not reached or not known.
        :raises UploadBusy: somebody appends to it, or completes it.
        """
        Completion(self).complete(upload)

    def confirming(self, upload: AbstractUpload) -> AbstractContextManager[dict[str, Any]]:
        """A block for what is to be done once with a complete upload, and again if it raises.
        Gives a dictionary of columns that are set when it is done.

        :raises AlreadyComplete: it is done, or somebody is at it.
        """
        return Completion(self).confirming(upload)

    def adopt(self, upload: AbstractUpload, pieces: Iterable[bytes]) -> None:
        """Copy the ``offset`` bytes of an upload to where they belong: an instance that was not
        saved, and is to be inserted by the caller afterwards. Of one whose status is complete they
        become the storage's file, which is set in ``file``. Durable on return; may be done again
        after a crash at any step.

        :raises LeaseLost: the upload has a row, or somebody else copies to it, too.
        :raises BlobTruncated: there are fewer pieces, or more; nothing is left of them.
        :raises StoreFull: likewise.
        """
        adopting.adopt(self, upload, pieces)

    def read_unfinished(self, upload: AbstractUpload, start: int, stop: int) -> Iterator[bytes]:
        """The bytes [start, stop) that came of an unfinished upload, in pieces."""
        return self.store_of(upload).read_unfinished(self.blob_of(upload), start, stop)

    def unfinished_path(self, upload: AbstractUpload) -> str | None:
        """The file in which the bytes of an unfinished upload lie; None where they are not in one
        local file."""
        return self.store_of(upload).unfinished_path(self.blob_of(upload))

    def pause(self) -> None:
        """Wait a little for somebody else, without a database connection."""
        release_connections()
        time.sleep(BUSY_POLL_SECONDS)

    def _take_down_to_what_is_there(self, upload: AbstractUpload) -> None:
        """Fewer bytes were there than the row says: look again while nobody can write, and lower
        the row.

        :raises UploadBusy: somebody else is at it.
        """
        token = leases.new_token()
        if not leases.acquire_unchanged(
            self.model,
            upload.pk,
            offset=upload.offset,
            length=upload.length,
            token=token,
            ttl=self.options.LEASE_TTL,
        ):
            raise UploadBusy
        available = self.store_of(upload).available(self.blob_of(upload), upload.offset)
        if available < upload.offset:
            self.take_down(upload, available, token)
        else:
            leases.release(self.model, upload.pk, token=token)

    def take_down(self, upload: AbstractUpload, available: int, token: str) -> None:
        """Fewer bytes are there than the row says: the holder of the lease lowers the row, and
        lets the lease go.

        :raises UploadBusy: somebody else is at it.
        """
        logger.error(
            "offset-taken-down",
            extra={"upload_id": upload.upload_id, "from": upload.offset, "to": available},
        )
        if not leases.take_down(
            self.model, upload.pk, old=upload.offset, new=available, token=token
        ):
            raise UploadBusy
        upload.offset = available

    def create(self, request: CreateRequest, actor: Actor) -> AbstractUpload:
        """A new upload without bytes; one of length 0 is complete at once.

        :raises TooLarge: the length is over the actor's limit.
        :raises ChecksumMismatch: there is one, and it is not that of an empty body.
        :raises StoreFull: there is no room at all.
        """
        plan = rules.plan_create(request, self.policy.limits(actor))
        _verify_empty(plan)
        if request.length == 0:
            appending = self.begin_create(request, actor)
            appending.end(BodyEnd.WHOLE)
            return appending.upload
        return self._insert(self._new(request, actor), token=None)

    def concatenate(
        self, request: CreateRequest, part_ids: Sequence[str], actor: Actor
    ) -> AbstractUpload:
        """A final upload of partial ones; the same one for a request that came before.

        The bytes are safe on return, and the offset is the length if all parts are complete. Where
        much is to be copied, the file gets into the storage some time later.

        :raises UploadNotFound: a part is unknown, or not this actor's.
        :raises UploadGone: a part has expired.
        :raises InvalidField: one of them is no partial upload.
        :raises TooLarge: together they are over the actor's limit.
        """
        return Concatenation(self).create(request, part_ids, actor)

    def begin_create(
        self, request: CreateRequest, actor: Actor, *, at_hand: bool = False
    ) -> Appending:
        """A new upload whose bytes follow, or are all ``at_hand``; to be ended by
        :meth:`end_create`."""
        token = leases.new_token()
        plan = rules.plan_create(request, self.policy.limits(actor))
        upload = self._new(request, actor)
        if at_hand and is_named_by_id(self.model):
            return CreationAtHand(self, upload, plan, token)
        # before the row is there: what fails here leaves none
        appending = Appending(self, upload, plan, token)
        self._insert(upload, token=token)
        return appending

    def _insert(self, upload: AbstractUpload, *, token: str | None) -> AbstractUpload:
        upload.lease_token = token
        insert_row(upload, lease_ttl=self.options.LEASE_TTL if token else None)
        judging.check_created(self, upload)
        signals.announce(signals.upload_created, upload)
        return upload

    def _new(self, request: CreateRequest, actor: Actor) -> AbstractUpload:
        """An instance that was not saved, with room in the store."""
        self.policy.check_create(actor, request)
        upload = self.model(
            upload_id=generate_upload_id(),
            **owner_of(self.model, actor.user_id),
            length=request.length,
            metadata=request.metadata,
            filename=request.filename,
            content_type=request.content_type,
            protocol=Protocol.TUS,
            expires_at=self.new_expiry(),
            storage_alias=self.model.new_storage_alias(),
            concat=request.concat,
        )
        blob = self.store_of(upload).create(upload.upload_id, upload.length)
        upload.store_state = dict(blob.state)
        return upload

    def end_create(self, appending: Appending, how: BodyEnd) -> AbstractUpload:
        """End the body of a creation (tus 1.0.0, creation-with-upload).

        :raises BodyIncomplete: the client went away. It does not know the upload's URL, so the
            caller drops the upload, as after every error.
        """
        if how in {BodyEnd.GONE, BodyEnd.TIMED_OUT}:
            raise BodyIncomplete
        if how is BodyEnd.STOPPING and appending.is_checked:
            raise ServerStopping
        # a server that stops tells how far it came, and the client goes on from there
        appending.end(BodyEnd.WHOLE if how is BodyEnd.STOPPING else how)
        return appending.upload

    def drop_create(self, appending: Appending) -> None:
        """Leave nothing of a creation that was refused or broke off."""
        appending.drop()

    def begin_append(
        self,
        upload: AbstractUpload,
        request: AppendRequest,
        actor: Actor,
        *,
        wait: float,
        at_hand: bool = False,
    ) -> Appending | None:
        """Take the lease for an append; None when there is nothing to write.

        Waits at most ``wait`` seconds for another holder to end or to fall silent. ``at_hand`` says
        that the whole body is there.

        :raises OffsetMismatch: the client is behind or ahead.
        :raises LengthConflict: it names another length than the upload has.
        :raises TooLarge: the body is longer than the rest.
        :raises UploadBusy: another request is appending, and makes progress.
        """
        deadline = time.monotonic() + wait
        limits = self.policy.limits(actor)
        while True:
            plan = rules.plan_append(upload.state, request, limits)
            if request.content_length == 0:
                _verify_empty(plan)
            judging.check_begin(self, upload, plan, request.content_length)
            if request.content_length == 0 and plan.length is None:
                self.settle_soon(upload)
                return None
            token = leases.new_token()
            if at_hand and has_nothing(upload) and plan.length is None:
                return AppendAtHand(self, upload, plan, token)
            # before the lease is taken: what fails here, for want of a storage say, holds none
            appending = Appending(self, upload, plan, token)
            if upload.is_complete or leases.acquire_unchanged(
                self.model,
                upload.pk,
                offset=plan.offset,
                length=upload.length,
                token=token,
                ttl=self.options.LEASE_TTL,
                new_length=plan.length,
            ):
                judging.check_declared(self, upload, plan, appending)
                if plan.length is not None:
                    upload.length = plan.length
                return appending
            upload = self.find_to_append(upload.upload_id, actor)
            rules.plan_append(upload.state, request, limits)
            if time.monotonic() + BUSY_POLL_SECONDS > deadline:
                raise UploadBusy
            self.pause()

    def append(
        self,
        upload_id: str,
        request: AppendRequest,
        batches: Iterable[Sequence[bytes]],
        actor: Actor,
        *,
        wait: float = BUSY_PATIENCE_SECONDS,
    ) -> AbstractUpload:
        """Append a body that is at hand: find, begin, feed, end."""
        upload = self.find_to_append(upload_id, actor)
        appending = self.begin_append(upload, request, actor, wait=wait)
        if appending is None:
            return upload
        try:
            for batch in batches:
                appending.feed(batch)
        except BaseException as error:
            appending.give_up(error)  # whoever gives the batches may fail as well
            raise
        appending.end(BodyEnd.WHOLE)
        return appending.upload

    def settle(self, upload: AbstractUpload) -> AbstractUpload:
        """Complete an upload that has all its bytes and was left so by a crash. Idempotent."""
        return Completion(self).settle(upload)

    def settle_soon(self, upload: AbstractUpload) -> AbstractUpload:
        """As :meth:`settle`; but what takes long is done behind the answer."""
        return Completion(self).settle_soon(upload)

    def finish(self, upload: AbstractUpload, token: str) -> None:
        """Complete an upload whose lease the caller holds, and whose name is recorded.

        :raises LeaseLost: somebody else completes it.
        """
        Completion(self).finish(upload, token)

    def finish_soon(self, upload: AbstractUpload, token: str) -> None:
        """As :meth:`finish`; but what takes long is done behind the answer."""
        Completion(self).finish_soon(upload, token)

    def announce_completed(self, upload: AbstractUpload) -> bool:
        """Tell receivers that the upload is complete, and note that they were told. False: somebody
        else is telling them."""
        return Completion(self).announce(upload)

    def read(self, upload_id: str, actor: Actor) -> AbstractUpload:
        """A finished upload, to be read.

        :raises UploadIncomplete: bytes are missing.
        :raises UploadBusy: they are being put together.
        :raises PartialUpload: it is a part of another, and no file.
        :raises UploadNotFound: also when its file was handed over to something else.
        """
        upload = self.find(upload_id, actor, self.policy.check_read)
        if upload.is_part:
            raise PartialUpload
        if upload.is_waiting:
            upload = Concatenation(self).go_on(upload)
        if upload.completes_itself:
            upload = self.settle_soon(upload)
        self.check_readable(upload)
        return upload

    def check_readable(self, upload: AbstractUpload) -> None:
        """Whether the upload, as it is, is a file to be read. Raises what :meth:`read` does."""
        if upload.is_part:
            raise PartialUpload
        if upload.is_complete and upload.file.name:
            return
        if upload.is_complete:
            raise UploadNotFound
        if upload.offset == upload.length and upload.completes_itself:
            raise UploadBusy
        raise UploadIncomplete(upload.offset, upload.length)

    def open(self, upload: AbstractUpload, start: int, stop: int) -> Iterator[bytes]:
        """The bytes [start, stop) of a finished upload, in pieces."""
        return self.store_of(upload).open(str(upload.file.name), start, stop)

    def terminate(self, upload: AbstractUpload) -> None:
        """End an upload at once, also under a running append, and free its bytes.

        Idempotent. What cannot be freed now is freed by the next sweep.
        """
        try:
            was_first = leases.terminate(self.model, upload.pk)
        except StoreFull:
            # the record cannot be changed for want of the room that these bytes take
            self.store_of(upload).delete(self.blob_of(upload), upload.stored_name)
            was_first = leases.terminate(self.model, upload.pk)
        if was_first:
            signals.announce(signals.upload_terminated, upload)
        after_commit(partial(self.remove_ended_now, upload), database_of(self.model))

    def remove_ended_now(self, upload: AbstractUpload) -> None:
        """As :meth:`remove_ended`; what fails is left to the next sweep."""
        try:
            self.remove_ended(upload)
        except UploadError as error:
            logger.warning(
                "bytes-not-removed", extra={"upload_id": upload.upload_id, "code": error.code}
            )

    def remove_ended(self, upload: AbstractUpload) -> None:
        """The bytes of an upload that was ended, then its row: a crash in between leaves a row
        that the sweep finds. Idempotent."""
        row = get_row(self.model, upload.upload_id)
        if row is None or row.status != Status.TERMINATED:
            return
        # as it was when it ended: with the last segment, and the name
        name, found = row.stored_name, row.store_state.get(FOUND)

        def is_named() -> bool:
            now = get_row(self.model, row.upload_id)
            return now is not None and now.store_state.get(FOUND) == found

        try:
            blob = self.store_of(row).take(self.blob_of(row), is_named)
        except LeaseLost:
            return  # another request removes them
        if not self._forget_shared_names(row):
            return
        store = self.store_of(row)
        store.delete(blob, name or store.noted(blob.key))
        with database_errors(database_of(self.model)):
            self._ended(row).delete()

    def _forget_shared_names(self, row: AbstractUpload) -> bool:
        """Names without the upload's id, as other programs gave them, may be other files' from the
        moment on when their files are gone. Forgotten before that, they are never removed twice.
        False: another request has done so."""

        def is_shared(name: str) -> bool:
            return bool(name) and row.upload_id not in name

        file = "" if is_shared(row.stored_name) else row.file.name
        state = dict(row.store_state)
        if is_shared(state.get(FOUND, "")):
            del state[FOUND]
        if (file, state) == (row.file.name, row.store_state):
            return True
        still = self._ended(row).filter(file=row.file.name)
        if FOUND in row.store_state:
            still = still.filter(store_state__has_key=FOUND)
        with database_errors(database_of(self.model)):
            return bool(still.update(store_state=state, file=file))

    def _ended(self, row: AbstractUpload) -> Any:
        rows = self.model._base_manager.using(database_of(self.model))
        return rows.filter(pk=row.pk, status=Status.TERMINATED)

    def remove_bytes(self, upload: AbstractUpload) -> None:
        """The bytes of an upload that has no row, finished or not. Idempotent."""
        self.store_of(upload).delete(self.blob_of(upload), upload.stored_name)

    def expire(self, upload: AbstractUpload, *, now: datetime | None = None) -> bool:
        """End an unfinished upload that nobody is writing to, and free its bytes.

        With ``now`` only if it is past its time by then. False: it was left alone.
        """
        if not leases.expire(self.model, upload.pk, now=now):
            return False
        signals.announce(signals.upload_expired, upload)
        after_commit(partial(self.remove_ended, upload), database_of(self.model))
        return True

    def sweep(self, *, limit: int = 200) -> SweepResult:
        """Remove what has expired or was terminated, complete what a crash left.

        Takes at most ``limit`` uploads of each kind, found by index. Two at once are harmless.
        Never a finished upload, never one that is being written.
        """
        return SweepResult.of(Sweeper(self, limit=limit).routine())

    def store_of(self, upload: AbstractUpload) -> Store:
        """Where this upload's bytes are."""
        return get_store(upload.storage_alias, self.options)

    def check_storage(self, alias: str) -> None:
        """:raises ImproperlyConfigured: uploads cannot be kept for the storage of that alias."""
        get_store(alias, self.options)

    def name_of(self, upload: AbstractUpload) -> str:
        """The finished file's name in the storage, with the upload's id in it."""
        return Completion(self).name_of(upload)

    def new_expiry(self, told: datetime | None = None) -> datetime | None:
        """When an upload expires that got its last byte now: never earlier than it was told."""
        if self.options.EXPIRE_AFTER is None:
            return None
        expiry = self.clock() + timedelta(seconds=self.options.EXPIRE_AFTER)
        return max(expiry, told) if told else expiry

    def blob_of(self, upload: AbstractUpload) -> Blob:
        """This upload's bytes, as the store knows them."""
        return Blob(key=upload.upload_id, state=upload.store_state)


def _verify_empty(plan: AppendPlan) -> None:
    """:raises ChecksumMismatch: there is a checksum, and it is not that of an empty body."""
    if plan.checksum is not None:
        RunningChecksum(plan.checksum).verify()
