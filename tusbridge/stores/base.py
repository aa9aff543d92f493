"""What a store of bytes has to do. These docstrings are the contract; ``tests/stores/contract.py``
tries it on any store.

Stores get and give plain values: no request, no row, no status code. Offsets and lengths are
bytes. Every failure is a :class:`StoreError` or :class:`StoreFull`, foreign errors are its cause.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tusbridge.errors import NotSupported

# Where a row's state names the file that another program left, and those that overtaken requests
# may have saved.
FOUND, LEFT = "found", "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """One unfinished upload's bytes: a key, and the store's own small JSON state for the row.

    Two parts of it are not the store's own. ``found`` names a file of the storage in which another
    program left the bytes; whoever needs them first makes that file the store's. ``left`` are
    names in the storage under which overtaken requests may have saved the finished file.
    """

    key: str
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """One piece of bytes that a store came upon while walking its folders.

    ``key`` is that of the upload whose it is by its name, None where the store would never give
    such a name; ``name`` is what the store finds it by; ``size`` in bytes is what removing it
    frees; ``stamp`` is the store's own, and tells whether the piece was touched since.
    """

    key: str | None
    name: str
    size: int = 0
    stamp: Any = None


class Writer(ABC):
    """Writes one append. Not for two threads at once, but each call may come from another."""

    # Where the next byte goes: the offset it began at plus what was written so far.
    offset: int
    # The upload's bytes with those of this writer; what is to be deleted where nothing counts.
    blob: Blob

    @abstractmethod
    def write(self, chunks: Sequence[bytes]) -> None:
        """Write the chunks one behind the other from ``offset`` on.

        The first call cuts off whatever lies beyond the offset. When it fails half way,
        ``offset`` tells how far it came.

        :raises LeaseLost: the token is not the current one any more; nothing was written.
        :raises BlobTruncated: fewer bytes are there than the offset says.
        :raises StoreFull: no room; what was written up to ``offset`` stands.
        """

    @abstractmethod
    def sync(self) -> Blob:
        """Make all that was written durable; what it gives is to be committed with the offset.

        :raises StoreError: the bytes since the last ``sync`` count as lost.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what the writer holds. Idempotent; makes nothing durable."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Store(ABC):
    """Keeps the bytes of unfinished uploads and hands finished ones to a Django storage."""

    # Whether finished uploads can be joined without their bytes passing through the client.
    supports_concat = False
    # Whether a crash may leave copies beside finished files, so that a walk goes there too.
    leaves_copies: bool = False

    @abstractmethod
    def create(self, key: str, length: int | None) -> Blob:
        """Room for a new upload. Promises nothing about disk space, and costs next to none.

        :raises StoreFull: nothing at all can be written.
        """

    @abstractmethod
    def writer(self, blob: Blob, offset: int, token: str, still_mine: Callable[[], bool]) -> Writer:
        """A writer from ``offset`` on, fenced by the lease's token.

        ``still_mine`` asks whether the row still names the token; it is called while no other
        writer can touch the bytes, and once more after bytes were fetched that another program
        left. Nothing is opened before the first ``write``.
        """

    @abstractmethod
    def first_writer(self, blob: Blob, token: str) -> Writer:
        """A writer for bytes that are all at hand, of an upload that has none yet.

        They lie where no other writer ever writes, and are the upload's once what ``sync`` gives
        is committed: so there is nothing to fence, and nothing to lock.
        """

    @abstractmethod
    def available(self, blob: Blob, offset: int) -> int:
        """How many of the first ``offset`` bytes are really there.

        :raises StoreError: it cannot be told, so nobody may act on it.
        """

    def take(self, blob: Blob, is_named: Callable[[], bool]) -> Blob:
        """Make what another program left (``found``) the store's own where that costs a rename;
        what it gives is to be recorded before anything of the upload is deleted. From then on the
        name may be another file's. ``is_named`` tells whether the row still names it, and is asked
        while no other request can take it. Idempotent.

        :raises LeaseLost: the row does not name it any more, or another request takes it.
        :raises StoreError: not now.
        """
        return blob

    @abstractmethod
    def read_unfinished(self, blob: Blob, start: int, stop: int) -> Iterator[bytes]:
        """The bytes [start, stop) of an unfinished upload, in pieces; the caller knows that so
        many were written.

        :raises BlobTruncated: fewer are there.
        :raises StoreError: they cannot be read.
        """

    def unfinished_path(self, blob: Blob) -> str | None:
        """The one local file with the bytes of an unfinished upload, and maybe more; None where
        there is no such file."""
        return None

    def concat(
        self,
        key: str,
        parts: Sequence[tuple[Blob, int]],
        token: str = "",
        still_mine: Callable[[], bool] = lambda: True,
    ) -> Blob:
        """A blob that has the bytes of others, each with its length, in this order; durable on
        return. Copies nothing where it can: ``complete`` does, so that this answers at once.

        The parts may be deleted from now on without loss, and be used again. Each try makes names
        with its own ``token``; of two, one is recorded, and the other is to be discarded.
        ``still_mine`` is asked where it takes long.

        :raises NotSupported: the store does not say that it ``supports_concat``.
        :raises LeaseLost: ``still_mine`` says so; nothing is left.
        """
        raise NotSupported("Upload-Concat")

    def discard(self, blob: Blob) -> None:
        """Remove the pieces that the blob names, and nothing else of its upload: it was never
        recorded. Idempotent."""
        self.delete(blob, "")

    @abstractmethod
    def bytes_to_copy(self, blob: Blob, length: int) -> int:
        """How many bytes ``complete`` will have to copy; 0 where a rename is all."""

    @abstractmethod
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
        """Make the ``length`` bytes the storage's file ``name``, durably. Idempotent: it may be
        called again after a crash at any step, by another holder of the lease.

        ``still_mine`` renews the lease and tells whether it is held; called between long steps,
        and maybe from another thread. ``record`` marks the row complete: it is called once the file
        is there, and before the unfinished bytes are freed; False: the lease is lost. With ``keep``
        they stay, for the row may be rolled back, and the caller frees them by :meth:`free`.

        A request that was overtaken removes and replaces nothing but what it has made itself.

        :raises BlobTruncated: fewer bytes are there.
        :raises BytesMissing: none are there.
        :raises LeaseLost: somebody else is at it.
        :raises NameBusy: an earlier request may still be writing under this name. The caller
            records a name of its own, keeps this one in the blob's ``left``, and calls again.
        """

    @abstractmethod
    def free(self, blob: Blob, name: str) -> None:
        """Remove what remains of the unfinished bytes of an upload that was completed under this
        name. Raises nothing: what cannot be removed now is logged, and met by a walk."""

    @abstractmethod
    def open(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes [start, stop) of a finished file, in pieces.

        :raises UploadNotFound: the file is not in the storage any more.
        """

    @abstractmethod
    def delete(self, blob: Blob, name: str) -> None:
        """Remove all that is there of an upload, finished or not. Idempotent. What is completing
        it may go on for a while, and leaves nothing: the row has ended its lease before.

        :raises NameBusy: a request may still be writing the finished file; call again later.
        """

    def noted(self, key: str) -> str:
        """The name under which a file of this upload may lie although the row knows none: it was
        completed in a transaction (``keep``) that was rolled back. Empty where there is none."""
        return ""

    @abstractmethod
    def length(self, name: str) -> int:
        """Bytes of a finished file.

        :raises UploadNotFound: the file is not in the storage any more.
        :raises StoreError: it cannot be told, for the storage as a whole is not there.
        """

    @property
    @abstractmethod
    def place(self) -> str:
        """Names where unfinished bytes lie. Of two stores with one place, one is walked."""

    @abstractmethod
    def strays(self, grace_seconds: float) -> Iterator[Stray]:
        """Walk what lies where unfinished bytes do, and the copies that a crash may have left
        beside finished files; never a finished file.

        Gives every piece that nobody touched for the grace, also those of running uploads: that
        a piece is astray is to be found out after it was given. What the store did not put there
        comes with the key None, whatever its age. Holds a few names at a time, however many
        there are; what goes while it walks is passed over.
        """

    @abstractmethod
    def remove_stray(self, stray: Stray) -> bool:
        """Remove one piece; no writer that still has it open may write to it afterwards.

        The caller has looked, after the piece was given, that no upload owns it. False: it is
        gone already, or was touched since.

        :raises StoreError: it cannot be removed now, for instance because somebody holds it.
        """
