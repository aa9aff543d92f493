"""Appends whose whole body is at hand, to uploads that have no bytes yet: what small files are.

Their bytes go where no other writer goes, and are the upload's by the very statement that says so
in the row. Until then nobody has to be kept from anything: no lease is taken first, no file is
locked, and whoever comes second finds the offset moved.
"""

import logging
from typing import Any

from tusbridge import judging, leases, signals
from tusbridge.appending import COMPLETING_TTL_SECONDS, Appending
from tusbridge.errors import StoreError, UploadBusy
from tusbridge.models import AbstractUpload
from tusbridge.rows import insert_row, is_certain
from tusbridge.stores import Blob, Store, Writer

logger = logging.getLogger("tusbridge")


def has_nothing(upload: AbstractUpload) -> bool:
    """Whether there are no bytes, nor anybody who writes some."""
    is_fresh = upload.offset == 0 and not upload.store_state and upload.lease_token is None
    return is_fresh and not upload.is_complete


class AppendAtHand(Appending):
    """The first bytes of an upload that nobody was writing to when its row was read."""

    _has_begun = False
    # from the statement that makes them the upload's on, until it is told what became of it
    _may_count = False

    def _new_writer(self, store: Store, blob: Blob) -> Writer:
        return store.first_writer(blob, self.token)

    def _record(self, values: dict[str, Any], *, release: bool, completes: bool) -> None:
        """:raises UploadBusy: somebody came first."""
        if self._has_begun:
            super()._record(values, release=release, completes=completes)
            return
        ttl = COMPLETING_TTL_SECONDS if completes else self._ttl()
        self._may_count = True
        try:
            self._begin(values, ttl=None if release else ttl)
        except BaseException as error:
            self._may_count = not (isinstance(error, UploadBusy) or is_certain(error))
            raise
        self._has_begun = True

    def _begin(self, values: dict[str, Any], *, ttl: float | None) -> None:
        model, pk, token = self._service.model, self.upload.pk, self.token
        if not leases.commit_first(
            model,
            pk,
            length=self.upload.length,
            token=token,
            new=self.written,
            ttl=ttl,
            values=values,
        ):
            raise UploadBusy

    def _remove_bytes(self) -> None:
        """Those of this append alone, which are in no row."""
        self.close()
        self._service.store_of(self.upload).discard(self._writer.blob)

    def give_up(self, error: BaseException) -> None:
        """Nothing of it was told anybody: it will be sent again, as a whole. Bytes that a row may
        name, now or in a moment, stay."""
        if self._has_begun:
            super().give_up(error)
        elif self._is_open and not self._may_count:
            self._remove_quietly()
        self.close()

    def _remove_quietly(self) -> None:
        try:
            self._remove_bytes()
        except StoreError as error:
            facts = {"upload_id": self.upload.upload_id, "code": error.code}
            logger.warning("bytes-not-removed", extra=facts)


class CreationAtHand(AppendAtHand):
    """The body of a creation. The row is inserted when the bytes are there, for nobody knows of the
    upload before the answer."""

    def _begin(self, values: dict[str, Any], *, ttl: float | None) -> None:
        for name, value in {**values, "offset": self.written}.items():
            setattr(self.upload, name, value)
        self.upload.lease_token = None if ttl is None else self.token
        insert_row(self.upload, lease_ttl=ttl)
        judging.check_created(self._service, self.upload)
        self._has_begun = True
        signals.announce(signals.upload_created, self.upload)

    def drop(self) -> None:
        """Also where it was not told whether the row is there. One that comes yet finds its bytes,
        as any upload does that its client has left; if it does not come, they are orphans."""
        if self._has_begun or self._may_count:
            super().drop()
        else:
            self._remove_bytes()
