"""Bytes on a local (or locally mounted) file system, finished by rename.

What is unfinished lies as ``local_bytes`` says.
"""

import errno
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from django.core.files.storage import FileSystemStorage

from tusbridge.errors import StoreError, UploadNotFound
from tusbridge.files import sync_path
from tusbridge.stores.base import Blob, Stray
from tusbridge.stores.files import FilePieces, copy_bytes, make_folders
from tusbridge.stores.local_bytes import LOCK_PATIENCE_SECONDS, LocalBytes, Segment
from tusbridge.stores.local_errors import store_errors, unless_lost
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
        if segment.found and not os.path.exists(segment.path):
            found = self.storage.path(segment.found)
            # between these two looks somebody may have made it ours
            return found if os.path.exists(found) else segment.path
        return segment.path

    def take_found(self, segment: Segment, still_mine: Callable[[], bool]) -> None:
        if not segment.found or os.path.exists(segment.path):
            return
        with suppress(FileNotFoundError):
            found = self.storage.path(segment.found)
            self._move(found, segment.path, uuid.uuid4().hex, still_mine)
            os.chmod(segment.path, 0o600)
            if self.durable:
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
        self, blob: Blob, name: str, length: int, token: str, still_mine: Callable[[], bool]
    ) -> None:
        with store_errors(), unless_lost(still_mine):
            self._take_found_alone(self.segments(blob)[0], still_mine)
            target = self.storage.path(name)
            if self._is_published(target, length):
                self._remove_segments(blob)
                return
            source = self._whole_file(blob, length, token, still_mine)
            mode = self.storage.file_permissions_mode
            if mode is not None:
                os.chmod(source, mode)
            if self.durable:
                sync_path(source)
            make_folders(
                os.path.dirname(target),
                self.storage.directory_permissions_mode,
                durable=self.durable,
            )
            self._move(source, target, token, still_mine)
            if self.durable:
                sync_path(os.path.dirname(target))
            self._remove_segments(blob)

    def _is_published(self, target: str, length: int) -> bool:
        """Whether an earlier try got as far as the rename. The name is the upload's alone."""
        try:
            size = os.stat(target).st_size
        except FileNotFoundError:
            return False
        if size != length:
            raise StoreError("a file of that name is in the way")
        return True

    def _move(self, source: str, target: str, token: str, still_mine: Callable[[], bool]) -> None:
        try:
            os.rename(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # another file system: a copy under a name of its own, then the rename
            beside = f"{target}.{token}.part"
            out = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                copy_bytes(source, out, os.stat(source).st_size, still_mine)
                os.fchmod(out, os.stat(source).st_mode & 0o777)
                if self.durable:
                    os.fsync(out)
                os.rename(beside, target)
            except BaseException:
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
            self._remove_segments(blob)
            for gone in filter(None, (name, blob.state.get("found"))):
                with suppress(FileNotFoundError):
                    os.unlink(self.storage.path(gone))

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
