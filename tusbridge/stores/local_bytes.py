"""Unfinished bytes on a local (or locally mounted) file system.

An upload's bytes lie in ``<root>/<two digits>/<key>``, with a lock file beside it that holds the
token of whoever may write. Each write happens under ``flock`` on that file: taken, token
compared, written, let go. So a holder that hangs in a read blocks nobody, and one that was
paused in mid-write and wakes up later writes nothing any more. Where the lock cannot be had (a
process stopped in mid-write), the new holder goes on in a segment of its own, which the row
records; segments are joined at completion. A completer puts its token in, too, before it hands the
file over; where it cannot, it hands over a copy.

A final upload begins as segments too: hard links to the files of its parts, so that it is made at
once, and so that the parts may go. The first final upload that begins with a part claims that
part's file and joins the others onto it in place, beyond the part's own bytes; any later one
copies. So no byte is copied twice, and the first part's not at all.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial

from tusbridge.errors import BlobTruncated, LeaseLost, StoreFull
from tusbridge.files import is_there
from tusbridge.stores.base import FOUND, Blob
from tusbridge.stores.fences import fence, fenced, name_lock_path, writing_under
from tusbridge.stores.files import FilePieces, copy_bytes, make_folders
from tusbridge.stores.local_concat import LocalConcat
from tusbridge.stores.local_errors import store_errors
from tusbridge.stores.local_segments import LOCK_PATIENCE_SECONDS, Segment
from tusbridge.stores.local_writer import FirstWriter, LocalWriter

__all__ = ["LOCK_PATIENCE_SECONDS", "LocalBytes", "Segment"]

Step = Callable[[], AbstractContextManager[None]]


class LocalBytes(LocalConcat):
    """Keeps unfinished bytes in a folder; where finished ones go is its subclasses' concern."""

    def create(self, key: str, length: int | None) -> Blob:
        with store_errors():
            # durable whatever is promised: rows name this folder
            make_folders(self.root, 0o700, durable=True)
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
        segments = self.segments(self.upto(blob, offset))
        stops = [segment.start for segment in segments[1:]] + [offset]
        with store_errors():
            for segment, stop in zip(segments, stops, strict=True):
                size = self.size(segment, stop - segment.start)
                if size < stop - segment.start:
                    return segment.start + size
        return offset

    def take(self, blob: Blob, is_named: Callable[[], bool]) -> Blob:
        if FOUND not in blob.state:
            return blob
        # it is ours now, or was before, or is gone: the name is not to be touched any more
        state = {k: v for k, v in blob.state.items() if k != FOUND}
        with store_errors():
            self._take_found_alone(self.segments(blob)[0], is_named)
            return self.with_folder(Blob(key=blob.key, state=state))

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
        with store_errors():
            return self.path_of(segments[0]) if len(segments) == 1 else None

    def _read_segment(self, segment: Segment, start: int, stop: int) -> Iterator[bytes]:
        size = self.size(segment, stop - segment.start)
        if size < stop - segment.start:
            raise BlobTruncated(segment.start + size)
        try:
            fd = os.open(self.path_of(segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            # completed, or deleted, since the look at its size: for the caller to find out
            raise self.missing(segment) from None
        pieces = FilePieces(fd, start - segment.start, stop - segment.start)
        try:
            yield from pieces
        finally:
            pieces.close()

    # -- one file to hand over

    def _whole_file(
        self, blob: Blob, length: int, token: str, still_mine: Callable[[], bool]
    ) -> str:
        """One file with exactly the upload's bytes, outside the storage still, to which no earlier
        writer writes any more: the upload's own, else a copy (``.joined``)."""
        blob = self.upto(blob, length)
        segments = self.segments(blob)
        segment = segments[0]
        # a link to a file that others have links to is never to be cut, or handed over, itself
        is_single = len(segments) == 1 and "in_place" not in blob.state
        if length == 0 and is_single:
            self._make_empty(segment, still_mine)
        if not is_single or not self.keep_writers_out(segment, token, still_mine):
            return self._join(blob, length, token, still_mine)
        size = self.size(segment, length)
        if size < length:
            raise BlobTruncated(size)
        if size > length:
            os.truncate(segment.path, length)
        return segment.path

    def _make_empty(self, segment: Segment, still_mine: Callable[[], bool]) -> None:
        """The file of an upload without bytes. It is made first and then the lease is looked at:
        whoever deletes the upload, or completes it, takes the file away, and with it the right to
        rename it.

        :raises LeaseLost: the lease is another request's.
        """
        self.make_folder(segment.folder)
        os.close(os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if not still_mine():
            raise LeaseLost

    def _join(self, blob: Blob, length: int, token: str, still_mine: Callable[[], bool]) -> str:
        """All segments in one file: the first one's own where that is claimed and no other request
        is stopped while writing to it, else a new one."""
        self._check_sizes(blob, length)
        first = self.segments(blob)[0]
        lock = None
        if blob.state.get("in_place"):
            lock = fence(first.lock_path, token, self.lock_patience, still_mine)
        if lock is not None:
            try:
                step = partial(fenced, lock, token, self.lock_patience)
                out = os.open(first.path, os.O_WRONLY | os.O_CLOEXEC)
                self._copy_all(blob, length, out, still_mine, step, is_first_there=True)
            finally:
                os.close(lock)
            return first.path
        joined = f"{first.base}.{token}.joined"
        flags = os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT | os.O_TRUNC
        try:
            out = os.open(joined, flags, 0o600)
            self._copy_all(blob, length, out, still_mine, nullcontext, is_first_there=False)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(joined)
            raise
        return joined

    def _check_sizes(self, blob: Blob, length: int) -> None:
        """:raises BlobTruncated: fewer bytes are there; nothing was touched.
        :raises BytesMissing: a file is missing."""
        available = self.available(blob, length)
        if available < length:
            raise BlobTruncated(available)

    def _copy_all(
        self,
        blob: Blob,
        length: int,
        out: int,
        still_mine: Callable[[], bool],
        step: Step,
        *,
        is_first_there: bool,
    ) -> None:
        """Copy the segments to where they belong in ``out``, and close that."""
        segments = self.segments(blob)
        stops = [segment.start for segment in segments[1:]] + [length]
        try:
            for segment, stop in zip(segments, stops, strict=True):
                count = stop - segment.start
                if not count or (is_first_there and segment is segments[0]):
                    continue
                os.lseek(out, segment.start, os.SEEK_SET)
                copy_bytes(segment.path, out, count, still_mine, step)
            with step():
                os.ftruncate(out, length)
        finally:
            os.close(out)

    # -- the names of finished files

    @contextmanager
    def alone_under(self, key: str, name: str) -> Iterator[None]:
        """Write, or remove, the finished file of that name, and nobody else.

        :raises NameBusy: another request does so.
        """
        folder = f"{self.root}/{key[:2]}"
        path = name_lock_path(f"{folder}/{key}", name)
        with store_errors():
            self.make_folder(folder)
            with writing_under(path, self.lock_patience):
                yield

    def may_be_written(self, key: str, name: str) -> bool:
        """Whether a request may be writing under the name; none begins once the lease is gone."""
        with store_errors():
            return is_there(name_lock_path(f"{self.root}/{key[:2]}/{key}", name))
