"""Unfinished bytes on a local (or locally mounted) file system.

An upload's bytes lie in ``<root>/<two digits>/<key>``, with a lock file beside it that holds the
token of whoever may write. Each write happens under ``flock`` on that file: taken, token
compared, written, let go. So a holder that hangs in a read blocks nobody, and one that was
paused in mid-write and wakes up later writes nothing any more. Where the lock cannot be had (a
process stopped in mid-write), the new holder goes on in a segment of its own, which the row
records; segments are joined at completion.

A final upload begins as segments too: hard links to the files of its parts, so that it is made at
once, and so that the parts may go. The first final upload that begins with a part claims that
part's file and joins the others onto it in place, beyond the part's own bytes; any later one
copies. So no byte is copied twice, and the first part's not at all.
"""

import errno
import os
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tusbridge.errors import BlobTruncated, LeaseLost, StoreError, StoreFull
from tusbridge.files import CLOSED, lock_file, sync_path
from tusbridge.stores.base import Blob
from tusbridge.stores.files import FilePieces, copy_bytes, make_folders
from tusbridge.stores.local_errors import store_errors
from tusbridge.stores.local_strays import LocalStrays
from tusbridge.stores.local_writer import FirstWriter, LocalWriter

# Seconds to wait for a lock that is held for one write at a time by anybody in good health.
LOCK_PATIENCE_SECONDS = 1.0
_MISSING = "the bytes are not where they were"


class Segment:
    """One data file of an upload: bytes from ``start`` of the upload on."""

    def __init__(self, folder: str, key: str, start: int, suffix: str) -> None:
        self.start = start
        self.suffix = suffix
        self.folder = folder
        self.base = f"{folder}/{key}"
        self.path = f"{self.base}.{suffix}" if suffix else self.base
        self.lock_path = f"{self.path}.lock"
        # there once a final upload goes on in this file
        self.claim_path = f"{self.path}.claim"
        # the storage's file in which another program left the bytes
        self.found = ""


class LocalBytes(LocalStrays):
    """What keeps unfinished bytes in a folder; where finished ones go is its subclasses' concern.

    ``durable``: sync before anything is committed.
    """

    supports_concat = True

    def __init__(
        self, root: Path, *, durable: bool, lock_patience: float = LOCK_PATIENCE_SECONDS
    ) -> None:
        self.root = str(root)
        self.durable = durable
        self.lock_patience = lock_patience

    def create(self, key: str, length: int | None) -> Blob:
        with store_errors():
            try:
                room = os.statvfs(self.root)
            except FileNotFoundError:
                make_folders(self.root, 0o700, durable=self.durable)
                room = os.statvfs(self.root)
            if room.f_bavail == 0 or (room.f_files and not room.f_favail):
                raise StoreFull
        return Blob(key=key)

    def writer(
        self, blob: Blob, offset: int, token: str, still_mine: Callable[[], bool]
    ) -> LocalWriter:
        return LocalWriter(self, blob, offset, token, still_mine)

    def first_writer(self, blob: Blob, token: str) -> FirstWriter:
        return FirstWriter(self, blob, token)

    def available(self, blob: Blob, offset: int) -> int:
        segments = self.segments(blob)
        stops = [segment.start for segment in segments[1:]] + [offset]
        with store_errors():
            for segment, stop in zip(segments, stops, strict=True):
                size = self.size(segment, stop - segment.start)
                if size < stop - segment.start:
                    return segment.start + size
        return offset

    def size(self, segment: Segment, expected: int) -> int:
        """Bytes in a segment. One that is missing and should not be is an error, not an empty
        one: a disk that is not mounted must not make us forget uploads. Only without ``durable``
        may a power cut have taken the whole file.

        :raises StoreError: the file is missing.
        """
        try:
            return os.stat(self.path_of(segment)).st_size
        except FileNotFoundError:
            if expected and self.durable:
                raise StoreError(_MISSING) from None
            return 0

    def segments(self, blob: Blob) -> list[Segment]:
        """The upload's data files in order; only the last is written to."""
        folder = f"{self.root}/{blob.key[:2]}"
        listed = blob.state.get("segments", [[0, ""]])
        segments = [Segment(folder, blob.key, start, suffix) for start, suffix in listed]
        segments[0].found = blob.state.get("found", "")
        return segments

    def path_of(self, segment: Segment) -> str:
        """Where a segment's bytes are."""
        return segment.path

    @abstractmethod
    def take_found(self, segment: Segment, still_mine: Callable[[], bool]) -> None:
        """Make the file that another program left in the storage the segment's own; the caller
        holds the segment's lock, and the lease. Idempotent.

        :raises LeaseLost: ``still_mine``, asked where it takes long, says so.
        """

    def _take_found_alone(self, segment: Segment, still_mine: Callable[[], bool]) -> None:
        """The same for one who writes nothing: a writer that lost its lease, and does not know,
        must not take what was finished in the meantime under the same name.

        :raises LeaseLost: so it is.
        """
        if not segment.found or os.path.exists(segment.path):
            return
        make_folders(segment.folder, 0o700, durable=self.durable)
        lock = lock_file(segment.lock_path, self.lock_patience)
        if lock is None or not still_mine():
            if lock is not None:
                os.close(lock)
            raise LeaseLost
        try:
            self.take_found(segment, still_mine)
        finally:
            os.close(lock)

    def read_unfinished(self, blob: Blob, start: int, stop: int) -> Iterator[bytes]:
        segments = self.segments(blob)
        stops = [segment.start for segment in segments[1:]] + [stop]
        with store_errors():
            for segment, end in zip(segments, stops, strict=True):
                first, last = max(start, segment.start), min(stop, end)
                if first < last:
                    yield from self._read_segment(segment, first, last)

    def unfinished_path(self, blob: Blob) -> str | None:
        segments = self.segments(blob)
        return self.path_of(segments[0]) if len(segments) == 1 else None

    def _read_segment(self, segment: Segment, start: int, stop: int) -> Iterator[bytes]:
        size = self.size(segment, stop - segment.start)
        if size < stop - segment.start:
            raise BlobTruncated(segment.start + size)
        try:
            fd = os.open(self.path_of(segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            # completed, or deleted, since the look at its size: for the caller to find out
            raise StoreError(_MISSING) from None
        pieces = FilePieces(fd, start - segment.start, stop - segment.start)
        try:
            yield from pieces
        finally:
            pieces.close()

    def concat(self, key: str, parts: Sequence[tuple[Blob, int]]) -> Blob:
        listed: list[list[Any]] = []
        blob = Blob(key=key)
        # one link to each file, however often a list names its part
        linked: dict[tuple[str, int], list[tuple[int, str]]] = {}
        made: list[str] = []
        with store_errors():
            make_folders(f"{self.root}/{key[:2]}", 0o700, durable=self.durable)
            try:
                start = 0
                for part, length in parts:
                    if (part.key, length) not in linked:
                        linked[part.key, length] = self._link_part(key, part, length, made)
                    listed += [[start + at, suffix] for at, suffix in linked[part.key, length]]
                    start += length
                if listed:
                    in_place = self._claim(parts)
                    blob = Blob(key=key, state={"segments": listed, "in_place": in_place})
                if self.durable:
                    sync_path(f"{self.root}/{key[:2]}")
            except BaseException:
                for path in made:
                    with suppress(FileNotFoundError):
                        os.unlink(path)
                raise
        return blob

    def _link_part(
        self, key: str, part: Blob, length: int, made: list[str]
    ) -> list[tuple[int, str]]:
        """Links to the files of a part that hold bytes: where in it they begin, and their names.
        ``made`` are the paths of all links so far."""
        found = self.segments(part)
        stops = [segment.start for segment in found[1:]] + [length]
        listed: list[tuple[int, str]] = []
        for segment, stop in zip(found, stops, strict=True):
            if stop == segment.start:
                continue
            suffix = f"p{len(made)}"
            link = Segment(f"{self.root}/{key[:2]}", key, segment.start, suffix)
            made.append(link.path)
            self._link(segment.path, link.path, stop - segment.start)
            listed.append((segment.start, suffix))
        return listed

    def _link(self, source: str, target: str, length: int) -> None:
        try:
            os.link(source, target)
        except FileExistsError:
            return  # an earlier try came so far
        except FileNotFoundError as error:
            raise StoreError(_MISSING) from error
        except OSError as error:
            # a file system that knows no hard links, or a file that has all it may have
            if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
                raise
            self._copy(source, target, length)

    def _copy(self, source: str, target: str, length: int) -> None:
        """Under a name of its own first: what has the target's name is whole."""
        beside = f"{target}.{uuid.uuid4().hex}"
        out = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_bytes(source, out, length, lambda: True)
            if self.durable:
                os.fsync(out)
            os.rename(beside, target)
        except BaseException:
            os.unlink(beside)
            raise
        finally:
            os.close(out)

    def _claim(self, parts: Sequence[tuple[Blob, int]]) -> bool:
        """Whether the file of the first part that has bytes is this upload's to go on in. One
        that is in several pieces is nobody's."""
        first = next(blob for blob, length in parts if length)
        found = self.segments(first)
        if len(found) > 1:
            return False
        try:
            fd = os.open(found[0].claim_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return False
        os.close(fd)
        if os.path.exists(found[0].path):
            return True
        # the part was deleted meanwhile, and a claim on it with it: whose it was cannot be told
        with suppress(FileNotFoundError):
            os.unlink(found[0].claim_path)
        return False

    def _whole_file(
        self, blob: Blob, length: int, token: str, still_mine: Callable[[], bool]
    ) -> str:
        """One file with exactly the upload's bytes, outside the storage still."""
        segments = self.segments(blob)
        # a link to a file that others have links to is never to be cut, or handed over, itself
        if len(segments) > 1 or "in_place" in blob.state:
            return self._join(blob, segments, length, token, still_mine)
        path = segments[0].path
        if length == 0:
            make_folders(segments[0].folder, 0o700, durable=self.durable)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        size = self.size(segments[0], length)
        if size < length:
            raise BlobTruncated(size)
        if size > length:
            os.truncate(path, length)
        return path

    def _join(
        self,
        blob: Blob,
        segments: Sequence[Segment],
        length: int,
        token: str,
        still_mine: Callable[[], bool],
    ) -> str:
        """All segments in one file: the first one's own where that is claimed, else a new one.

        Two at once do no harm: in place they write the same bytes to the same positions.
        """
        stops = [segment.start for segment in segments[1:]] + [length]
        in_place = bool(blob.state.get("in_place"))
        joined = segments[0].path if in_place else f"{segments[0].base}.{token}.joined"
        flags = os.O_WRONLY | os.O_CLOEXEC | (0 if in_place else os.O_CREAT | os.O_TRUNC)
        out = os.open(joined, flags, 0o600)
        try:
            for segment, stop in zip(segments, stops, strict=True):
                size = self.size(segment, stop - segment.start)
                if size < stop - segment.start:
                    raise BlobTruncated(segment.start + size)
                if in_place and segment is segments[0]:
                    continue
                os.lseek(out, segment.start, os.SEEK_SET)
                copy_bytes(segment.path, out, stop - segment.start, still_mine)
            os.ftruncate(out, length)
        except BaseException:
            if not in_place:
                os.unlink(joined)
            raise
        finally:
            os.close(out)
        return joined

    def _remove_segments(self, blob: Blob) -> None:
        segments = self.segments(blob)
        for segment in segments:
            lock = None
            if os.path.exists(segment.lock_path):
                lock = lock_file(segment.lock_path, self.lock_patience)
            try:
                if lock is not None:
                    os.pwrite(lock, CLOSED.encode(), 0)
                for path in (segment.path, segment.claim_path, segment.lock_path):
                    with suppress(FileNotFoundError):
                        os.unlink(path)
            finally:
                if lock is not None:
                    os.close(lock)
        if len(segments) > 1:
            for leftover in Path(segments[0].folder).glob(f"{blob.key}.*.joined"):
                leftover.unlink(missing_ok=True)
