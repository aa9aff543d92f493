"""Faults of broken, silent and competing requests."""

from __future__ import annotations

import time

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Body, Request
from tests.conformance.reference import Reference, Refused, Upload


class _Break(Reference):
    """What is done with an upload when a PATCH of it breaks off."""

    def after_a_break(self, upload: Upload, before: int, seconds: float) -> None:
        raise NotImplementedError

    def append(self, upload: Upload, request: Request) -> Answer:
        before, begun = len(upload.data), time.monotonic()
        try:
            return super().append(upload, request)
        except Refused:
            if request.body.length and not request.body.whole and len(upload.data) > before:
                self.after_a_break(upload, before, time.monotonic() - begun)
            raise


@caught_by(
    "row-041-fin-in-mid-body",
    "row-041-fin-right-behind-the-bytes",
    "row-041-half-close-in-mid-body",
    "row-042-reset-in-mid-body",
    "row-046-read-timeout",
    "row-047-told-offset-stays-true",
)
class BrokenBodiesAreDropped(_Break):
    def after_a_break(self, upload: Upload, before: int, seconds: float) -> None:
        del upload.data[before:]


@caught_by(
    "row-041-fin-in-mid-body",
    "row-041-half-close-in-mid-body",
    "row-042-reset-in-mid-body",
    "row-044-silent-connection",
    "row-046-read-timeout",
)
class BodiesStoredWhole(Reference):
    def receive(self, upload: Upload, body: Body, room: int, *, is_checked: bool) -> bytes:
        return super().receive(upload, body, room, is_checked=True)


@caught_by("row-041-fin-right-behind-the-bytes")
class BytesRightBeforeTheEndAreDropped(_Break):
    def after_a_break(self, upload: Upload, before: int, seconds: float) -> None:
        if seconds < 0.3:
            del upload.data[-1:]


@caught_by("row-042-reset-in-mid-body", "row-043-resume-after-a-break")
class BrokenUploadsAreComplete(_Break):
    def after_a_break(self, upload: Upload, before: int, seconds: float) -> None:
        upload.length = len(upload.data)


@caught_by("row-043-resume-after-a-break", "row-042-reset-in-mid-body")
class LastBlockGarbledByABreak(_Break):
    def after_a_break(self, upload: Upload, before: int, seconds: float) -> None:
        upload.data[-1000:] = bytes(1000)


@caught_by("row-041-fin-in-mid-body", "row-042-reset-in-mid-body", "row-043-resume-after-a-break")
class PromisedBytesCountAfterABreak(_Break):
    def after_a_break(self, upload: Upload, before: int, seconds: float) -> None:
        upload.data += bytes((upload.length or 0) - len(upload.data))


@caught_by("row-041-half-close-is-no-success", "row-085-half-closed-creation")
class HalfClosedBodyToldAsWhole(Reference):
    def break_off(self, upload: Upload, held: bytes) -> None:
        """Goes on as if it were whole."""

    def create(self, request: Request) -> Answer:
        answer = super().create(request)
        if request.body.length and not request.body.whole:
            answer.fields["Upload-Offset"] = str(request.body.length)
        return answer


@caught_by("row-044-silent-connection")
class SilentPatchHoldsTheUpload(Reference):
    read_timeout_seconds = 10

    def take_over(self, upload: Upload, body: Body) -> None:
        if upload.writer is not None:
            raise Refused(423)
        super().take_over(upload, body)


@caught_by("row-044-silent-connection")
class OldWriterGoesOn(Reference):
    def judge_writer(self, upload: Upload, body: Body) -> None:
        """Whoever it is."""


@caught_by("row-044-silent-connection")
class BytesToldAtTheEndOnly(Reference):
    read_timeout_seconds = 10

    def receive(self, upload: Upload, body: Body, room: int, *, is_checked: bool) -> bytes:
        held = super().receive(upload, body, room, is_checked=True)
        if is_checked:
            return held
        self.write(upload, body, held)
        return b""


class _OffsetJudgedOnce(Reference):
    """Bytes are collected, and stored at the offset that was right at first."""

    def judge_writer(self, upload: Upload, body: Body) -> None:
        """Whoever it is."""

    def receive(self, upload: Upload, body: Body, room: int, *, is_checked: bool) -> bytes:
        start = len(upload.data)
        held = super().receive(upload, body, room, is_checked=True)
        time.sleep(0.2)
        with self.lock:
            upload.data[start:] = b""
        return held


@caught_by("row-045-two-patches-at-one-offset", "row-045-patch-into-a-running-one")
class BothOfTwoStored(_OffsetJudgedOnce):
    """As it stands."""


@caught_by("row-045-two-patches-at-one-offset", "row-045-patch-into-a-running-one")
class NeitherOfTwoStored(_OffsetJudgedOnce):
    def take_over(self, upload: Upload, body: Body) -> None:
        if upload.writer is not None:
            upload.is_gone = True
        super().take_over(upload, body)

    def receive(self, upload: Upload, body: Body, room: int, *, is_checked: bool) -> bytes:
        held = super().receive(upload, body, room, is_checked=is_checked)
        if upload.is_gone:
            raise Refused(409, Upload_Offset="0")
        return held


@caught_by("row-046-read-timeout", "row-046-read-timeout-in-a-creation")
class SilentBodiesWaitForEver(Reference):
    """As far as the checks look: twice the time they grant."""

    read_timeout_seconds = 14


@caught_by("row-047-told-offset-stays-true")
class OffsetToldAheadOfTheBytes(Reference):
    def offset_of(self, upload: Upload) -> int | None:
        offset = super().offset_of(upload)
        ahead = 100_000 if upload.writer is not None else 0
        return None if offset is None else min(offset + ahead, upload.length or 0)


@caught_by("row-085-break-in-a-creation")
class BrokenCreationStopsTheServer(Reference):
    is_stopped = False

    def create(self, request: Request) -> Answer:
        if self.is_stopped:
            raise Refused(503)
        return super().create(request)

    def break_off(self, upload: Upload, held: bytes) -> None:
        self.is_stopped = True
        super().break_off(upload, held)
