"""Unfinished uploads get back to where django-chunked-upload looks for their bytes.

The order is what keeps the bytes, whenever it is stopped, and what makes it safe to run again:

1. Each upload's bytes are copied to a file of their own beside their place, synced, and get their
   place as a second name of that file: never one that another file has. The second name also tells
   an earlier run's copy from what is somebody else's.
2. In one transaction the rows get these names. Until it is committed, the uploads are where they
   were; where one of them cannot be read, nothing is changed at all, and the error names them.
3. Only behind the commit the former bytes are removed. Where they are is in the row until then.
"""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from django.db import DatabaseError, transaction

from legacy import conf
from tusbridge.errors import StoreError
from tusbridge.files import NO_LINKS, sync_path, sync_up
from tusbridge.models import Status
from tusbridge.service import UploadService
from tusbridge.statements import until
from tusbridge.system import change_mode, sync

logger = logging.getLogger("tusbridge")

_BATCH = 500
# Seconds within which a statement takes effect whose connection was given up.
_LATE_SECONDS = 10.0
# Uploads that an error names; the log has all.
_MOST_NAMED = 20
# Where a row's store_state tells what is still to be removed.
_FORMER = "given-back"


class NotGivenBack(Exception):
    """Some uploads' bytes cannot be put back. Nothing was changed; the text names the uploads."""


def give_back(model: Any, using: str) -> None:
    """Leave rows and files as the original would have them. What only tus knows is lost: parts of
    other uploads, and uploads that were terminated.

    :raises NotGivenBack: bytes cannot be read, or written to their place.
    """
    rows = model._base_manager.using(using)
    giving = _GivingBack(UploadService(model=model))
    with transaction.atomic(using=using):
        try:
            for batch in batches(rows.filter(status=Status.UPLOADING)):
                for row in batch:
                    giving.put_back(row)
                rows.bulk_update(batch, ["file", "store_state"])
                # so that a statement of before, which takes effect yet, finds no row to change
                rows.filter(pk__in=[row.pk for row in batch]).update(
                    lease_token=uuid.uuid4().hex, lease_until=until(_LATE_SECONDS)
                )
            giving.check()
            giving.forget_terminated(rows.filter(status=Status.TERMINATED))
        except BaseException:
            giving.withdraw()
            raise
        transaction.on_commit(giving.clear_up, using=using)


def batches(rows: Any) -> Iterator[list[Any]]:
    """All rows of a query, some at a time, by primary key."""
    last: Any = None
    while True:
        page = rows.order_by("pk") if last is None else rows.filter(pk__gt=last).order_by("pk")
        batch = list(page[:_BATCH])
        if not batch:
            return
        yield batch
        last = batch[-1].pk


class _GivingBack:
    """One run. Rows are the migration's: they have columns, and none of our members."""

    def __init__(self, service: UploadService) -> None:
        self._service = service
        self._failed: list[str] = []
        # what this run has made, or was about to: copies, and the names that they may have got
        self._made: list[tuple[Any, str, list[str]]] = []
        # copies that have their place as their only name
        self._renamed: list[str] = []
        # rows in part, with the names of files that go with them: what is removed in the end
        self._former: list[tuple[Any, str]] = []
        self._copies: list[str] = []

    def put_back(self, row: Any) -> None:
        """Have the storage's file with exactly the bytes that count, and name it in the instance:
        the original appends to whatever is there. What fails is noted."""
        try:
            self._put_back(row)
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001 of whatever storage
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            logger.error("not-given-back", extra={"upload_id": row.upload_id, "why": str(why)})
            self._failed.append(f"{row.upload_id} ({why})")

    def _put_back(self, row: Any) -> None:
        storage, name = row.file.storage, str(row.file)
        if _has_file(storage, name, row.offset):
            self._keep(row, name)
        elif _is_untaken(self._service, row):
            row.file = row.store_state["found"]
            _cut(storage.path(str(row.file)), row.offset)
        else:
            self._copy(row, [row.store_state.get("found"), name, conf.default_upload_to(row, "")])

    def _keep(self, row: Any, name: str) -> None:
        """An earlier run was committed, or the upload's own completion came so far."""
        if _FORMER not in row.store_state:
            row.store_state = _state_of(name, _without_found(row.store_state), "")
        self._note(row, row.file.storage)

    def _copy(self, row: Any, wanted: list[str | None]) -> None:
        storage = row.file.storage
        # the last one has the upload's id, should none of the others be free
        names = [name for name in wanted if name]
        names.append(_with_id(names[-1], row.upload_id))
        copy = f"{names[0]}.{row.upload_id}.tusbridge"
        _withdraw(storage, copy, names)  # of an earlier run, which was rolled back
        self._made.append((storage, copy, names))
        self._write(row, storage.path(copy), storage)
        name = self._publish(storage, copy, names)
        sync_up(storage.path(name), str(storage.location))
        former = _without_found(row.store_state)
        row.file, row.store_state = name, _state_of(name, former, copy)
        self._note(row, storage)

    def _write(self, row: Any, path: str, storage: Any) -> None:
        pieces = self._service.read_unfinished(row, 0, row.offset) if row.offset else iter(())
        first = next(pieces, b"")  # before anything is made
        os.makedirs(os.path.dirname(path), exist_ok=True)
        mode = getattr(storage, "file_permissions_mode", None)
        with open(path, "xb") as out:
            if mode is not None:
                change_mode(out.fileno(), mode)
            count = out.write(first)
            for piece in pieces:
                count += out.write(piece)
            out.flush()
            sync(out.fileno())
        if count != row.offset:
            raise StoreError(f"{count} of {row.offset} bytes are there")

    def _publish(self, storage: Any, copy: str, names: list[str]) -> str:
        """Give the copy the first of these names that no file has."""
        names.append(storage.get_available_name(names[-1]))
        for name in names:
            path = storage.path(name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if _give_name(storage.path(copy), path):
                if not os.path.lexists(storage.path(copy)):
                    self._renamed.append(path)
                return name
        raise StoreError(f"other files have the names {', '.join(names)}")

    def _note(self, row: Any, storage: Any) -> None:
        former = row.store_state[_FORMER]
        self._former.append((_part_of(row, former["state"]), ""))
        if former["copy"]:
            self._copies.append(storage.path(former["copy"]))

    def check(self) -> None:
        """:raises NotGivenBack: there was an upload that could not be put back."""
        if not self._failed:
            return
        named = ", ".join(self._failed[:_MOST_NAMED])
        more = len(self._failed) - _MOST_NAMED
        many = "upload" if len(self._failed) == 1 else "uploads"
        raise NotGivenBack(
            f"{len(self._failed)} unfinished {many} cannot be put back: {named}"
            + (f", and {more} more, which are in the log" if more > 0 else "")
            + ". Nothing was changed. See to it that their bytes can be read, or delete these "
            "uploads, and migrate again."
        )

    def forget_terminated(self, rows: Any) -> None:
        """Those that were ended go, with all that a sweep would still have removed."""
        for batch in batches(rows):
            for row in batch:
                state = dict(row.store_state)
                if not _is_untaken(self._service, row):
                    state = _without_found(state)
                name = str(row.file) or str(state.get("handed-over", ""))
                self._former.append((_part_of(row, state), name))
        rows.delete()

    def withdraw(self) -> None:
        """Nothing is given back: leave no copies."""
        for storage, copy, names in self._made:
            with suppress(OSError):
                _withdraw(storage, copy, names)
        for path in self._renamed:
            with suppress(OSError):
                os.unlink(path)

    def clear_up(self) -> None:
        """Behind the commit: the former bytes, and the copies' own names. What cannot be removed
        stays, and costs room only."""
        for row, name in self._former:
            try:
                self._service.store_of(row).delete(self._service.blob_of(row), name)
            except Exception as error:  # noqa: BLE001 of whatever storage
                code = getattr(error, "code", type(error).__name__)
                facts = {"upload_id": row.upload_id, "code": code}
                logger.warning("bytes-not-removed", extra=facts)
        for path in self._copies:
            with suppress(OSError):
                os.unlink(path)


def _has_file(storage: Any, name: str, size: int) -> bool:
    """Whether the name is recorded, and its file there with all bytes."""
    return bool(name) and storage.exists(name) and storage.size(name) == size


def _is_untaken(service: UploadService, row: Any) -> bool:
    """Whether all bytes are where the original left them: later on, the name may be another's."""
    found = row.store_state.get("found")
    path = row.file.storage.path(found) if found else ""
    return bool(found) and os.path.exists(path) and service.unfinished_path(row) == path


def _cut(path: str, size: int) -> None:
    """Drop what lies beyond the bytes that count."""
    there = os.stat(path).st_size
    if there < size:
        raise StoreError(f"{there} of {size} bytes are there")
    if there > size:
        os.truncate(path, size)
        sync_path(path)


def _withdraw(storage: Any, copy: str, names: list[str]) -> None:
    """Remove a copy under both of its names. It may be an old one, of fewer bytes."""
    path = storage.path(copy)
    for name in names if os.path.lexists(path) else ():
        place = storage.path(name)
        if os.path.lexists(place) and os.path.samefile(path, place):
            os.unlink(place)
    with suppress(FileNotFoundError):
        os.unlink(path)


def _give_name(copy: str, path: str) -> bool:
    """False: another file has it."""
    try:
        os.link(copy, path)
    except FileExistsError:
        # a file system over a network may say so of what it has just done
        return os.path.samefile(copy, path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return _give_name_alone(copy, path)
    return True


def _give_name_alone(copy: str, path: str) -> bool:
    """The same on a file system where a file has one name: the place is reserved first. What is
    rolled back stays there, as a file of nobody's."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    os.rename(copy, path)
    return True


def _with_id(name: str, upload_id: str) -> str:
    root, extension = os.path.splitext(name)
    return f"{root}_{upload_id}{extension}"


def _without_found(state: dict[str, Any]) -> dict[str, Any]:
    """What is ours of an upload's bytes: a file of the original's that was taken over is there no
    more, and its name may be another's."""
    return {key: value for key, value in state.items() if key != "found"}


def _state_of(name: str, former: dict[str, Any], copy: str) -> dict[str, Any]:
    """The store's state of an upload whose bytes are the storage's file of that name, in a row that
    ours may still go on with: none of the former pieces is taken for the file's. With what is to be
    removed behind the commit."""
    segments = [[0, uuid.uuid4().hex]]
    return {"found": name, "segments": segments, _FORMER: {"state": former, "copy": copy}}


def _part_of(row: Any, state: dict[str, Any]) -> Any:
    """As much of a row as the service needs for its bytes."""
    return SimpleNamespace(
        upload_id=row.upload_id, storage_alias=row.storage_alias, store_state=state
    )
