"""Final uploads: made of partial ones, at once or when the last of them is complete.

tus 1.0.0, concatenation and concatenation-unfinished. A final upload whose parts are all complete
has their bytes from the moment its row is there; the store joins them into one file later, as it
does with any upload whose bytes are in several pieces.
"""

import hashlib
import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from tusbridge import judging, leases, signals
from tusbridge.errors import (
    InvalidField,
    LeaseLost,
    NotSupported,
    RowRefused,
    StoreError,
    TooLarge,
    Unauthenticated,
    UploadBusy,
    UploadError,
    UploadNotFound,
)
from tusbridge.models import (
    AbstractUpload,
    Concat,
    Protocol,
    Status,
    generate_upload_id,
    owner_of,
)
from tusbridge.policy import Actor
from tusbridge.protocol import rules
from tusbridge.protocol.rules import CreateRequest
from tusbridge.protocol.tus import is_announced
from tusbridge.rows import database_errors, database_of, get_row, insert_row
from tusbridge.statements import DatabaseNow

if TYPE_CHECKING:
    from tusbridge.service import UploadService

logger = logging.getLogger("tusbridge")

# For so long partial uploads are kept once a final one has their bytes: a client whose answer was
# lost may ask for them still.
PARTS_GRACE = timedelta(hours=1)
# Unfinished final uploads that may wait for one part: its last byte has them all made.
MAX_WAITING = 16
# How often one partial upload may be in a final one, whatever its size: each time after the first
# is a copy. More often while the copies beyond come to so many bytes at most.
MAX_REPEATS, MAX_REPEATED_BYTES = 16, 2**20
# Seconds for which the lease is taken while links or copies are made; renewed once a second.
GATHERING_TTL_SECONDS = 4.0
# Rows in one UPDATE of different values: each takes three parameters or four.
_BATCH = 100


class Concatenation:
    """What the service does with final uploads and their parts."""

    def __init__(self, service: "UploadService") -> None:
        self._service = service
        self._model = service.model
        self._using = database_of(service.model)

    def create(
        self, request: CreateRequest, part_ids: Sequence[str], actor: Actor
    ) -> AbstractUpload:
        """See :meth:`UploadService.concatenate`."""
        service = self._service
        key = _key_of(request, actor)
        found = self._find(key)
        if found is not None:
            return service.head(found.upload_id, actor)
        parts = self._parts(part_ids, actor)
        is_finished = all(part.is_complete for part in parts.values())
        if not is_finished and not is_announced(
            "concatenation-unfinished", service.options.EXTENSIONS
        ):
            raise NotSupported("a final upload of unfinished ones")
        lengths = [parts[part_id].length for part_id in part_ids]
        length = rules.plan_concat(lengths, service.policy.limits(actor))
        service.policy.check_create(actor, replace(request, length=length))
        final = self._row(request, part_ids, parts[part_ids[0]], actor, length, key)
        if is_finished:
            try:
                self._gather(final, parts, leases.new_token(), lambda: True)
            except StoreError:
                self._parts(part_ids, actor)  # one may have gone meanwhile
                logger.error("bytes-missing", extra={"upload_id": final.upload_id})
                raise
        try:
            insert_row(final)
        except (IntegrityError, RowRefused, Unauthenticated) as error:
            # after any other error the row may be there
            service.store_of(final).discard(service.blob_of(final))
            if not isinstance(error, IntegrityError):
                raise
            # the same request, at the same time
            found = self._find(key)
            if found is None:
                raise UploadBusy from None
            return found
        judging.check_created(service, final)
        signals.announce(signals.upload_created, final)
        if final.is_waiting:
            self._register(final, parts)
            return self.go_on(final)
        return service.settle_soon(final)

    def _find(self, key: str) -> AbstractUpload | None:
        with database_errors(self._using):
            found: AbstractUpload | None = (
                self._model._base_manager.using(self._using)
                .filter(concat_key=key)
                .exclude(status=Status.TERMINATED)
                .first()
            )
        return found

    def _row(
        self,
        request: CreateRequest,
        part_ids: Sequence[str],
        first: AbstractUpload,
        actor: Actor,
        length: int | None,
        key: str,
    ) -> AbstractUpload:
        return self._model(
            upload_id=generate_upload_id(),
            **owner_of(self._model, actor.user_id),
            length=length,
            metadata=request.metadata,
            filename=request.filename,
            content_type=request.content_type,
            protocol=Protocol.TUS,
            expires_at=self._service.new_expiry(),
            storage_alias=first.storage_alias,
            concat=Concat.FINAL,
            concat_key=key,
            parts={"field": request.concat_field, "ids": list(part_ids)},
            progress_at=DatabaseNow(),
        )

    def _parts(self, part_ids: Sequence[str], actor: Actor) -> dict[str, AbstractUpload]:
        """The partial uploads by their ids, if this actor may put them all into a final one."""
        found = self._rows(part_ids)
        for part_id in set(part_ids):
            part = found.get(part_id)
            if part is None or part.status == Status.TERMINATED:
                raise UploadNotFound
            self._service.policy.check_concatenate(actor, part)
            rules.check_alive(part.state, self._service.clock())
            if not part.is_part:
                raise InvalidField("Upload-Concat", "names an upload that is not partial")
        if _repeated(part_ids, found) > MAX_REPEATED_BYTES:
            why = f"names a partial upload of that size more than {MAX_REPEATS} times"
            raise InvalidField("Upload-Concat", why)
        waited_for = [_waiting(part) for part in found.values() if not part.is_complete]
        if any(len(ids) >= MAX_WAITING for ids in self._alive(waited_for)):
            raise InvalidField("Upload-Concat", "names a part for which too many wait")
        if len({part.storage_alias for part in found.values()}) > 1:
            raise InvalidField("Upload-Concat", "names uploads that are in different storages")
        return found

    def _rows(self, upload_ids: Sequence[str]) -> dict[str, AbstractUpload]:
        wanted = sorted(set(upload_ids))
        rows = self._model._base_manager.using(self._using)
        found: dict[str, AbstractUpload] = {}
        with database_errors(self._using):
            for batch in leases.batches(wanted):
                found |= {row.upload_id: row for row in rows.filter(upload_id__in=batch)}
        return found

    def _gather(
        self,
        final: AbstractUpload,
        parts: Mapping[str, AbstractUpload],
        token: str,
        still_mine: Callable[[], bool],
    ) -> None:
        """Give the final upload the bytes of its parts, which are complete. Nothing is recorded."""
        service = self._service
        blobs = [(service.blob_of(parts[i]), parts[i].offset) for i in final.part_ids]
        store = service.store_of(final)
        blob = store.concat(final.upload_id, blobs, token, still_mine)
        final.store_state = dict(blob.state)
        final.offset = final.length = sum(length for _, length in blobs)

    def _register(self, final: AbstractUpload, parts: Mapping[str, AbstractUpload]) -> None:
        """Have the unfinished parts know who waits for them. One that completes meanwhile is
        noticed by the look at all parts that follows."""
        rows = self._model._base_manager.using(self._using)
        open_ids = sorted(part_id for part_id, part in parts.items() if not part.is_complete)
        with database_errors(self._using), transaction.atomic(using=self._using):
            for batch in leases.batches(open_ids):
                # in one order, so that two that register never wait for each other
                locked = rows.select_for_update().filter(upload_id__in=batch).order_by("pk")
                found = list(locked)
                alive = self._alive([_waiting(part) for part in found])
                for part, waiting in zip(found, alive, strict=True):
                    part.parts = {"finals": [*waiting, final.upload_id]}
                rows.bulk_update(found, ["parts"], batch_size=_BATCH)

    def _alive(self, waiting: Sequence[list[str]]) -> list[list[str]]:
        """Of each list those that still wait; looked up only where there are so many that it
        matters."""
        full = {i for ids in waiting if len(ids) >= MAX_WAITING for i in ids}
        found = self._rows(sorted(full)) if full else {}
        over = {i for i in full if i not in found or not found[i].is_waiting}
        return [[i for i in ids if i not in over] for ids in waiting]

    def go_on(self, final: AbstractUpload) -> AbstractUpload:
        """Give a waiting final upload what has become of its parts: its length, once all of theirs
        are known, and their bytes, once all are complete. Idempotent."""
        parts = self._rows(final.part_ids)
        if len(parts) < len(set(final.part_ids)):
            return final  # one was terminated or has expired; so will this one
        lengths = [parts[part_id].length for part_id in final.part_ids]
        if None not in lengths and final.length is None:
            final.length = sum(length or 0 for length in lengths)
            self._update(final, {"length": final.length})
        if not all(part.is_complete for part in parts.values()):
            return final
        try:
            rules.plan_concat(lengths, self._service.policy.limits(Actor(user_id=final.user_id)))
        except TooLarge:
            return final  # parts of a deferred length grew too large together; it will expire
        if not judging.may_assemble(self._service, final, sum(length or 0 for length in lengths)):
            return final  # there may be room at the next HEAD
        return self._service.settle_soon(self._assemble(final, parts))

    def _assemble(
        self, final: AbstractUpload, parts: Mapping[str, AbstractUpload]
    ) -> AbstractUpload:
        """The final upload, with the bytes of its parts if this request could gather them. Whoever
        holds the lease does; of two, of whom one was overtaken, one has its links recorded, and the
        other removes its own."""
        token, former = leases.new_token(), final.offset
        hold = partial(leases.renew, self._model, final.pk, token=token, ttl=GATHERING_TTL_SECONDS)
        if not leases.acquire(
            self._model, final.pk, offset=former, token=token, ttl=GATHERING_TTL_SECONDS
        ):
            return final
        gathered = copy(final)
        try:
            self._gather(gathered, parts, token, hold)
        except LeaseLost:
            return get_row(self._model, final.upload_id) or final
        except UploadError:
            leases.release(self._model, final.pk, token=token)
            raise
        if leases.commit(
            self._model,
            final.pk,
            token=token,
            old=former,
            new=gathered.offset,
            ttl=GATHERING_TTL_SECONDS,
            values={
                "length": gathered.length,
                "store_state": gathered.store_state,
                "expires_at": self._service.new_expiry(),
            },
            release=True,
        ):
            return gathered
        self._service.store_of(final).discard(self._service.blob_of(gathered))
        return get_row(self._model, final.upload_id) or final

    def _update(self, upload: AbstractUpload, values: Mapping[str, Any]) -> None:
        with database_errors(self._using):
            rows = self._model._base_manager.using(self._using)
            rows.filter(pk=upload.pk, status=Status.UPLOADING).update(**values)

    def completed(self, upload: AbstractUpload) -> None:
        """A partial upload is complete: who waits for it goes on. A final one is: its parts have
        served. What fails here is made up for by the next HEAD, or by time."""
        try:
            if upload.is_part:
                self._wake(upload)
            else:
                self._let_go(upload)
        except UploadError as error:
            facts = {"upload_id": upload.upload_id, "code": error.code}
            logger.warning("concatenation-not-kept-up", extra=facts)

    def _wake(self, part: AbstractUpload) -> None:
        row = get_row(self._model, part.upload_id)
        for final_id in _waiting(row) if row else ():
            final = get_row(self._model, final_id)
            if final is not None and final.is_waiting:
                self.go_on(final)

    def _let_go(self, final: AbstractUpload) -> None:
        """The parts expire after a grace time, unless another final upload waits for them."""
        until = self._service.clock() + PARTS_GRACE
        rows = self._model._base_manager.using(self._using).filter(
            concat=Concat.PARTIAL, status=Status.COMPLETE
        )
        soon = Q(expires_at__isnull=True) | Q(expires_at__gt=until)
        waited_for, served = [], []
        for part in self._rows(final.part_ids).values():
            waiting = [other for other in _waiting(part) if other != final.upload_id]
            if waiting:
                part.parts = {"finals": waiting}
                waited_for.append(part)
            else:
                served.append(part.pk)
        with database_errors(self._using):
            rows.bulk_update(waited_for, ["parts"], batch_size=_BATCH)
            for batch in leases.batches(served):
                rows.filter(soon, pk__in=batch).update(parts=None, expires_at=until)


def _repeated(part_ids: Sequence[str], found: Mapping[str, AbstractUpload]) -> float:
    """Bytes that come from naming parts more than MAX_REPEATS times; without end for a part whose
    length is not known yet."""
    counts = Counter(part_ids).items()
    lengths = {part_id: part.length for part_id, part in found.items()}
    return sum(
        (count - MAX_REPEATS) * (math.inf if (length := lengths[part_id]) is None else length)
        for part_id, count in counts
        if count > MAX_REPEATS
    )


def _key_of(request: CreateRequest, actor: Actor) -> str:
    """The same for the same request of the same user, to the letter, and for no other."""
    asked = json.dumps([str(actor.user_id), request.concat_field, request.metadata])
    return hashlib.sha256(asked.encode()).hexdigest()


def _waiting(part: AbstractUpload) -> list[str]:
    return list((part.parts or {}).get("finals", ()))
