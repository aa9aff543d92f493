"""The data files of an unfinished upload: which there are, what belongs to them, how they go."""

import os
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tusbridge import system
from tusbridge.errors import BytesMissing, LeaseLost, StoreError, UploadError
from tusbridge.files import CLOSED, is_there, lock_file, sync_path
from tusbridge.stores.base import FOUND, Blob
from tusbridge.stores.fences import fence
from tusbridge.stores.files import make_folders
from tusbridge.stores.local_errors import log_not_removed, store_errors
from tusbridge.stores.local_strays import LocalStrays

# Seconds to wait for a lock that a request in good health holds for one write at a time.
LOCK_PATIENCE_SECONDS = 1.0
# Where an upload's state tells in which folder its bytes were.
_FOLDER = "folder"


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
        # the folder of unfinished bytes, as it was when the bytes were committed; "": not known
        self.made_in = ""


def forget_lock(segment: Segment) -> None:
    """Leave no lock file behind for an upload that was deleted in the meantime; the caller holds
    it."""
    if not is_there(segment.path):
        with suppress(FileNotFoundError):
            os.unlink(segment.lock_path)


class LocalSegments(LocalStrays):
    """The data files below ``root``. ``durable``: sync before anything is committed."""

    def __init__(
        self, root: Path, *, durable: bool, lock_patience: float = LOCK_PATIENCE_SECONDS
    ) -> None:
        self.root = str(root)
        self.durable = durable
        self.lock_patience = lock_patience

    def segments(self, blob: Blob) -> list[Segment]:
        """The upload's data files in order; only the last is written to."""
        folder = f"{self.root}/{blob.key[:2]}"
        listed = blob.state.get("segments", [[0, ""]])
        segments = [Segment(folder, blob.key, start, suffix) for start, suffix in listed]
        segments[0].found = blob.state.get(FOUND, "")
        for segment in segments:
            segment.made_in = blob.state.get(_FOLDER, "")
        return segments

    def make_folder(self, folder: str) -> None:
        """A folder for data files. That of all of them is durable whatever is promised: rows name
        it."""
        make_folders(self.root, 0o700, durable=True)
        make_folders(folder, 0o700, durable=self.durable)

    @staticmethod
    def upto(blob: Blob, offset: int) -> Blob:
        """The blob without the data files that begin beyond ``offset`` bytes, for the upload was
        taken down since."""
        listed = blob.state.get("segments", [[0, ""]])
        kept = [entry for entry in listed if entry[0] <= offset]
        if len(kept) == len(listed):
            return blob
        return Blob(key=blob.key, state={**blob.state, "segments": kept})

    @staticmethod
    def with_segment(blob: Blob, start: int, suffix: str) -> Blob:
        """The blob with another data file at its end."""
        listed = [*blob.state.get("segments", [[0, ""]]), [start, suffix]]
        return Blob(key=blob.key, state={**blob.state, "segments": listed})

    def without_found(self, blob: Blob) -> Blob:
        """The blob once the bytes that another program left are in a file of our own: the name
        that they had may be given to another file from now on."""
        if not blob.state.get(FOUND) or not is_there(self.segments(blob)[0].path):
            return blob
        state = {name: value for name, value in blob.state.items() if name != FOUND}
        return Blob(key=blob.key, state=state)

    def with_folder(self, blob: Blob) -> Blob:
        """The blob with its folder: bytes that are not there may be gone, or their folder may not
        be mounted, and this tells which."""
        if _FOLDER in blob.state:
            return blob
        return Blob(key=blob.key, state={**blob.state, _FOLDER: self._folder_id()})

    def _folder_id(self) -> str:
        """Tells this folder from every other, also after it was mounted anew; "": it is not
        there."""
        try:
            return f"{os.stat(self.root).st_ino:x}-{os.statvfs(self.root).f_fsid:x}"
        except FileNotFoundError:
            return ""

    def size(self, segment: Segment, expected: int) -> int:
        """Bytes in a data file. One that is missing and should not be is an error, not an empty
        file: a disk that is not mounted must not make us forget uploads. Only without ``durable``
        may a power cut have taken the whole file.

        :raises BytesMissing: the file is missing, and its folder is there.
        :raises StoreError: the folder is not there, or is another one.
        """
        try:
            return os.stat(self.path_of(segment)).st_size
        except FileNotFoundError:
            if not expected:
                return 0
        error = self.missing(segment)
        if self.durable or not segment.made_in or not isinstance(error, BytesMissing):
            raise error
        return 0

    def missing(self, segment: Segment) -> StoreError:
        """What to say of a data file that is not there."""
        folder = self._folder_id()
        if not folder or (segment.made_in and segment.made_in != folder):
            return StoreError("the folder of unfinished bytes is not there, or is another one")
        return BytesMissing()

    def path_of(self, segment: Segment) -> str:
        """Where a data file's bytes are."""
        return segment.path

    @abstractmethod
    def take_found(self, segment: Segment, still_mine: Callable[[], bool]) -> None:
        """Make the file that another program left in the storage the segment's own; the caller
        holds the segment's lock, and the lease. Idempotent.

        :raises LeaseLost: ``still_mine``, asked where it takes long, says so.
        """

    def _take_found_alone(self, segment: Segment, still_mine: Callable[[], bool]) -> None:
        """The same for a caller who writes nothing: a writer that lost its lease, and does not
        know, must not take what was finished in the meantime under the same name.

        :raises LeaseLost: so it is.
        """
        if not segment.found or is_there(segment.path):
            return
        self.make_folder(segment.folder)
        lock = lock_file(segment.lock_path, self.lock_patience)
        if lock is None:
            raise LeaseLost
        try:
            if not still_mine():
                forget_lock(segment)
                raise LeaseLost
            self.take_found(segment, still_mine)
        finally:
            os.close(lock)

    def keep_writers_out(
        self, segment: Segment, token: str, still_mine: Callable[[], bool]
    ) -> bool:
        """Whether no earlier writer writes to this data file any more. False: one was stopped in
        mid-write, and may go on. Without a lock file none has ever begun.

        :raises LeaseLost: the lease is another request's.
        """
        if not is_there(segment.lock_path):
            return True
        lock = fence(segment.lock_path, token, self.lock_patience, still_mine)
        if lock is None:
            return False
        os.close(lock)
        return True

    def discard(self, blob: Blob) -> None:
        with store_errors():
            for segment in self.segments(blob):
                self._remove_segment(segment)

    def free(self, blob: Blob, name: str) -> None:
        try:
            with store_errors():
                self._remove_segments(blob)
                self._forget_note(blob.key)
        except UploadError as error:
            log_not_removed(blob.key, error)

    # -- the finished file's name, where a transaction that is rolled back may forget it

    def _note(self, key: str, name: str) -> None:
        """Write down the name under which the file is about to be published. Only one that has the
        upload's id in it: any other is the row's already, and may be given to another file."""
        if key not in name:
            return
        path = self._note_path(key)
        self.make_folder(os.path.dirname(path))
        with open(path, "wb") as note:
            note.write(os.fsencode(name) + b"\n")
            note.flush()
            if self.durable:
                system.sync(note.fileno())
        if self.durable:
            sync_path(os.path.dirname(path))

    def noted(self, key: str) -> str:
        path, text = self._note_path(key), b""
        with store_errors(), suppress(FileNotFoundError):
            text = Path(path).read_bytes()
        # one that a power cut has cut names another file
        return os.fsdecode(text[:-1]) if text.endswith(b"\n") else ""

    def _forget_note(self, key: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._note_path(key))

    def _note_path(self, key: str) -> str:
        return f"{self.root}/{key[:2]}/{key}.named"

    def _remove_segments(self, blob: Blob) -> None:
        """All data files of an upload that is over, and what belongs to them."""
        segments = self.segments(blob)
        for segment in segments:
            self._remove_segment(segment)
        if len(segments) > 1 or "in_place" in blob.state:
            self._remove_rest(segments[0].folder, blob.key)

    def _remove_segment(self, segment: Segment) -> None:
        lock = None
        if is_there(segment.lock_path):
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

    def _remove_rest(self, folder: str, key: str) -> None:
        """What tries of the same upload have left that came second, or ended in a crash: a file
        that is being joined, links. Whoever still writes one finds it gone."""
        for leftover in Path(folder).glob(f"{key}.*"):
            if leftover.suffix != ".lock":
                leftover.unlink(missing_ok=True)
