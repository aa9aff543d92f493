"""Appends whose whole body is at hand, to uploads that have no bytes yet: what small files are.

Their bytes go where no other writer goes, and are the upload's by the very statement that says so
in the row. Until then nobody has to be kept from anything: no lease is taken first, no file is
locked, and whoever comes second finds the offset moved.
"""

from typing import Any

from tusbridge import leases, signals
from tusbridge.appending import COMPLETING_TTL_SECONDS, Appending
from tusbridge.errors import UploadBusy
from tusbridge.rows import get_row, insert_row
from tusbridge.stores import Blob, Store, Writer


class AppendAtHand(Appending):
    """The first bytes of an upload that nobody was writing to when its row was read."""

    _has_begun = False

    def _new_writer(self, store: Store, blob: Blob) -> Writer:
        return store.first_writer(blob, self.token)

    def _record(self, values: dict[str, Any], *, release: bool, completes: bool) -> None:
        """:raises UploadBusy: somebody came first."""
        if self._has_begun:
            super()._record(values, release=release, completes=completes)
            return
        ttl = COMPLETING_TTL_SECONDS if completes else self._ttl()
        self._begin(values, ttl=None if release else ttl)
        self._has_begun = True

    def _begin(self, values: dict[str, Any], *, ttl: float | None) -> None:
        model, pk, token = self._service.model, self.upload.pk, self.token
        if not leases.commit_first(
            model, pk, token=token, new=self.written, ttl=ttl, values=values
        ):
            self._remove_bytes()
            raise UploadBusy

    def _remove_bytes(self) -> None:
        """Those of this append alone, which are in no row."""
        self.close()
        self._service.store_of(self.upload).discard(self._writer.blob)

    def give_up(self, error: BaseException) -> None:
        """Nothing of it was told anybody: it will be sent again, as a whole."""
        if self._has_begun:
            super().give_up(error)
        self.close()


class CreationAtHand(AppendAtHand):
    """The body of a creation. The row is inserted when the bytes are there, for nobody knows of the
    upload before the answer."""

    def _begin(self, values: dict[str, Any], *, ttl: float | None) -> None:
        for name, value in {**values, "offset": self.written}.items():
            setattr(self.upload, name, value)
        self.upload.lease_token = None if ttl is None else self.token
        insert_row(self.upload, lease_ttl=ttl)
        signals.announce(signals.upload_created, self.upload)

    def drop(self) -> None:
        """Also where it was not told whether the row is there."""
        row = get_row(self._service.model, self.upload.upload_id)
        if row is None:
            self._remove_bytes()
        else:
            self.close()
            self._service.terminate(row)
