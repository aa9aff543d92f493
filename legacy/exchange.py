"""What the contract does to uploads, by the service: append a chunk, complete, digest, read.

Works on rows of any upload model; ``models`` adds the members that sites know.
"""

import io
import os.path
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.functional import SimpleLazyObject

from legacy import conf, digests
from tusbridge.chunks import Chunk
from tusbridge.errors import BodyIncomplete, StoreError, UploadBusy, UploadNotFound
from tusbridge.models import AbstractUpload, Protocol, Status
from tusbridge.policy import Actor
from tusbridge.service import UploadService

# Bytes of one piece of a chunk that lies in memory or in a temporary file.
_PIECE = 1024 * 1024
# Seconds to wait for another request to end what it does to the same upload.
BUSY_SECONDS = 10.0
# Seconds between a file's coming into the storage and its row's saying so, at most.
_MOVING_SECONDS = 3.0
# Bytes: more than any chunk has.
ANY_SIZE = 2**63 - 1


def service_of(upload: AbstractUpload) -> UploadService:
    """The service over the upload's own model."""
    return UploadService(model=type(upload))


def owner_of(upload: AbstractUpload) -> Actor:
    """Whose the upload is, to the policy; the user is looked up if a hook looks."""
    if upload.user_id is None:
        return Actor()
    return Actor(user_id=upload.user_id, user=SimpleLazyObject(lambda: upload.user))


def expires_on(upload: AbstractUpload) -> datetime:
    """When the contract counts the upload as expired; chunks do not move it, unless another
    protocol began it, which says so itself."""
    if upload.protocol != Protocol.LEGACY and upload.expires_at is not None:
        return upload.expires_at
    return upload.created_on + conf.expiration_delta()


def found_state(name: str) -> dict[str, Any]:
    """The store's state of an upload whose bytes are the storage's file of that name."""
    return {"found": name} if name else {}


def reread(upload: AbstractUpload) -> AbstractUpload:
    """The upload as its row is now, in the same instance.

    :raises UploadNotFound: it is gone.
    """
    try:
        upload.refresh_from_db()
    except type(upload).DoesNotExist as error:
        raise UploadNotFound from error
    if upload.status == Status.TERMINATED:
        raise UploadNotFound
    return upload


def begin_chunk(
    upload: AbstractUpload, offset: int, limit: int, *, wait: float = BUSY_SECONDS
) -> Chunk:
    """Begin to append at most ``limit`` bytes at ``offset``. Raises what the service raises."""
    service = service_of(upload)
    actor = owner_of(upload)
    limit = min(limit, limit_of(upload, None) - offset)
    if not upload._state.adding:
        return service.begin_chunk(upload, offset, limit, wait=wait, again=lambda: reread(upload))
    # a model of tusbridge's has the columns' defaults, which are tus's
    upload.protocol = Protocol.LEGACY
    upload.completes_itself = False
    upload.expires_at = service.clock() + conf.expiration_delta()
    return service.begin_first_chunk(upload, limit, actor)


def pieces_of(file: Any) -> Iterable[bytes]:
    """The bytes of an uploaded file, or of anything that can be read, a piece at a time."""
    if hasattr(file, "chunks"):
        return file.chunks(_PIECE)  # type: ignore[no-any-return]
    return iter(lambda: file.read(_PIECE), b"")


@dataclass
class _Held:
    """A chunk that was written and does not count yet."""

    chunk: Chunk
    digest: Any
    length: int | None


def append(upload: AbstractUpload, file: Any, length: int | None) -> None:
    """Write the bytes of a file behind the upload's; they are held."""
    held = getattr(upload, "_held", None)
    chunk = held.chunk if held else begin_chunk(upload, upload.offset, ANY_SIZE)
    digest = held.digest if held else digests.begin(upload.upload_id, chunk.written)
    try:
        for piece in pieces_of(file):
            chunk.feed([piece])
            if digest is not None:
                digest.update(piece)
    except BaseException:
        give_up(chunk)
        raise
    hold(upload, chunk, digest, length)


def hold(upload: Any, chunk: Chunk, digest: Any, length: int | None) -> None:
    """Keep a written chunk with its upload until :func:`commit_held` has it count; ``length`` is
    the upload's, as it is known now."""
    upload._held = _Held(chunk, digest, length)
    upload._md5 = None
    upload.offset = chunk.written


def is_held(upload: Any) -> bool:
    """Whether a chunk was written and does not count yet."""
    return getattr(upload, "_held", None) is not None


def tell_length(upload: Any, length: int | None) -> None:
    """What the upload's length is known to be, to be stored with the chunk that is held."""
    if is_held(upload):
        upload._held.length = length


def commit_held(upload: Any) -> bool:
    """Have the chunk count that is held, if there is one; whether that made the row.

    :raises LeaseLost: another request took the upload over; nothing counts.
    """
    if not is_held(upload):
        return False
    held, upload._held = upload._held, None
    held.chunk.commit({"length": held.length})
    if held.digest is not None:
        digests.keep(upload.upload_id, held.chunk.written, held.digest)
    return bool(held.chunk.is_first)


def drop_held(upload: Any) -> None:
    """Leave nothing of a chunk that is held. Idempotent."""
    if is_held(upload):
        held, upload._held = upload._held, None
        give_up(held.chunk)


def limit_of(upload: AbstractUpload, max_bytes: int | None) -> int:
    """Bytes that the upload may have in the end: by view, settings, and what its client has said
    before, by tus or by completing it."""
    limits = [service_of(upload).policy.limits(owner_of(upload)).max_length]
    if max_bytes is not None:
        limits.append(max_bytes)
    is_told = upload.protocol == Protocol.TUS or upload.completes_itself
    if is_told and upload.length is not None and not upload._state.adding:
        limits.append(upload.length)
    return min(limits)


def has_bytes(upload: AbstractUpload, start: int, file: Any) -> bool:
    """Whether these bytes are what the upload has from ``start`` on."""
    stop = start + file.size
    if stop > upload.offset:
        return False
    stored = open_unfinished(upload, start, stop)
    return all(stored.read(len(piece)) == piece for piece in pieces_of(file))


def give_up(chunk: Chunk) -> None:
    """Leave the upload as it was before the chunk. Idempotent."""
    chunk.give_up(BodyIncomplete())


def complete_marked(upload: AbstractUpload) -> None:
    """Complete an upload whose instance says that it is, and whose row does not; waits for whoever
    is at it.

    :raises AlreadyComplete: somebody else has completed it.
    :raises UploadBusy: somebody keeps on writing to it.
    """
    if getattr(upload, "_stored_status", Status.UPLOADING) == Status.COMPLETE:
        return
    service = service_of(upload)
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            service.complete(upload)
        except UploadBusy:
            if time.monotonic() > deadline:
                raise
            service.pause()
            continue
        upload._stored_status = Status.COMPLETE  # type: ignore[attr-defined]
        return


def uploaded_file(upload: Any) -> UploadedFile:  # type: ignore[type-arg]
    """The file, open for reading, under the client's name; tus clients need not send one."""
    is_name = os.path.basename(upload.filename) not in {"", ".", ".."}
    name = upload.filename if is_name else upload.upload_id
    upload.file.close()
    upload.file.open(mode="rb")
    return UploadedFile(file=upload.file, name=name, size=upload.offset)


def md5_of(upload: AbstractUpload) -> str:
    """The md5 of the bytes that are there, as hex digits: kept from when they came, or read back.

    :raises StoreError: they cannot be read.
    """
    deadline = time.monotonic() + _MOVING_SECONDS
    while True:
        try:
            return _md5_of(upload)
        except StoreError:
            # somebody may just be completing it: the bytes are on their way to the storage
            if upload.is_complete or time.monotonic() > deadline:
                raise
        service_of(upload).pause()
        reread(upload)


def _md5_of(upload: AbstractUpload) -> str:
    known, digest = digests.nearest(upload.upload_id, upload.offset)
    for piece in read(upload, known, upload.offset):
        digest.update(piece)
    if not upload.is_complete:
        digests.keep(upload.upload_id, upload.offset, digest.copy())
    return str(digest.hexdigest())


def may_exist(upload_id: str) -> bool:
    """Whether a database can be asked for such an id at all."""
    return 0 < len(upload_id) <= 32 and "\0" not in upload_id


def recorded_status(upload: AbstractUpload) -> int:
    """The status as the row has it now; that of a new upload where there is no row."""
    rows = type(upload)._base_manager.filter(pk=upload.pk)
    status = rows.values_list("status", flat=True).first() if upload.pk else None
    return int(Status.UPLOADING if status is None else status)


def recorded_file(upload: AbstractUpload) -> str:
    """The finished file's name as the row has it now; empty while it is unfinished."""
    rows = type(upload)._base_manager.filter(pk=upload.pk, status=Status.COMPLETE)
    return str(rows.values_list("file", flat=True).first() or "") if upload.pk else ""


def read(upload: AbstractUpload, start: int, stop: int) -> Iterable[bytes]:
    """The bytes [start, stop) of an upload, finished or not, in pieces."""
    if start == stop:
        return ()
    service = service_of(upload)
    if upload.is_complete and upload.file.name:
        return service.open(upload, start, stop)
    return service.read_unfinished(upload, start, stop)


class UnfinishedFile(io.RawIOBase):
    """The bytes that have come of an unfinished upload, as a file to read."""

    def __init__(self, upload: AbstractUpload, start: int, stop: int) -> None:
        super().__init__()
        self._upload = upload
        self._start = self._at = start
        self._stop = stop

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at - self._start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: self._start, io.SEEK_CUR: self._at, io.SEEK_END: self._stop}
        self._at = max(origin[whence] + offset, self._start)
        return self.tell()

    def readinto(self, buffer: Any) -> int:
        stop = min(self._at + len(buffer), self._stop)
        if self._at >= stop:
            return 0
        data = b"".join(service_of(self._upload).read_unfinished(self._upload, self._at, stop))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def open_unfinished(upload: AbstractUpload, start: int, stop: int) -> io.BufferedReader:
    """The bytes [start, stop) that were written of an unfinished upload, to be read."""
    return io.BufferedReader(UnfinishedFile(upload, start, stop), _PIECE)
