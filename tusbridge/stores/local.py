"""Bytes on a local (or locally mounted) file system, finished by rename.

What is unfinished lies as ``local_bytes`` says.
"""

import errno
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from django.core.files.storage import FileSystemStorage

from tusbridge import system
from tusbridge.errors import BlobTruncated, BytesMissing, LeaseLost, StoreError, UploadNotFound
from tusbridge.files import NO_LINKS, is_there, sync_path
from tusbridge.stores.base import FOUND, LEFT, Blob, Stray
from tusbridge.stores.files import FilePieces, copy_bytes, dress, make_folders
from tusbridge.stores.local_bytes import LOCK_PATIENCE_SECONDS, LocalBytes
from tusbridge.stores.local_errors import store_errors, unless_lost
from tusbridge.stores.local_segments import Segment
from tusbridge.stores.local_strays import beside_finished, check_there


def partials_dir(storage: FileSystemStorage, configured: str | None) -> Path:
    """Where unfinished bytes lie: as configured, else beside the storage's folder.

    Never inside it, for web servers publish that one; on its file system, so that completing is
    a rename.
    """
    if configured:
        return Path(configured)
    location = Path(storage.location)
    return location.with_name(f"{location.name}.partial")


class LocalStore(LocalBytes):
    """A store over a FileSystemStorage. ``durable``: sync before anything is committed."""

    leaves_copies = True

    def __init__(
        self,
        storage: FileSystemStorage,
        root: Path,
        *,
        durable: bool,
        lock_patience: float = LOCK_PATIENCE_SECONDS,
    ) -> None:
        super().__init__(root, durable=durable, lock_patience=lock_patience)
        self.storage = storage

    def path_of(self, segment: Segment) -> str:
        """Where a segment's bytes are: of the first one maybe where another program left them."""
        if segment.found and not is_there(segment.path):
            found = self.storage.path(segment.found)
            # between these two looks somebody may have made it ours
            return found if is_there(found) else segment.path
        return segment.path

    def take_found(self, segment: Segment, still_mine: Callable[[], bool]) -> None:
        if not segment.found or is_there(segment.path):
            return
        with suppress(FileNotFoundError):
            found = self.storage.path(segment.found)
            try:
                os.rename(found, segment.path)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._carry(found, segment.path, uuid.uuid4().hex, still_mine)
                sync_path(segment.folder)
                os.unlink(found)
                sync_path(os.path.dirname(found))
            system.change_mode(segment.path, 0o600)
            # with every durability: the bytes were safe where they were, and the row forgets that
            sync_path(segment.path)
            sync_path(segment.folder)

    def bytes_to_copy(self, blob: Blob, length: int) -> int:
        segments = self.segments(blob)
        in_place = blob.state.get("in_place")
        if len(segments) == 1 and in_place is None:
            return 0
        if in_place:
            return length - segments[1].start if len(segments) > 1 else 0
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
        first = self.segments(blob)[0]
        target = self.storage.path(name)
        publish = partial(self._publish, blob, name, length, token, still_mine, keep=keep)
        with store_errors(), unless_lost(still_mine):
            if keep:
                self._note(blob.key, name)
            self._take_back_cut(first, target, length, still_mine)
            # first: what was left under the name of a file that is published may be another's
            if first.found == name or not self._was_published(blob.key, name, length):
                self._take_found_alone(first, still_mine)
            self._publish_once(publish, blob.key, name, length)
            if not record():
                raise LeaseLost
        if not keep:
            self.free(blob, name)

    def _publish_once(self, publish: Callable[[], None], key: str, name: str, length: int) -> None:
        if not self._was_published(key, name, length):
            try:
                publish()
                return
            except (BlobTruncated, BytesMissing):
                # a request that was overtaken may have renamed the file in the meantime
                if not self._was_published(key, name, length):
                    raise
        if self.durable:
            # an earlier try got as far as the rename, maybe not as far as the sync
            target = self.storage.path(name)
            sync_path(target)
            sync_path(os.path.dirname(target))

    def _take_back_cut(
        self, first: Segment, target: str, length: int, still_mine: Callable[[], bool]
    ) -> None:
        """A file that was published without a sync, and that a power cut has cut since: its bytes
        are unfinished again.

        :raises BlobTruncated: so it is.
        """
        if self.durable or is_there(first.path) or first.found:
            return
        try:
            size = os.stat(target).st_size
        except FileNotFoundError:
            return
        if size < length:
            self.make_folder(first.folder)
            try:
                os.rename(target, first.path)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._carry(target, first.path, uuid.uuid4().hex, still_mine)
                os.unlink(target)
            raise BlobTruncated(size)

    def _was_published(self, key: str, name: str, length: int) -> bool:
        """The same, where whoever copied it there has no right any more to take it back.

        :raises NameBusy: another request may.
        """
        if not self.may_be_written(key, name):
            return self._is_published(key, name, length)
        with self.alone_under(key, name):
            return self._is_published(key, name, length)

    def _is_published(self, key: str, name: str, length: int) -> bool:
        """Whether an earlier try got as far as the rename. The name is the upload's alone."""
        target = self.storage.path(name)
        try:
            size = os.stat(target).st_size
        except FileNotFoundError:
            return False
        if size == length:
            return True
        if self.noted(key) != name:
            raise StoreError("a file of that name is in the way")
        # a copy of fewer bytes, by a request that was rolled back; the upload went on since
        os.unlink(target)
        return False

    def _publish(
        self,
        blob: Blob,
        name: str,
        length: int,
        token: str,
        still_mine: Callable[[], bool],
        *,
        keep: bool,
    ) -> None:
        source = self._whole_file(blob, length, token, still_mine)
        target = self.storage.path(name)
        mode = self.storage.file_permissions_mode
        folders_mode = self.storage.directory_permissions_mode
        make_folders(os.path.dirname(target), folders_mode, durable=self.durable)
        dress(source, target, mode, token)
        if self.durable:
            sync_path(source)
        # a copy of our own is never missed
        move = os.link if keep and not source.endswith(".joined") else os.rename
        try:
            # whoever deletes the upload, or has completed it, has taken the source away before
            move(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV and not (keep and error.errno in NO_LINKS):
                raise
            with self.alone_under(blob.key, name):
                self._publish_copy(source, blob.key, name, length, token, still_mine)
        if self.durable:
            sync_path(os.path.dirname(target))

    def _publish_copy(
        self,
        source: str,
        key: str,
        name: str,
        length: int,
        token: str,
        still_mine: Callable[[], bool],
    ) -> None:
        """The same on another file system. While the name's lock is held no other request writes
        or removes this file; so what the lease was lost for may be removed here.

        :raises LeaseLost: another request completes the upload, or it was ended.
        """
        if not still_mine():
            raise LeaseLost
        if self._is_published(key, name, length):
            return
        target = self.storage.path(name)
        self._carry(source, target, token, still_mine)
        if not still_mine():
            with suppress(FileNotFoundError):
                os.unlink(target)
            raise LeaseLost

    def _carry(self, source: str, target: str, token: str, still_mine: Callable[[], bool]) -> None:
        """Copy to another file system, under a name of its own, then rename."""
        beside = f"{target}.{token}.part"
        out = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            found = os.stat(source)
            copy_bytes(source, out, found.st_size, still_mine)
            system.dress_like(beside, source)
            if self.durable:
                system.sync(out)
            os.rename(beside, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(beside)
            raise
        finally:
            os.close(out)

    def open(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        with store_errors():
            try:
                fd = os.open(self.storage.path(name), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise UploadNotFound from error
        return FilePieces(fd, start, stop)

    def delete(self, blob: Blob, name: str) -> None:
        with store_errors():
            self._delete_left(self.without_found(blob))
            self._remove_segments(blob)
            for gone in filter(None, (name, *blob.state.get(LEFT, ()))):
                if self.may_be_written(blob.key, gone):
                    with self.alone_under(blob.key, gone):
                        self._remove(gone)
                else:
                    self._remove(gone)
            self._forget_note(blob.key)

    def _remove(self, name: str) -> None:
        """A finished file, durably: its row goes next, and the file must not come back."""
        path = self.storage.path(name)
        with suppress(FileNotFoundError):
            os.unlink(path)
            if self.durable:
                sync_path(os.path.dirname(path))

    def _delete_left(self, blob: Blob) -> None:
        """What another program left, and was never made ours."""
        if found := blob.state.get(FOUND):
            _unlink(self.storage.path(found))

    def length(self, name: str) -> int:
        with store_errors():
            try:
                return os.stat(self.storage.path(name)).st_size
            except FileNotFoundError as error:
                check_there(str(self.storage.location))
                raise UploadNotFound from error

    def strays(self, grace_seconds: float) -> Iterator[Stray]:
        yield from super().strays(grace_seconds)
        with store_errors():
            yield from beside_finished(str(self.storage.location), time.time() - grace_seconds)


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
