"""Any Django storage: unfinished bytes lie in a local folder, and the finished file is saved to
the storage through its own ``save`` when all bytes are there.

Saving takes as long as the storage takes, so a thread keeps the lease meanwhile. A storage knows
no rename, so a crash may leave half a file under the finished file's name. That name is the
upload's alone, and a lock file is held while a request saves under it: what a dead request left
there goes, and what a request saved that has lost its lease, it removes itself. Whoever finds the
lock held takes another name (``NameBusy``), so no request ever removes what another has saved.
"""

import filecmp
import io
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage

from tusbridge import system
from tusbridge.errors import BlobTruncated, LeaseLost, StoreError, UploadError, UploadNotFound
from tusbridge.files import is_there, sync_path, sync_up
from tusbridge.stores.base import FOUND, LEFT, Blob, Stray
from tusbridge.stores.local_bytes import LOCK_PATIENCE_SECONDS, LocalBytes
from tusbridge.stores.local_errors import log_not_removed, store_errors, unless_lost
from tusbridge.stores.local_segments import Segment
from tusbridge.stores.local_strays import beside_finished, check_there

logger = logging.getLogger("tusbridge.store")

# Seconds between two looks at the lease while the storage saves.
BEAT_SECONDS = 1.0
# Bytes per read from the storage.
_READ_SIZE = 256 * 1024


def spool_dir(configured: str | None) -> Path:
    """Where unfinished bytes lie: as configured, else beside MEDIA_ROOT.

    :raises ImproperlyConfigured: there is neither.
    """
    if configured:
        return Path(configured)
    if not settings.MEDIA_ROOT:
        raise ImproperlyConfigured(
            "unfinished uploads for this class of storage lie in a local folder, and there is "
            "none: TUSBRIDGE['PARTIALS_DIR'] is not set, nor is MEDIA_ROOT, beside which it "
            "would be"
        )
    root = Path(settings.MEDIA_ROOT).absolute()
    return root.with_name(f"{root.name}.partial")


@contextmanager
def storage_errors() -> Iterator[None]:
    """Whatever a storage raises as the store's own errors.

    :raises UploadNotFound: the file is not there.
    :raises StoreFull: no room.
    :raises StoreError: anything else.
    """
    try:
        with store_errors():
            try:
                yield
            except FileNotFoundError as error:
                raise UploadNotFound from error
    except UploadError:
        raise
    except Exception as error:
        logger.exception("store-error", extra={"errno": None})
        raise StoreError from error


class SpooledStore(LocalBytes):
    """A store over any storage. ``durable``: sync before anything is committed."""

    def __init__(
        self,
        storage: Storage,
        root: Path,
        *,
        durable: bool,
        lock_patience: float = LOCK_PATIENCE_SECONDS,
    ) -> None:
        super().__init__(root, durable=durable, lock_patience=lock_patience)
        self.storage = storage
        # a file in a folder may be handed over by a second name (attaching.py)
        self.leaves_copies = isinstance(storage, FileSystemStorage)

    # -- what another program left in the storage

    def _is_left(self, segment: Segment) -> bool:
        """Whether the segment's bytes are in the storage still."""
        return bool(segment.found) and not is_there(segment.path)

    def size(self, segment: Segment, expected: int) -> int:
        if self._is_left(segment):
            with storage_errors(), suppress(UploadNotFound):
                return self.length(segment.found)
        return super().size(segment, expected)

    def take_found(self, segment: Segment, still_mine: Callable[[], bool]) -> None:
        """The storage's file stays until the upload is complete: only whoever completes deletes
        there."""
        if not self._is_left(segment):
            return
        beside = f"{segment.path}.{uuid.uuid4().hex}.joined"
        with suppress(UploadNotFound):
            pieces = self._open_pieces(segment.found, 0, self.length(segment.found))
            try:
                self._write_pieces(pieces, beside, still_mine)
                os.rename(beside, segment.path)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(beside)
                raise
            finally:
                pieces.close()
            if self.durable:
                sync_path(segment.folder)

    def _write_pieces(
        self, pieces: Iterator[bytes], path: str, still_mine: Callable[[], bool]
    ) -> None:
        """:raises LeaseLost: the lease went while the bytes came."""
        with open(path, "xb", opener=_private) as out, Heartbeat(still_mine) as heart:
            for piece in pieces:
                heart.check()
                out.write(piece)
            out.flush()
            if self.durable:
                system.sync(out.fileno())
        if not still_mine():
            raise LeaseLost

    def take(self, blob: Blob, is_named: Callable[[], bool]) -> Blob:
        # a storage knows no rename: the file is deleted under its own name, once that is forgotten
        return blob

    def without_found(self, blob: Blob) -> Blob:
        # the storage's file keeps its name until it is deleted
        return blob

    def _read_segment(self, segment: Segment, start: int, stop: int) -> Iterator[bytes]:
        if not self._is_left(segment):
            yield from super()._read_segment(segment, start, stop)
            return
        size = self.size(segment, stop - segment.start)
        if size < stop - segment.start:
            raise BlobTruncated(segment.start + size)
        yield from self.open(segment.found, start - segment.start, stop - segment.start)

    def unfinished_path(self, blob: Blob) -> str | None:
        segment = self.segments(blob)[0]
        with store_errors():
            is_left = self._is_left(segment)
        if not is_left:
            return super().unfinished_path(blob)
        with suppress(NotImplementedError):
            path = self.storage.path(segment.found)
            # not every storage that tells a path has a file there
            return path if os.path.isfile(path) else None
        return None

    def strays(self, grace_seconds: float) -> Iterator[Stray]:
        yield from super().strays(grace_seconds)
        if isinstance(self.storage, FileSystemStorage):
            with store_errors():
                oldest = time.time() - grace_seconds
                yield from beside_finished(str(self.storage.location), oldest)

    # -- the finished file

    def bytes_to_copy(self, blob: Blob, length: int) -> int:
        return length

    def complete(
        self,
        blob: Blob,
        name: str,
        length: int,
        token: str,
        still_mine: Callable[[], bool],
        record: Callable[[], bool] = lambda: True,
        *,
        keep: bool = False,
    ) -> None:
        with _completing_errors(), unless_lost(still_mine):
            if keep:
                self._note(blob.key, name)
            with self.alone_under(blob.key, name):
                self._put(blob, name, length, token, still_mine)
            if not record():
                raise LeaseLost
        if not keep:
            self.free(blob, name)

    def free(self, blob: Blob, name: str) -> None:
        super().free(blob, name)
        found = blob.state.get(FOUND)
        if found and found != name:
            try:
                self._delete(found)
            except UploadError as error:
                log_not_removed(blob.key, error)

    def _put(
        self, blob: Blob, name: str, length: int, token: str, still_mine: Callable[[], bool]
    ) -> None:
        """See to it that the file is in the storage; the name's lock is held.

        :raises LeaseLost: another request completes the upload, or it was ended.
        """
        is_saved = self._is_saved(blob, name, length)
        segments = self.segments(blob)
        if is_saved and not any(is_there(segment.path) for segment in segments):
            self._sync(name)
            return
        self._take_found_alone(segments[0], still_mine)
        source = self._whole_file(blob, length, token, still_mine)
        try:
            if not (is_saved and self._is_whole(name, source)):
                self._replace(source, name, still_mine)
        finally:
            if source.endswith(".joined"):
                with suppress(FileNotFoundError):
                    os.unlink(source)
        self._sync(name)

    def _is_saved(self, blob: Blob, name: str, length: int) -> bool:
        """Whether an earlier try got as far as the storage. Where another program left the bytes
        under that name, its file is no finished one while we have bytes of our own."""
        if blob.state.get(FOUND) == name and any(
            is_there(segment.path) for segment in self.segments(blob)
        ):
            return False
        return self._size_of(name) == length

    def _is_whole(self, name: str, source: str) -> bool:
        """Whether a file of the right size has the bytes, too: on a disk that lost its power it may
        have lost them. An object appears when it is whole."""
        if not (self.durable and isinstance(self.storage, FileSystemStorage)):
            return True
        return filecmp.cmp(self.storage.path(name), source, shallow=False)

    def _replace(self, source: str, name: str, still_mine: Callable[[], bool]) -> None:
        """Save the file under the name, instead of what a request left there that is dead."""
        if not still_mine():
            raise LeaseLost
        if self._size_of(name) is not None:
            self._delete(name)
        try:
            given = self._save(source, name, still_mine)
        except Exception:
            self._take_back(name, still_mine)
            raise
        if given != name:
            # maybe another file has come to have the name
            self._delete(given)
            raise StoreError("the storage gave the file another name")
        if self._take_back(name, still_mine):
            raise LeaseLost

    def _take_back(self, name: str, still_mine: Callable[[], bool]) -> bool:
        """Remove what was saved if the lease is lost; whether it is."""
        is_lost = not still_mine()
        if is_lost:
            self._delete(name)
        return is_lost

    def _sync(self, name: str) -> None:
        if self.durable and isinstance(self.storage, FileSystemStorage):
            sync_up(self.storage.path(name), str(self.storage.location))

    def _save(self, source: str, name: str, still_mine: Callable[[], bool]) -> str:
        with Heartbeat(still_mine) as heart, _Content(source, heart) as content:
            return str(self.storage.save(name, File(content, name)))

    def open(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        return self._open_pieces(name, start, stop)

    def _open_pieces(self, name: str, start: int, stop: int) -> "_Pieces":
        with self._reading(name):
            return _Pieces(self, name, start, stop)

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """:raises UploadNotFound: also where the storage has errors of its own for that."""
        try:
            with storage_errors():
                yield
        except StoreError as error:
            with storage_errors():
                is_gone = self._is_gone(name, error.__cause__)
            if not is_gone:
                raise
            raise UploadNotFound from error

    def length(self, name: str) -> int:
        size = self._size_of(name)
        if size is not None:
            return size
        if isinstance(self.storage, FileSystemStorage):
            with store_errors():
                check_there(str(self.storage.location))
        raise UploadNotFound

    def _size_of(self, name: str) -> int | None:
        """Bytes of a file; None where there is none.

        Not every storage's ``exists`` tells the truth, and not every ``size`` raises the same.
        """
        with storage_errors():
            try:
                return int(self.storage.size(name))
            except Exception as error:
                if not self._is_gone(name, error):
                    raise
                return None

    def _is_gone(self, name: str, error: BaseException | None) -> bool:
        """Whether a storage's error means that there is no such file. What ``exists`` of a
        FileSystemStorage takes for a no may also be a disk that fails."""
        if isinstance(error, FileNotFoundError):
            return True
        if isinstance(self.storage, FileSystemStorage) and isinstance(error, OSError):
            return False
        return not self.storage.exists(name)

    def delete(self, blob: Blob, name: str) -> None:
        with store_errors():
            self._remove_segments(blob)
        if found := blob.state.get(FOUND):
            self._delete(found)
        for gone in filter(None, (name, *blob.state.get(LEFT, ()))):
            if self.may_be_written(blob.key, gone):
                with self.alone_under(blob.key, gone):
                    self._delete(gone)
            else:
                self._delete(gone)
        with store_errors():
            self._forget_note(blob.key)

    def _delete(self, name: str) -> None:
        self._delete_once(name)
        if self.durable and isinstance(self.storage, FileSystemStorage):
            with store_errors(), suppress(FileNotFoundError):
                sync_path(os.path.dirname(self.storage.path(name)))

    def _delete_once(self, name: str) -> None:
        with storage_errors():
            try:
                self.storage.delete(name)
            except Exception as error:
                if not self._is_gone(name, error):
                    raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


@contextmanager
def _completing_errors() -> Iterator[None]:
    """A client whose upload could not be completed is never told that there is none."""
    try:
        with storage_errors():
            yield
    except UploadNotFound as error:
        raise StoreError from error


class Heartbeat:
    """Keeps a lease, from a thread of its own: a storage may read ahead and then send for long,
    and may read in threads of its own."""

    def __init__(self, still_mine: Callable[[], bool]) -> None:
        self._still_mine = still_mine
        self._is_lost = False
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tusbridge-saving", daemon=True)

    def check(self) -> None:
        """:raises LeaseLost: the lease is somebody else's."""
        if self._is_lost:
            raise LeaseLost

    def _run(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            try:
                self._is_lost = self._is_lost or not self._still_mine()
            except UploadError as error:
                # it may be the lease's still; the next beat, and the row, will tell
                logger.warning("heartbeat-lost", extra={"code": error.code})

    def __enter__(self) -> Self:
        """:raises StoreError: the system gives no thread."""
        try:
            self._thread.start()
        except RuntimeError as error:
            logger.exception("store-error", extra={"errno": None})
            raise StoreError from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()


class _Content(io.FileIO):
    """The bytes that a storage reads while it saves; ends when the lease is lost."""

    def __init__(self, path: str, heart: Heartbeat) -> None:
        super().__init__(path, "rb")
        self._heart = heart

    def read(self, size: int | None = -1, /) -> Any:
        self._heart.check()
        return super().read(-1 if size is None else size)

    def readinto(self, buffer: Any, /) -> Any:
        self._heart.check()
        return super().readinto(buffer)


class _Pieces:
    """The bytes [start, stop) of a storage's file in pieces; closed at the end or by ``close``.

    The first piece is read at once: not every storage looks before that whether there is a file.
    """

    def __init__(self, store: SpooledStore, name: str, start: int, stop: int) -> None:
        self._file: Any = store.storage.open(name, "rb")
        self._position = start
        self._stop = stop
        try:
            self._first: bytes | None = self._read()
        except BaseException:
            self._file.close()
            raise

    def _read(self) -> bytes:
        wanted = min(_READ_SIZE, self._stop - self._position)
        if wanted <= 0:
            return b""
        # each time, for a storage may hand one file to several readers
        self._file.seek(self._position)
        piece: bytes = self._file.read(wanted)
        self._position += len(piece)
        return piece

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece, self._first = self._first, None
        if piece is None and self._file is not None:
            with storage_errors():
                piece = self._read()
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        """Idempotent."""
        file, self._file, self._first = self._file, None, b""
        if file is not None:
            file.close()
