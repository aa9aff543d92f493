"""Uploads of another table become uploads of the site's model. The other table, and files that are
copied, stay as they are.

Can be stopped at any moment and done again: an upload is there with all that belongs to it, or not
at all, and one that is there is left alone, for it may have gone on.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.db import DataError, IntegrityError, OperationalError, models, router, transaction
from django.db.models import Case, Value, When

from legacy import takeover
from legacy.alone import alone_in
from legacy.exchange import found_state
from legacy.sources import ImportRefused, NotInStorage, Source, StoredFile
from tusbridge.errors import LeaseLost, StoreError
from tusbridge.models import AbstractUpload, Protocol, Status, get_upload_model, owner_of
from tusbridge.protocol.tus import UPLOAD_ID
from tusbridge.service import UploadService

# Rows of one batch: one statement has three parameters for each, and SQLite takes 999.
BATCH = 200
MOST_BATCH = 300
_LONGEST_FILENAME = 255
# MySQL's error for a character that a column's character set does not have.
_NOT_IN_CHARSET = 1366


class Outcome(StrEnum):
    """What became of a row; in a dry run: what would."""

    COMPLETE = "imported, complete"
    UNFINISHED = "imported, in flight"
    HERE = "already here"
    EXPIRED = "expired, left out"
    MISSING = "file missing"
    SHORT = "file shorter than the row says"
    LONG = "file longer than the row says"
    FOREIGN = "foreign row"
    NO_USER = "user unknown"
    FAILED = "failed"

    @property
    def is_problem(self) -> bool:
        """Whether the upload was to be taken and could not be."""
        return self not in {self.COMPLETE, self.UNFINISHED, self.HERE, self.EXPIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row of the other table by its key and id, and what became of it. ``reason`` has more of
    what is wrong, also of an upload that was taken; ``copied`` is bytes."""

    row: str
    upload_id: str
    outcome: Outcome
    reason: str = ""
    copied: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """An upload that can be taken, its file if that has to be copied, and what is to be told."""

    upload: AbstractUpload
    # the column is set by itself on insertion, in the instance too
    created_on: datetime
    to_copy: StoredFile | None
    finding: Finding


class _NotTaken(Exception):
    def __init__(self, outcome: Outcome, reason: str = "") -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class Importer:
    """Takes the rows of a source into the site's upload model.

    :param dry_run: change nothing, tell only.
    :param batch: rows in one query and in one transaction.
    :param expired: take unfinished uploads that have expired, too.
    :raises ImportRefused: that cannot be.
    """

    def __init__(
        self,
        source: Source,
        *,
        dry_run: bool = False,
        batch: int = BATCH,
        expired: bool = False,
    ) -> None:
        self._source = source
        self._dry_run = dry_run
        self._batch = batch
        self._expired = expired
        self._model = _target_of(source)
        self._using = router.db_for_write(self._model)
        self._service = UploadService(model=self._model)
        self._alias = self._model.new_storage_alias()
        self._storage = _storage_of(self._service, self._alias)
        self._now = self._service.clock()
        self._user_field: Any = next(
            (field for field in self._model._meta.concrete_fields if field.attname == "user_id"),
            None,
        )

    def run(self, look: Callable[[int], None] = lambda count: None) -> Iterator[list[Finding]]:
        """Take the rows as the findings are drawn; what was drawn is stored. ``look`` is told how
        many rows were looked at, after each batch.

        :raises ImportRefused: another import is running.
        :raises UploadError: the database is away, or the disk is full.
        """
        with nullcontext() if self._dry_run else alone_in(self._storage):
            yield from self._run(look)

    def _run(self, look: Callable[[int], None]) -> Iterator[list[Finding]]:
        for rows in self._source.batches(self._batch):
            here = self._ids_of(set(map(self._source.upload_id, rows)))
            users = self._users_of(rows)
            findings: list[Finding] = []
            in_place: list[_Taken] = []
            for row in rows:
                try:
                    taken = self._take(row, here, users)
                except _NotTaken as no:
                    findings.append(self._finding(row, no.outcome, no.reason))
                    continue
                here.add(taken.upload.upload_id)
                if taken.to_copy is None:
                    in_place.append(taken)
                else:
                    # at once: nothing that was copied is to be without a row for long
                    yield [self._copy(taken, taken.to_copy)]
            yield findings + self._store(in_place)
            look(len(rows))

    # -- what becomes of a row

    def _take(self, row: Any, here: set[str], users: set[Any]) -> _Taken:
        """:raises _NotTaken: it cannot be, or need not be, taken."""
        self._check_row(row)
        if self._source.upload_id(row) in here:
            raise _NotTaken(Outcome.HERE)
        self._check_expiry(row)
        self._check_user(self._source.user_id(row), users)
        file = self._find_file(row)
        upload = self._make(row)
        upload.offset, reason = _bytes_of(upload, file)
        has_to_copy = self._place(upload, file)
        outcome = Outcome.COMPLETE if upload.is_complete else Outcome.UNFINISHED
        copied = upload.offset if has_to_copy else 0
        return _Taken(
            upload=upload,
            created_on=upload.created_on,
            to_copy=file if has_to_copy else None,
            finding=self._finding(row, outcome, reason, copied=copied),
        )

    def _make(self, row: Any) -> AbstractUpload:
        """The upload, with all that is not about its bytes."""
        value = self._source.value
        upload: AbstractUpload = self._model(
            upload_id=self._source.upload_id(row),
            **owner_of(self._model, self._source.user_id(row)),
            filename=(value(row, "filename") or "")[:_LONGEST_FILENAME],
            offset=value(row, "offset"),
            status=value(row, "status"),
            created_on=value(row, "created_on"),
            completed_on=value(row, "completed_on"),
            protocol=Protocol.LEGACY,
            completes_itself=False,
            storage_alias=self._alias,
        )
        if upload.is_complete:
            upload.length = upload.offset
            upload.confirmed_on = upload.completed_on or upload.created_on
        else:
            expires_on = self._source.expires_on(row)
            upload.expires_at = max(expires_on, takeover.expiry_of(upload.created_on, self._now))
        return upload

    def _place(self, upload: AbstractUpload, file: StoredFile | None) -> bool:
        """Say where the upload's bytes are, if that is in the target's storage already; whether
        they have to be copied there."""
        name = file.name_in(self._storage) if file else None
        if not upload.is_complete:
            upload.store_state = found_state(name or "")
            return not name and upload.offset > 0
        field: Any = self._model._meta.get_field("file")
        if not name or len(name) > field.max_length:
            return True
        upload.file.name = name
        return False

    def _check_row(self, row: Any) -> None:
        value = self._source.value
        if not UPLOAD_ID.fullmatch(self._source.upload_id(row)):
            raise _NotTaken(Outcome.FOREIGN, "its id is none of 32 lower-case hex digits")
        status, offset = value(row, "status"), value(row, "offset")
        if status not in {Status.UPLOADING, Status.COMPLETE}:
            raise _NotTaken(Outcome.FOREIGN, f"its status {status} is not known")
        if offset is None or offset < 0:
            raise _NotTaken(Outcome.FOREIGN, f"its offset {offset} is none")
        if value(row, "created_on") is None:
            raise _NotTaken(Outcome.FOREIGN, "when it was created is not known")

    def _check_expiry(self, row: Any) -> None:
        is_open = self._source.value(row, "status") == Status.UPLOADING
        if is_open and not self._expired and self._source.expires_on(row) <= self._now:
            raise _NotTaken(Outcome.EXPIRED)

    def _check_user(self, user_id: Any, users: set[Any]) -> None:
        if self._user_field is None:
            return
        if user_id is None and not self._user_field.null:
            raise _NotTaken(Outcome.NO_USER, "it is nobody's, and here each upload is somebody's")
        if user_id is not None and user_id not in users:
            raise _NotTaken(Outcome.NO_USER, f"there is no user {user_id}")

    def _find_file(self, row: Any) -> StoredFile | None:
        try:
            return self._source.find_file(row)
        except NotInStorage as error:
            raise _NotTaken(Outcome.FOREIGN, str(error)) from error
        except Exception as error:
            # storages raise what their libraries do
            raise _NotTaken(Outcome.FAILED, _words_of(error)) from error

    def _finding(self, row: Any, outcome: Outcome, reason: str = "", copied: int = 0) -> Finding:
        return Finding(
            row=str(row.pk),
            upload_id=self._source.upload_id(row),
            outcome=outcome,
            reason=reason,
            copied=copied,
        )

    # -- bytes and rows

    def _copy(self, taken: _Taken, file: StoredFile) -> Finding:
        if self._dry_run:
            return taken.finding
        reading = _Reading(file.pieces(taken.upload.offset))
        try:
            self._service.adopt(taken.upload, reading)
        except LeaseLost:
            return _instead(taken, Outcome.HERE)
        except StoreError as error:
            return _instead(taken, Outcome.FAILED, str(error))
        except Exception as error:
            if reading.error is not error:
                raise
            return _instead(taken, Outcome.FAILED, _words_of(error))
        finding = self._store([taken])[0]
        if finding.outcome is Outcome.FAILED:
            self._service.remove_bytes(taken.upload)
        return finding

    def _store(self, taken: list[_Taken]) -> list[Finding]:
        """Insert the rows: all in one transaction, or where the database refuses one of them, each
        by itself."""
        if self._dry_run or not taken:
            return [one.finding for one in taken]
        try:
            self._insert(taken)
        except (IntegrityError, DataError, OperationalError):
            return [self._store_one(one) for one in taken]
        return [one.finding for one in taken]

    def _store_one(self, taken: _Taken) -> Finding:
        taken.upload.pk = None
        try:
            self._insert([taken])
        except (IntegrityError, DataError, OperationalError) as error:
            if isinstance(error, OperationalError) and error.args[:1] != (_NOT_IN_CHARSET,):
                raise
            if self._ids_of({taken.upload.upload_id}):
                return _instead(taken, Outcome.HERE)
            return _instead(taken, Outcome.FAILED, f"the database refuses it: {_words_of(error)}")
        return taken.finding

    def _insert(self, taken: list[_Taken]) -> None:
        with transaction.atomic(using=self._using):
            if self._model._meta.parents:
                for one in taken:
                    one.upload.save(using=self._using, force_insert=True)
            else:
                rows = self._model._base_manager.using(self._using)
                rows.bulk_create([one.upload for one in taken])
            self._stamp(taken)

    def _stamp(self, taken: list[_Taken]) -> None:
        """When they were created: no insertion sets that."""
        owner = self._model._meta.get_field("created_on").model
        rows = owner._base_manager.using(self._using)
        times = {one.upload.upload_id: one.created_on for one in taken}
        cases = [When(upload_id=key, then=Value(time)) for key, time in times.items()]
        rows.filter(upload_id__in=times).update(
            created_on=Case(*cases, output_field=models.DateTimeField())
        )

    def _ids_of(self, upload_ids: set[str]) -> set[str]:
        known = set(filter(UPLOAD_ID.fullmatch, upload_ids))
        rows = self._model._base_manager.using(self._using).filter(upload_id__in=known)
        return set(rows.values_list("upload_id", flat=True))

    def _users_of(self, rows: Iterable[Any]) -> set[Any]:
        """The keys of those users of the rows that there are."""
        wanted = {self._source.user_id(row) for row in rows} - {None}
        if self._user_field is None or not wanted:
            return set()
        users: Any = get_user_model()._base_manager.using(self._using)
        return set(users.filter(pk__in=wanted).values_list("pk", flat=True))


class _Reading:
    """Pieces of a file, and the error that reading them ended with."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        except Exception as error:
            self.error = error
            raise


def _bytes_of(upload: AbstractUpload, file: StoredFile | None) -> tuple[int, str]:
    """How many bytes there are of the upload, and what is to be said of it.

    :raises _NotTaken: they are not those that its row tells of.
    """
    offset = upload.offset
    if file is None:
        if upload.is_complete or offset:
            raise _NotTaken(Outcome.MISSING, f"{offset} bytes by its row")
        return 0, ""
    told = f"{file.size} of {offset} bytes"
    if upload.is_complete and file.size != offset:
        raise _NotTaken(Outcome.SHORT if file.size < offset else Outcome.LONG, told)
    if file.size < offset:
        return file.size, f"its file has {told}: it goes on from there"
    return offset, ""


def _instead(taken: _Taken, outcome: Outcome, reason: str = "") -> Finding:
    found = taken.finding
    return Finding(row=found.row, upload_id=found.upload_id, outcome=outcome, reason=reason)


def _words_of(error: Exception) -> str:
    """One line, without paths where the error is the operating system's."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]


def _target_of(source: Source) -> Any:
    try:
        model: Any = get_upload_model()
    except ImproperlyConfigured as error:
        raise ImportRefused(str(error)) from error
    if model._meta.db_table == source.model._meta.db_table:
        raise ImportRefused(
            f"{source.label} has the table of {model._meta.label}: these rows are there already; "
            "migrate instead"
        )
    return model


def _storage_of(service: UploadService, alias: str) -> Any:
    try:
        service.check_storage(alias)
    except (ImproperlyConfigured, ImportError) as error:
        raise ImportRefused(f"no files can be stored: {error}") from error
    return storages[alias]
