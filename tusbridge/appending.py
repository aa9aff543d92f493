"""One append while its bytes come: write, commit about once a second, end.

Whoever has the body feeds it: a loop in the view's thread, or the asynchronous front, step by
step from whatever thread is free. Nothing is held open in the database between two steps.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tusbridge import judging, leases
from tusbridge.body import BodyEnd
from tusbridge.errors import (
    BlobTruncated,
    BodyIncomplete,
    BodyTimeout,
    DatabaseUnavailable,
    LeaseLost,
    OffsetMismatch,
    ServerStopping,
    TooLarge,
    UploadError,
)
from tusbridge.protocol.checksums import RunningChecksum
from tusbridge.protocol.rules import AppendPlan
from tusbridge.rows import get_row
from tusbridge.stores import Blob, Store, Writer

if TYPE_CHECKING:
    from tusbridge.models import AbstractUpload
    from tusbridge.service import UploadService

logger = logging.getLogger("tusbridge")

# Seconds between commits while bytes come, and bytes at which one comes earlier: what a crash
# may cost, and what the sync at the end may have to wait for.
COMMIT_SECONDS = 1.0
COMMIT_BYTES = 64 * 1024 * 1024
# Seconds after which a commit asks again whether the request may go on: with those between two
# commits of a trickle (10), no revoked token appends for longer than a minute.
JUDGE_SECONDS = 30.0
# Seconds that a lease lasts at least: long enough to go on at once.
_LEAST_TTL_SECONDS = 0.25
# Seconds for which completing takes the lease. Whoever copies longer, between file systems or from
# segments, may be overtaken by another who does the same: wasteful, but the first to end wins.
COMPLETING_TTL_SECONDS = 4.0


class Appending:
    """An append that holds the lease. Not for two threads at once.

    Every method raises :class:`UploadError`; after one, what was written before it is
    committed where it can be, and the lease is free. With a checksum nothing is committed before
    the whole body agrees: whatever ends it earlier leaves the offset where it was (tus 1.0.0,
    checksum).
    """

    _is_open = False

    def __init__(
        self,
        service: "UploadService",
        upload: "AbstractUpload",
        plan: AppendPlan,
        token: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.upload = upload
        self.token = token
        self._service = service
        self._end = plan.offset + plan.limit
        self._committed = plan.offset
        is_checked = plan.checksum is not None or plan.checksum_follows
        self._running = RunningChecksum(plan.checksum) if is_checked else None
        self._is_held_back = plan.all_or_nothing
        # Upload-Checksum, where it came behind the body
        self.trailer: str | None = None
        # raises unless the request may go on
        self.judge: Callable[[], Any] | None = None
        self._clock = clock
        self._committed_at = self._fed_at = self._judged_at = clock()
        # what to ask while the upload becomes longer than was promised
        self._growth = judging.growth_of(service, upload, plan)
        self._writer = self._new_writer(service.store_of(upload), service.blob_of(upload))
        self._is_open = True

    def _new_writer(self, store: Store, blob: Blob) -> Writer:
        return store.writer(blob, self._committed, self.token, self._is_mine)

    def _is_mine(self) -> bool:
        return leases.is_mine(self._service.model, self.upload.pk, token=self.token)

    @property
    def is_checked(self) -> bool:
        """Whether nothing counts yet: a checksum is still to agree, or the whole to be there."""
        return self._running is not None or self._is_held_back

    @property
    def written(self) -> int:
        """Where the next byte goes: the offset and what was written since."""
        return self._writer.offset

    @property
    def uncommitted(self) -> int:
        """Bytes that were written and not committed."""
        return self._writer.offset - self._committed

    def feed(self, chunks: Sequence[bytes], *, commit: bool = False) -> None:
        """Write the chunks; commit when it is time, or when asked to.

        :raises TooLarge: they go past the upload's length; nothing uncommitted is kept.
        :raises QuotaExceeded: the upload has no promised length, and its owner no room for them.
        :raises StoreFull: likewise, of the room for all uploads.
        """
        with self._giving_up_on_errors():
            end = self._writer.offset + sum(map(len, chunks))
            if end > self._end:
                raise TooLarge(self._end, "the upload")
            if self._growth is not None:
                self._growth.check(end)
            if chunks:
                self._fed_at = self._clock()
                self._writer.write(chunks)
                if self._running is not None:
                    self._running.update(chunks)
            if self.uncommitted and (commit or self._is_due()):
                self._commit()

    def end(self, how: BodyEnd) -> None:
        """Commit all that came and let the lease go; complete the upload at its length.

        :raises LeaseLost: another request took the upload over.
        :raises ChecksumMismatch: the body is not what the client meant to send.
        :raises BodyIncomplete: the client broke off; what came is kept.
        :raises BodyTimeout: the client fell silent; what came is kept.
        :raises ServerStopping: the server stops; what came is kept.
        """
        with self._giving_up_on_errors():
            if self.upload.is_complete:
                self.close()  # nothing came, and nothing may: there never was a lease
                return
            if how is BodyEnd.TAKEN_OVER:
                raise LeaseLost
            self._verify(how)
            at_length = self._writer.offset == self.upload.length
            self._commit(last=True, completes=at_length)
            self.close()
            if at_length:
                self._service.finish_soon(self.upload, self.token)
            _raise_if_cut(how)

    def _verify(self, how: BodyEnd) -> None:
        """:raises ChecksumMismatch: it does not agree. A body that was cut short cannot."""
        if self._running is None:
            return
        _raise_if_cut(how)
        self._running.verify(self.trailer)
        self._judge_growth(self.written)
        self._running = None

    def _judge_growth(self, end: int) -> None:
        """Judge bytes once more that no other append has seen in the row, before they count."""
        if self._growth is not None:
            self._growth.check_again(end)

    def close(self) -> None:
        """Free the files. Idempotent; commits nothing."""
        self._is_open = False
        self._writer.close()

    def __del__(self) -> None:
        # forgotten, as by a site that appends and never saves: descriptors do not go by themselves
        if self._is_open:
            self.close()

    def _is_due(self) -> bool:
        waited = self._clock() - self._committed_at >= COMMIT_SECONDS
        return waited or self.uncommitted >= COMMIT_BYTES

    def _judge(self) -> None:
        """Ask again whether the request may go on, where it was asked long ago. A database that is
        away does not end the append: the commit behind it has its own tries.

        :raises UploadError: it may not; what came before is kept.
        """
        if self.judge is None or self._clock() - self._judged_at < JUDGE_SECONDS:
            return
        self._judged_at = self._clock()
        with suppress(DatabaseUnavailable):
            self.judge()

    def _commit(self, *, last: bool = False, completes: bool = False) -> None:
        self._judge()
        if self._writer.offset == self._end and not last:
            return  # whether the body stops at the upload's length is not known yet
        if self.is_checked:
            self._stay()
            return
        blob = self._writer.sync()
        values: dict[str, Any] = {
            "store_state": dict(blob.state),
            "expires_at": self._service.new_expiry(self.upload.expires_at),
        }
        if completes:
            # whoever finds it so after a crash goes on, whatever it waited for
            values["completes_itself"] = True
        if completes and not self.upload.is_part:
            values["file"] = self._service.name_of(self.upload)
        self._record(values, release=last and not completes, completes=completes)
        self._committed = self._writer.offset
        self._committed_at = self._clock()
        if self._growth is not None:
            self._growth.count(self._committed)
        self.upload.offset = self._committed
        for name, value in values.items():
            setattr(self.upload, name, value)

    def _record(self, values: dict[str, Any], *, release: bool, completes: bool) -> None:
        """Move the offset in the row, to all that is durable now.

        :raises LeaseLost: another request took the upload over.
        """
        if not leases.commit(
            self._service.model,
            self.upload.pk,
            token=self.token,
            old=self._committed,
            new=self._writer.offset,
            ttl=COMPLETING_TTL_SECONDS if completes else self._ttl(),
            values=values,
            release=release,
        ):
            raise LeaseLost

    def _stay(self) -> None:
        """Keep the lease while bytes come that may not be committed yet."""
        self._committed_at = self._clock()
        if self._growth is not None:
            self._growth.renew()
        model, ttl = self._service.model, self._ttl()
        if not leases.renew(model, self.upload.pk, token=self.token, ttl=ttl):
            raise LeaseLost

    def _ttl(self) -> float:
        """How long the lease shall last: counted from the last bytes, for a commit that comes
        because none came since is no sign of life."""
        silent_for = self._clock() - self._fed_at
        return max(self._service.options.LEASE_TTL - silent_for, _LEAST_TTL_SECONDS)

    def _giving_up_on_errors(self) -> "_GivingUp":
        return _GivingUp(self)

    def give_up(self, error: BaseException) -> None:
        """Keep what was written before the error, where that can be, and let the lease go."""
        if not self._is_open:
            return
        self.judge = None
        self._growth = None
        try:
            if isinstance(error, LeaseLost | BlobTruncated | DatabaseUnavailable):
                return
            if isinstance(error, TooLarge) or self.is_checked:
                leases.release(self._service.model, self.upload.pk, token=self.token)
            else:
                self._commit(last=True)
        except UploadError as second:
            # the lease runs out by itself; what is not committed will be sent again
            logger.warning(
                "append-not-kept", extra={"upload_id": self.upload.upload_id, "code": second.code}
            )
        finally:
            self.close()

    def drop(self) -> None:
        """Leave nothing of an upload that was made for this append. One that is complete stays:
        receivers may have heard of it."""
        self.close()
        row = get_row(self._service.model, self.upload.upload_id)
        if row is not None and not row.is_complete:
            self._service.terminate(row)

    def take_down(self, available: int) -> UploadError:
        """Fewer bytes are there than the row says: lower the row, and say where to go on."""
        asked = self._committed
        logger.error(
            "offset-taken-down",
            extra={"upload_id": self.upload.upload_id, "from": asked, "to": available},
        )
        leases.take_down(
            self._service.model, self.upload.pk, old=asked, new=available, token=self.token
        )
        return OffsetMismatch(available, asked)


def _raise_if_cut(how: BodyEnd) -> None:
    if how is BodyEnd.GONE:
        raise BodyIncomplete
    if how is BodyEnd.TIMED_OUT:
        raise BodyTimeout
    if how is BodyEnd.STOPPING:
        raise ServerStopping


class _GivingUp:
    """Any error ends the append; one that says the bytes are fewer becomes an offset mismatch."""

    def __init__(self, appending: Appending) -> None:
        self._appending = appending

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        self._appending.give_up(error)
        if isinstance(error, BlobTruncated):
            raise self._appending.take_down(error.available) from error
