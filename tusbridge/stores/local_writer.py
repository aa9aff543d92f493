"""One append to a local file, fenced by the lock file beside it (see ``local``)."""

import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tusbridge import system
from tusbridge.errors import BlobTruncated, LeaseLost, StoreError
from tusbridge.files import begin_writing, flock_within, lock_file, sync_path
from tusbridge.stores.base import Blob, Writer
from tusbridge.stores.local_errors import store_errors
from tusbridge.stores.local_segments import forget_lock

if TYPE_CHECKING:
    from tusbridge.stores.local_bytes import LocalBytes

logger = logging.getLogger("tusbridge.store")

# Chunks in one pwritev: below the kernel's limit of 1024.
_VECTOR = 512
# Bytes for which the disk is asked to begin, before the sync at the commit waits for it.
_WRITE_BEHIND = 2 * 1024 * 1024


class LocalWriter(Writer):
    """One append to a local file; see the module's docstring for how it is fenced."""

    def __init__(
        self,
        store: "LocalBytes",
        blob: Blob,
        offset: int,
        token: str,
        still_mine: Callable[[], bool],
    ) -> None:
        self.offset = offset
        blob = store.upto(blob, offset)
        # up to where the disk was asked to begin
        self._begun = offset
        self._store = store
        self.blob = blob
        self._token = token.encode()
        self._still_mine = still_mine
        self._segment = store.segments(blob)[-1]
        self._lock: int | None = None
        self._data: int | None = None
        # until something of this file counts, its entry may not be durable: an earlier try may
        # have made it
        self._is_entry_new = offset == self._segment.start
        self._unsynced = False

    def write(self, chunks: Sequence[bytes]) -> None:
        with store_errors():
            if self._data is None:
                self._attach()
            elif not flock_within(self._lock_fd, self._store.lock_patience):
                raise LeaseLost
            try:
                if os.pread(self._lock_fd, len(self._token), 0) != self._token:
                    raise LeaseLost
                self._unsynced = True
                self._pwrite(chunks)
            finally:
                system.unlock(self._lock_fd)

    @property
    def _lock_fd(self) -> int:
        assert self._lock is not None, "attached before"
        return self._lock

    def _attach(self) -> None:
        """Take the segment over, and leave its lock held for the first write."""
        self._store.make_folder(self._segment.folder)
        lock = lock_file(self._segment.lock_path, self._store.lock_patience)
        if lock is None:
            self._begin_segment()
            return
        self._lock = lock
        try:
            # again under the lock: whoever stole the lease in between may have written already
            if not self._still_mine():
                raise LeaseLost
            self._data = self._open_data()
        except BaseException:
            self._forget_lock()
            raise
        os.pwrite(lock, self._token, 0)

    def _forget_lock(self) -> None:
        forget_lock(self._segment)
        self.close()

    def _open_data(self) -> int:
        self._store.take_found(self._segment, self._still_mine)
        self.blob = self._store.without_found(self.blob)
        position = self.offset - self._segment.start
        try:
            size = self._store.size(self._segment, position)
        except StoreError:
            logger.error("bytes-missing", extra={"upload_id": self.blob.key})
            raise
        if size < position:
            raise BlobTruncated(self._segment.start + size)
        fd = os.open(self._segment.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if size > position:
                os.ftruncate(fd, position)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _begin_segment(self) -> None:
        """The old writer is stopped in mid-write: go on in a file that it does not know."""
        if not self._still_mine():
            raise LeaseLost
        logger.warning("segment-begun", extra={"upload_id": self.blob.key, "offset": self.offset})
        self.blob = self._store.with_segment(self.blob, self.offset, self._token.decode())
        self._segment = self._store.segments(self.blob)[-1]
        lock = lock_file(self._segment.lock_path, self._store.lock_patience)
        if lock is None:
            raise LeaseLost
        self._lock = lock
        os.pwrite(lock, self._token, 0)
        self._is_entry_new = True
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._data = os.open(self._segment.path, flags, 0o600)

    def _pwrite(self, chunks: Sequence[bytes]) -> None:
        assert self._data is not None, "attached before"
        pending: list[memoryview | bytes] = list(chunks)
        while pending:
            count = system.write_at(
                self._data, pending[:_VECTOR], self.offset - self._segment.start
            )
            self.offset += count
            while pending and count >= len(pending[0]):
                count -= len(pending.pop(0))
            if count:
                pending[0] = memoryview(pending[0])[count:]
        if self._store.durable and self.offset - self._begun >= _WRITE_BEHIND:
            begin = self._begun - self._segment.start
            begin_writing(self._data, begin, self.offset - self._begun)
            self._begun = self.offset

    def sync(self) -> Blob:
        with store_errors():
            if self._unsynced and self._store.durable and self._data is not None:
                system.sync_data(self._data)
                if self._is_entry_new:
                    sync_path(self._segment.folder)
                    self._is_entry_new = False
            self._unsynced = False
            self.blob = self._store.with_folder(self.blob)
        return self.blob

    def close(self) -> None:
        open_fds = [fd for fd in (self._data, self._lock) if fd is not None]
        self._data = self._lock = None
        for fd in open_fds:
            try:
                os.close(fd)
            except OSError as error:
                # the descriptor is free all the same, and what counts was synced before
                facts = {"upload_id": self.blob.key, "errno": error.errno}
                logger.error("close-failed", extra=facts)


class FirstWriter(LocalWriter):
    """Bytes that are all at hand, of an upload that has none: into a segment of its own, which
    nobody knows of before it is in the row. Costs no lock file, and no look at the lease."""

    def __init__(self, store: "LocalBytes", blob: Blob, token: str) -> None:
        state = {**blob.state, "segments": [[0, token]]}
        super().__init__(store, Blob(key=blob.key, state=state), 0, token, lambda: True)
        self._may_be_known = False

    def write(self, chunks: Sequence[bytes]) -> None:
        assert not self._may_be_known, "once others may know of the segment, it has to be locked"
        with store_errors():
            if self._data is None:
                self._data = self._make_file()
            self._unsynced = True
            self._pwrite(chunks)

    def _make_file(self) -> int:
        self._store.make_folder(self._segment.folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return os.open(self._segment.path, flags, 0o600)

    def sync(self) -> Blob:
        self._may_be_known = True
        return super().sync()

    def close(self) -> None:
        if self._data is not None and not self._may_be_known:
            try:
                os.unlink(self._segment.path)
            except OSError as error:
                # a walk finds it
                facts = {"upload_id": self.blob.key, "errno": error.errno}
                logger.warning("file-not-removed", extra=facts)
        super().close()
