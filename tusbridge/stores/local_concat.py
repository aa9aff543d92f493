"""Final uploads on a local file system: made of links to the files of their parts."""

import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tusbridge import system
from tusbridge.errors import BlobTruncated
from tusbridge.files import CLOSED, NO_LINKS, is_there, lock_file, sync_path
from tusbridge.stores.base import Blob
from tusbridge.stores.files import copy_bytes
from tusbridge.stores.local_errors import store_errors
from tusbridge.stores.local_segments import LocalSegments, Segment


class LocalConcat(LocalSegments):
    """The part of the local stores that makes one upload of several."""

    supports_concat = True

    def concat(
        self,
        key: str,
        parts: Sequence[tuple[Blob, int]],
        token: str = "",
        still_mine: Callable[[], bool] = lambda: True,
    ) -> Blob:
        links = _Links(self, key, token or uuid.uuid4().hex, still_mine)
        with store_errors():
            self.make_folder(links.folder)
            try:
                blob = self._linked(links, parts)
            except BaseException:
                links.remove()
                raise
        return blob

    def _linked(self, links: "_Links", parts: Sequence[tuple[Blob, int]]) -> Blob:
        listed: list[list[Any]] = []
        start = 0
        for part, length in parts:
            listed += [[start + at, suffix] for at, suffix in links.to(part, length)]
            start += length
        if not listed:
            return Blob(key=links.key)
        in_place = self._claim(parts)
        if self.durable:
            sync_path(links.folder)
        blob = Blob(key=links.key, state={"segments": listed, "in_place": in_place})
        return self.with_folder(blob)

    def _claim(self, parts: Sequence[tuple[Blob, int]]) -> bool:
        """Whether the file of the first part that has bytes is this upload's to go on in. One
        that is in several pieces belongs to no upload, nor does one whose last writer was stopped
        in mid-write. The claim is durable on return: after a power cut a second upload would write
        into the file that the first one has published."""
        first = next(blob for blob, length in parts if length)
        found = self.segments(first)
        if len(found) > 1 or not self._close(found[0]):
            return False
        try:
            fd = os.open(found[0].claim_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return False
        os.close(fd)
        if not is_there(found[0].path):
            # the part was deleted meanwhile, and a claim on it with it: whose it was cannot be told
            with suppress(FileNotFoundError):
                os.unlink(found[0].claim_path)
            return False
        if self.durable:
            sync_path(found[0].folder)
        return True

    def _close(self, segment: Segment) -> bool:
        """Whether no writer can write to a complete part's file any more."""
        if not is_there(segment.lock_path):
            return True
        lock = lock_file(segment.lock_path, self.lock_patience)
        if lock is None:
            return False
        try:
            os.pwrite(lock, CLOSED.encode(), 0)
        finally:
            os.close(lock)
        return True


class _Links:
    """The links of one try: their names have its token, so that no other try shares them."""

    def __init__(
        self, store: LocalSegments, key: str, token: str, still_mine: Callable[[], bool]
    ) -> None:
        self.key = key
        self.folder = f"{store.root}/{key[:2]}"
        self._store = store
        self._token = token
        self._still_mine = still_mine
        self._made: list[str] = []
        # one link to each file, however often a list names its part
        self._known: dict[tuple[str, int], list[tuple[int, str]]] = {}

    def to(self, part: Blob, length: int) -> list[tuple[int, str]]:
        """Links to the files of a part that hold bytes: where in it they begin, and their names."""
        if (part.key, length) not in self._known:
            self._known[part.key, length] = self._make(self._store.upto(part, length), length)
        return self._known[part.key, length]

    def _make(self, part: Blob, length: int) -> list[tuple[int, str]]:
        found = self._store.segments(part)
        stops = [segment.start for segment in found[1:]] + [length]
        listed: list[tuple[int, str]] = []
        for segment, stop in zip(found, stops, strict=True):
            if stop == segment.start:
                continue
            suffix = f"{self._token}.p{len(self._made)}"
            link = Segment(self.folder, self.key, segment.start, suffix)
            self._made.append(link.path)
            self._link(segment, link.path, stop - segment.start)
            listed.append((segment.start, suffix))
        return listed

    def _link(self, source: Segment, target: str, length: int) -> None:
        size = self._store.size(source, length)
        if size < length:
            raise BlobTruncated(source.start + size)
        try:
            os.link(source.path, target)
        except FileNotFoundError as error:
            raise self._store.missing(source) from error
        except OSError as error:
            # a file system that knows no hard links, or a file that has all it may have
            if error.errno not in NO_LINKS:
                raise
            self._copy(source.path, target, length)

    def _copy(self, source: str, target: str, length: int) -> None:
        out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            copy_bytes(source, out, length, self._still_mine)
            if self._store.durable:
                system.sync(out)
        finally:
            os.close(out)

    def remove(self) -> None:
        """Leave nothing of a try that failed."""
        for path in self._made:
            with suppress(FileNotFoundError):
                os.unlink(path)
