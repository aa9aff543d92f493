"""The sweep: what has expired, was terminated or was left by a crash is cleared up.

``routine`` looks at rows that an index finds, and is what a running server does by itself.
``orphans``, ``missing`` and ``finished`` walk folders or all finished uploads, and run on request
only: that bytes are nobody's is true only of the right database, which an operator knows and a
server that was started over a wrong one does not.

Everything is found and done in batches, with bounded memory. Two sweeps at once are harmless.
Never a finished upload unless asked for, never one that is being written.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError
from django.db.models import Q
from django.db.models.deletion import Collector

from tusbridge import leases, signals
from tusbridge.attaching import HANDED_OVER
from tusbridge.errors import BytesMissing, DatabaseUnavailable, UploadError, UploadNotFound
from tusbridge.models import AbstractUpload, Concat, Status, UploadQuerySet
from tusbridge.rows import database_errors, database_of, get_row
from tusbridge.stores import Blob, Store, Stray, get_store
from tusbridge.stores.base import LEFT

if TYPE_CHECKING:
    from tusbridge.service import UploadService

logger = logging.getLogger("tusbridge")

# Without progress for this long, an upload with all its bytes was left uncompleted by a crash.
LEFT_AFTER = timedelta(minutes=2)
# Bytes that nobody touched for so many seconds may be orphans: above any pause of a writer whose
# row is not to be seen yet.
GRACE_SECONDS = 3600.0
# Rows or ids in one query: below every database's limit of parameters.
BATCH = 400
# What a row is told by whose storage the settings do not know (any more).
_NO_STORE = "no-store"


class Kind(StrEnum):
    """What a sweep finds."""

    TERMINATED = "terminated"  # ended, and bytes or row are still there
    EXPIRED = "expired"  # unfinished and past its time
    UNCOMPLETED = "uncompleted"  # all bytes are there, and a crash came before the last step
    UNANNOUNCED = "unannounced"  # complete, and a crash came before the site's receivers ran
    FINISHED = "finished"  # finished before the time that was asked for
    ORPHAN = "orphan"  # bytes of no upload
    MISSING = "missing"  # a finished upload whose file is gone
    FOREIGN = "foreign"  # something in the folder of unfinished bytes that is not tusbridge's


class Fate(StrEnum):
    """What became of it; in a dry run: what would."""

    SWEPT = "swept"
    SPARED = "spared"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a sweep found: an upload's id or a store's name for bytes, the bytes that
    removing it frees, and the code of the error if it failed."""

    kind: Kind
    what: str
    size: int = 0
    fate: Fate = Fate.SWEPT
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """What a routine sweep did: uploads removed, completed late, and left for the next time."""

    removed: int = 0
    completed: int = 0
    failed: int = 0

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "SweepResult":
        """The findings, counted."""
        removed = completed = failed = 0
        for finding in findings:
            is_swept = finding.fate is Fate.SWEPT
            completed += is_swept and finding.kind is Kind.UNCOMPLETED
            removed += is_swept and finding.kind not in {Kind.UNCOMPLETED, Kind.UNANNOUNCED}
            failed += finding.fate is Fate.FAILED
        return cls(removed=removed, completed=completed, failed=failed)


class Sweeper:
    """Finds what is to be swept and sweeps it, as its generators are drawn.

    :param dry_run: find only, change nothing.
    :param limit: of each kind at most so many, besides those that fail; None: all.
    :param batch: rows or ids in one query, up to 400.
    :param grace_seconds: how long bytes have to lie untouched before they may be orphans.
    :param look: told how many more rows or files were looked at.

    Every generator raises :class:`DatabaseUnavailable`; what else goes wrong is a finding.
    """

    def __init__(
        self,
        service: "UploadService",
        *,
        dry_run: bool = False,
        limit: int | None = None,
        batch: int = BATCH,
        grace_seconds: float = GRACE_SECONDS,
        look: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._service = service
        self._dry_run = dry_run
        self._limit = limit
        self._batch = min(batch, BATCH)
        self._grace_seconds = grace_seconds
        self._look = look

    def routine(self) -> Iterator[Finding]:
        """Uploads that were terminated or have expired, and those that a crash left uncompleted, or
        complete and not told of."""
        now = self._service.clock()
        rows = self._rows()
        free = rows.filter(leases.free())
        left = free.left_uncompleted(now - LEFT_AFTER).exclude(expires_at__lte=now)
        yield from self._sweep(Kind.TERMINATED, rows.unfinished_business(), ("pk",), self._remove)
        yield from self._sweep(
            Kind.EXPIRED, free.expired(now), ("expires_at", "pk"), lambda u: self._expire(u, now)
        )
        yield from self._sweep(Kind.UNCOMPLETED, left, ("pk",), self._complete)
        unheard = rows.unannounced(now - LEFT_AFTER)
        yield from self._sweep(Kind.UNANNOUNCED, unheard, ("announce_at", "pk"), self._announce)

    def finished(self, before: datetime) -> Iterator[Finding]:
        """Uploads that were completed before that time, with their bytes. What was attached to
        something else stays there; parts of others are let be."""
        rows = self._rows().finished().filter(completed_on__lt=before)
        yield from self._sweep(Kind.FINISHED, rows, ("pk",), self._remove_finished)

    def missing(self, *, remove: bool) -> Iterator[Finding]:
        """Finished uploads whose file is gone from the storage, and those that have all their
        bytes by their row and none in fact; ``remove``: their rows too.

        An upload without a file name has none of its own (any more), and is not missing any.
        """
        rows = self._rows().finished().exclude(file="")
        yield from self._sweep(
            Kind.MISSING, rows, ("pk",), lambda upload: self._check_file(upload, remove)
        )
        left = self._rows().left_uncompleted(self._service.clock() - LEFT_AFTER)
        yield from self._sweep(
            Kind.MISSING, left, ("pk",), lambda upload: self._check_bytes(upload, remove)
        )

    def orphans(self) -> Iterator[Finding]:
        """Bytes of no upload, and what is foreign among unfinished bytes."""
        count = 0
        for store in self._stores():
            for finding in self._orphans_in(store):
                yield finding
                count += finding.kind is Kind.ORPHAN
                if count == self._limit:
                    return
        # of what was attached, the name that the upload had for it; of what one request completed
        # that had overtaken another, the name that the other had for it
        names = Q(store_state__has_key=HANDED_OVER) | Q(store_state__has_key=LEFT)
        rows = self._rows().filter(names, status=Status.COMPLETE)
        yield from self._sweep(Kind.ORPHAN, rows, ("pk",), self._remove_former_names)

    # -- rows

    def _rows(self) -> UploadQuerySet:
        # not the model's own manager, which may hide rows
        return UploadQuerySet(self._service.model, using=database_of(self._service.model))

    def _sweep(
        self,
        kind: Kind,
        rows: UploadQuerySet,
        order: tuple[str, ...],
        act: Callable[[AbstractUpload], Finding | None],
    ) -> Iterator[Finding]:
        """What ``act`` makes of each row; a store that refuses is a finding too."""

        def judge() -> Iterator[Finding]:
            for upload in self._batched(rows, order):
                finding = Finding(kind=kind, what=upload.upload_id, size=_size_of(upload))
                try:
                    found = act(upload)
                except DatabaseUnavailable:
                    raise
                except UploadError as error:
                    found = self._failed(finding, error.code)
                except ImproperlyConfigured:
                    found = self._failed(finding, _NO_STORE)
                except IntegrityError:
                    # something of the site's refers to the row, and is not to lose it
                    found = self._failed(finding, "row-protected")
                except Exception:
                    # of a storage, a receiver or a model of the site's: the others must not wait
                    logger.exception("internal-error", extra={"upload_id": upload.upload_id})
                    found = self._failed(finding, "internal-error")
                if found is not None:
                    yield found

        yield from self._limited(judge())

    def _batched(self, rows: UploadQuerySet, order: tuple[str, ...]) -> Iterator[AbstractUpload]:
        """All rows in that order, a batch at a time; one that stays is not met again."""
        last: AbstractUpload | None = None
        while True:
            page = rows if last is None else rows.filter(_beyond(last, order))
            with database_errors(rows.db):
                found: list[AbstractUpload] = list(page.order_by(*order)[: self._batch])
            yield from found
            self._look(len(found))
            if len(found) < self._batch:
                return
            last = found[-1]

    def _limited(self, findings: Iterator[Finding]) -> Iterator[Finding]:
        """As many as the limit lets through. Those that fail do not count: they fail the next time,
        too, and what comes behind them would never be swept."""
        count = 0
        while self._limit is None or count < self._limit:
            finding = next(findings, None)
            if finding is None:
                return
            yield finding
            count += finding.fate is not Fate.FAILED

    def _remove(self, upload: AbstractUpload) -> Finding:
        if not self._dry_run:
            self._service.remove_ended(upload)
        return _swept(Kind.TERMINATED, upload)

    def _expire(self, upload: AbstractUpload, now: datetime) -> Finding:
        if _has_all_bytes(upload):
            # whoever sent the last byte in time is not to lose the upload to a crash of ours
            with suppress(BytesMissing):
                return self._complete(upload)
        swept = _swept(Kind.EXPIRED, upload)
        if self._dry_run or self._service.expire(upload, now=now):
            return swept
        return replace(swept, size=0, fate=Fate.SPARED)

    def _complete(self, upload: AbstractUpload) -> Finding:
        swept = replace(_swept(Kind.UNCOMPLETED, upload), size=0)
        if self._dry_run or self._service.settle(upload).is_complete:
            return swept
        row = get_row(self._service.model, upload.upload_id)
        if row is None or row.is_complete or row.lease_token:
            return replace(swept, fate=Fate.SPARED)  # somebody else is at it
        return self._failed(swept, "not-completed")

    def _announce(self, upload: AbstractUpload) -> Finding:
        swept = replace(_swept(Kind.UNANNOUNCED, upload), size=0)
        if self._dry_run or self._service.announce_completed(upload):
            return swept
        return replace(swept, fate=Fate.SPARED)

    def _remove_finished(self, upload: AbstractUpload) -> Finding | None:
        self._check_unprotected(upload)
        if not self._dry_run:
            model, file = self._service.model, str(upload.file.name)
            if not leases.terminate_finished(model, upload.pk, file=file):
                return None
            logger.info("upload-swept", extra={"upload_id": upload.upload_id})
            signals.announce(signals.upload_terminated, upload)
            self._service.remove_ended(upload)
        return _swept(Kind.FINISHED, upload)

    def _check_unprotected(self, upload: AbstractUpload) -> None:
        """:raises IntegrityError: the row may not be deleted; told before its bytes are."""
        using = database_of(self._service.model)
        with database_errors(using):
            Collector(using=using).collect([upload])

    def _check_file(self, upload: AbstractUpload, remove: bool) -> Finding | None:
        if not self._is_missing(upload):
            return None
        row = get_row(self._service.model, upload.upload_id)
        if row is None or row.file.name != upload.file.name or not row.is_complete:
            return None  # it was removed or handed over while we looked
        finding = replace(_swept(Kind.MISSING, upload), size=0)
        if not remove:
            return replace(finding, fate=Fate.SPARED)
        self._check_unprotected(upload)
        if not self._dry_run:
            model, file = self._service.model, str(upload.file.name)
            if not leases.terminate_finished(model, upload.pk, file=file, forget_file=True):
                return None
            logger.info("upload-forgotten", extra={"upload_id": upload.upload_id})
            signals.announce(signals.upload_terminated, upload)
            self._service.remove_ended(upload)
        return finding

    def _check_bytes(self, upload: AbstractUpload, remove: bool) -> Finding | None:
        store, blob = self._service.store_of(upload), self._service.blob_of(upload)
        try:
            store.available(blob, upload.offset)
        except BytesMissing:
            if upload.recorded_name and not self._is_missing(upload):
                return None  # a crash came between its publication and the row
        else:
            return None
        finding = replace(_swept(Kind.MISSING, upload), size=0)
        if not remove:
            return replace(finding, fate=Fate.SPARED)
        if self._dry_run or self._service.expire(upload):
            return finding
        return None

    def _is_missing(self, upload: AbstractUpload) -> bool:
        try:
            self._service.store_of(upload).length(str(upload.file.name))
        except UploadNotFound:
            return True
        return False

    # -- bytes

    def _stores(self) -> list[Store]:
        """Those that rows name, and the one that new uploads go to; each place once, by the store
        that meets most there."""
        with database_errors(self._rows().db):
            aliases = set(self._rows().values_list("storage_alias", flat=True).distinct())
        options = self._service.options
        stores: dict[str, Store] = {}
        for alias in sorted(aliases | {options.STORAGE}):
            # of a storage that the settings do not know any more, nothing can be walked
            with suppress(ImproperlyConfigured):
                store = get_store(alias, options)
                if store.leaves_copies or store.place not in stores:
                    stores[store.place] = store
        return list(stores.values())

    def _orphans_in(self, store: Store) -> Iterator[Finding]:
        try:
            strays = store.strays(self._grace_seconds)
            while batch := list(islice(strays, self._batch)):
                # only now, after they were listed, is it asked whose they are
                owned = self._owned({stray.key for stray in batch if stray.key})
                self._look(len(batch))
                for stray in batch:
                    finding = self._judge(store, stray, owned)
                    if finding is not None:
                        yield finding
        except DatabaseUnavailable:
            raise
        except UploadError as error:
            yield self._failed(Finding(kind=Kind.ORPHAN, what=store.place), error.code)

    def _remove_former_names(self, upload: AbstractUpload) -> Finding:
        state = dict(upload.store_state)
        names = [*state.pop(LEFT, ()), *filter(None, [state.pop(HANDED_OVER, "")])]
        if not self._dry_run:
            blob = Blob(key=upload.upload_id, state={LEFT: names})
            self._service.store_of(upload).delete(blob, "")
            with database_errors(self._rows().db):
                rows = self._rows().filter(pk=upload.pk, file=upload.recorded_name)
                rows.update(store_state=state)
        return Finding(kind=Kind.ORPHAN, what=", ".join(names))

    def _judge(self, store: Store, stray: Stray, owned: set[str]) -> Finding | None:
        if stray.key is None:
            return Finding(kind=Kind.FOREIGN, what=stray.name, fate=Fate.SPARED)
        if stray.key in owned:
            return None
        finding = Finding(kind=Kind.ORPHAN, what=stray.name, size=stray.size)
        if self._dry_run:
            return finding
        try:
            is_removed = store.remove_stray(stray)
        except UploadError as error:
            return self._failed(finding, error.code)
        if is_removed:
            logger.info("orphan-removed", extra={"upload_id": stray.key, "bytes": stray.size})
        return finding if is_removed else None

    def _owned(self, keys: set[str]) -> set[str]:
        """Those of the keys whose bytes belong to an upload.

        A finished upload owns none outside its file, unless it is a part of others: what is left
        there is a lock, or what a writer that was passed by had begun.
        """
        owned: set[str] = set()
        for model in _models(self._service.model):
            using = database_of(model)
            rows = UploadQuerySet(model, using=using).filter(upload_id__in=keys)
            rows = rows.exclude(Q(status=Status.COMPLETE) & ~Q(concat=Concat.PARTIAL))
            with database_errors(using):
                owned.update(rows.values_list("upload_id", flat=True))
        return owned

    def _failed(self, finding: Finding, code: str) -> Finding:
        logger.warning(
            "not-swept", extra={"kind": finding.kind.value, "what": finding.what, "code": code}
        )
        return replace(finding, size=0, fate=Fate.FAILED, code=code)


def _models(model: type[AbstractUpload]) -> list[type[AbstractUpload]]:
    """Every table of uploads there is, for stores are shared among them."""
    others = {
        other
        for other in apps.get_models()
        if issubclass(other, AbstractUpload)
        and not (other._meta.proxy or other._meta.swapped or not other._meta.managed)
    }
    return sorted(others | {model}, key=lambda one: one._meta.label)


def _beyond(last: AbstractUpload, order: tuple[str, ...]) -> Q:
    """The rows behind this one, in that order."""
    where = Q()
    equal: dict[str, Any] = {}
    for name in order:
        value = getattr(last, name)
        where |= Q(**equal, **{f"{name}__gt": value})
        equal[name] = value
    return where


def _has_all_bytes(upload: AbstractUpload) -> bool:
    is_open = upload.status == Status.UPLOADING
    return is_open and upload.completes_itself and upload.offset == upload.length


def _swept(kind: Kind, upload: AbstractUpload) -> Finding:
    return Finding(kind=kind, what=upload.upload_id, size=_size_of(upload))


def _size_of(upload: AbstractUpload) -> int:
    """Bytes that go with the row; none where they were handed over."""
    is_handed_over = upload.is_finished and not upload.file.name
    return 0 if is_handed_over else upload.offset
