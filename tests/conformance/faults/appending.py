"""Faults of PATCH: what is stored and what is refused."""

from __future__ import annotations

import re

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Body, Request
from tests.conformance.reference import OFFSET_TYPE, Reference, Refused, Upload


@caught_by("row-025-append", "row-026-append-again", "row-040-no-content-length")
class PatchIs200(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        answer = super().append(upload, request)
        answer.status = 200
        return answer


@caught_by("row-025-append", "row-026-append-again", "row-038-empty-body")
class PatchTellsNoOffset(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        answer = super().append(upload, request)
        del answer.fields["Upload-Offset"]
        return answer


@caught_by("row-026-append-again", "row-026-large-body", "row-038-empty-body")
class PatchTellsWhatItBrought(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        before = len(upload.data)
        answer = super().append(upload, request)
        answer.fields["Upload-Offset"] = str(len(upload.data) - before)
        return answer


@caught_by("row-026-append-again", "row-026-large-body", "row-079-part-then-patch")
class PiecesPutInFront(Reference):
    def write(self, upload: Upload, body: Body, piece: bytes) -> None:
        with self.lock:
            self.judge_writer(upload, body)
            upload.data[:0] = piece


@caught_by("row-026-large-body", "row-093-right-checksum-of-many-bytes")
class BodiesOfAMebibyteAtMost(Reference):
    def room(self, upload: Upload, length: int | None) -> int:
        return min(2**20, super().room(upload, length))


@caught_by("row-026-large-body")
class LastByteOfLargePiecesLost(Reference):
    def write(self, upload: Upload, body: Body, piece: bytes) -> None:
        super().write(upload, body, piece[:-1] + b"\0" if len(piece) > 30_000 else piece)


@caught_by("row-027-other-content-type", "row-028-no-content-type", "row-036-order-of-judgement")
class AnyTypeTaken(Reference):
    def judge_type(self, request: Request) -> None:
        """Whatever it is."""


@caught_by("row-028-no-content-type")
class MissingTypeTaken(Reference):
    def judge_type(self, request: Request) -> None:
        if "Content-Type" in request.fields:
            super().judge_type(request)


@caught_by("row-027-other-content-type")
class TypesThatBeginSoTaken(Reference):
    def is_offset_type(self, request: Request) -> bool:
        return (request.fields.get("Content-Type") or "").startswith(OFFSET_TYPE)


@caught_by("row-027-other-content-type")
class AnyBytesTaken(Reference):
    def is_offset_type(self, request: Request) -> bool:
        plain = request.fields.get("Content-Type") == "application/octet-stream"
        return plain or super().is_offset_type(request)


@caught_by("row-027-other-content-type", "row-028-no-content-type")
class OtherTypeIs400(Reference):
    def judge_type(self, request: Request) -> None:
        if not self.is_offset_type(request):
            raise Refused(400)


@caught_by("row-027-other-content-type", "row-028-no-content-type")
class BytesOfAnotherTypeStored(Reference):
    def judge_type(self, request: Request) -> None:
        if not self.is_offset_type(request):
            upload = self.find(request.path, self.owner_of(request))
            upload.data += b"".join(request.body)
            raise Refused(415)


@caught_by("row-029-content-type-in-other-case")
class TypeComparedLetterByLetter(Reference):
    def is_offset_type(self, request: Request) -> bool:
        return request.fields.get("Content-Type") == OFFSET_TYPE


class _Offset(Reference):
    def judge_told_offset(self, upload: Upload, offset: int) -> None:
        raise NotImplementedError

    def judge_offset(self, upload: Upload, request: Request) -> None:
        self.judge_told_offset(upload, self.number(request.fields.get("Upload-Offset")))


@caught_by("row-030-offset-ahead", "row-032-largest-offset-is-a-conflict")
class OffsetAheadTaken(_Offset):
    def judge_told_offset(self, upload: Upload, offset: int) -> None:
        if offset < len(upload.data):
            raise Refused(409, Upload_Offset=str(len(upload.data)))


@caught_by("row-031-offset-behind", "row-032-conflict-tells-the-offset")
class OffsetBehindTaken(_Offset):
    def judge_told_offset(self, upload: Upload, offset: int) -> None:
        if offset > len(upload.data):
            raise Refused(409, Upload_Offset=str(len(upload.data)))
        del upload.data[offset:]


@caught_by("row-031-offset-behind")
class ConflictCutsOff(_Offset):
    def judge_told_offset(self, upload: Upload, offset: int) -> None:
        if offset != len(upload.data):
            del upload.data[offset:]
            raise Refused(409, Upload_Offset=str(len(upload.data)))


@caught_by("row-030-offset-ahead", "row-031-offset-behind")
class BytesOfAConflictStored(Reference):
    def judge_offset(self, upload: Upload, request: Request) -> None:
        try:
            super().judge_offset(upload, request)
        except Refused:
            upload.data += b"".join(request.body)
            raise


@caught_by("row-030-offset-ahead", "row-031-offset-behind", "row-036-order-of-judgement")
class ConflictIs400(_Offset):
    def judge_told_offset(self, upload: Upload, offset: int) -> None:
        if offset != len(upload.data):
            raise Refused(400)


@caught_by("row-032-conflict-tells-the-offset", "row-032-largest-offset-is-a-conflict")
class ConflictTellsNoOffset(_Offset):
    def judge_told_offset(self, upload: Upload, offset: int) -> None:
        if offset != len(upload.data):
            raise Refused(409)


@caught_by("row-032-conflict-tells-the-offset")
class ConflictTellsTheOffsetAsked(_Offset):
    def judge_told_offset(self, upload: Upload, offset: int) -> None:
        if offset != len(upload.data):
            raise Refused(409, Upload_Offset=str(offset))


@caught_by("row-032-largest-offset-is-a-conflict", "row-052-largest-length")
class NumbersOf18DigitsAtMost(Reference):
    def number(self, text: str | None) -> int:
        if text is not None and len(text) > 18:
            raise Refused(400)
        return super().number(text)


@caught_by("row-033-no-offset")
class MissingOffsetIsZero(Reference):
    def judge_offset(self, upload: Upload, request: Request) -> None:
        if "Upload-Offset" in request.fields:
            super().judge_offset(upload, request)


@caught_by("row-033-no-offset-is-400")
class MissingOffsetIsAConflict(Reference):
    def judge_offset(self, upload: Upload, request: Request) -> None:
        if "Upload-Offset" not in request.fields:
            raise Refused(409, Upload_Offset=str(len(upload.data)))
        super().judge_offset(upload, request)


class _Number(Reference):
    """Another way to read numbers."""

    def read(self, text: str) -> int:
        raise NotImplementedError

    def number(self, text: str | None) -> int:
        try:
            return self.read(text or "")
        except ValueError:
            raise Refused(400) from None


@caught_by(
    "row-034-offset-not-a-number", "row-050-length-not-a-number", "row-071-length-not-a-number"
)
class NoNumberIsZero(_Number):
    def read(self, text: str) -> int:
        return int(text) if re.fullmatch("[0-9]{1,18}", text, re.ASCII) else 0


@caught_by("row-034-offset-not-a-number-is-400", "row-050-length-not-a-number")
class NegativeNumbersTaken(_Number):
    """A negative offset is then a conflict."""

    def read(self, text: str) -> int:
        return int(text)


@caught_by("row-034-offset-not-a-number", "row-050-length-not-a-number")
class FractionsCutOff(_Number):
    def read(self, text: str) -> int:
        return abs(int(float(text)))


@caught_by("row-035-offset-not-plain-digits")
class WhateverIntTakesIsANumber(_Number):
    def read(self, text: str) -> int:
        value = int(text)
        if not 0 <= value < 2**63:
            raise ValueError(text)
        return value


@caught_by("row-050-length-of-thirty-digits", "row-071-length-of-thirty-digits")
class NumbersCutShort(_Number):
    def read(self, text: str) -> int:
        if not re.fullmatch("[0-9]+", text, re.ASCII):
            raise ValueError(text)
        return int(text[:6])


@caught_by("row-035-offset-not-plain-digits")
class NumbersOfAnySize(_Number):
    def read(self, text: str) -> int:
        if not re.fullmatch("0|[1-9][0-9]*", text, re.ASCII):
            raise ValueError(text)
        return int(text)


@caught_by("row-035-offset-not-plain-digits")
class LeadingZerosTaken(_Number):
    def read(self, text: str) -> int:
        if not re.fullmatch("[0-9]{1,19}", text, re.ASCII):
            raise ValueError(text)
        return int(text)


@caught_by("row-036-unknown-upload", "row-101-delete-unfinished")
class PatchMakesTheUpload(Reference):
    def route(self, method: str, request: Request) -> Answer:
        try:
            return super().route(method, request)
        except Refused as refused:
            if method != "PATCH" or refused.status != 404:
                raise
            key = request.path.rpartition("/")[2]
            self.uploads[key] = Upload(owner=self.owner_of(request), length=10, expires_at=9e9)
            return super().route(method, request)


@caught_by("row-036-order-of-judgement")
class TypeJudgedBeforeTheUpload(Reference):
    def route(self, method: str, request: Request) -> Answer:
        if method == "PATCH":
            self.judge_version(method, request)
            self.judge_type(request)
        return super().route(method, request)


@caught_by("row-036-order-of-judgement", "row-113-order-of-judgement")
class OffsetJudgedBeforeTheType(Reference):
    def judge_final(self, upload: Upload, request: Request) -> None:
        self.number(request.fields.get("Upload-Offset"))
        super().judge_final(upload, request)


@caught_by("row-036-order-of-judgement")
class OverrunJudgedBeforeTheOffset(Reference):
    def judge_type(self, request: Request) -> None:
        super().judge_type(request)
        upload = self.find(request.path, self.owner_of(request))
        self.judge_body(upload, request, upload.length)


@caught_by(
    "row-037-body-too-long",
    "row-037-body-too-long-is-413",
    "row-037-chunked-body-too-long",
    "row-039-bytes-past-a-complete-upload",
    "row-080-body-too-long",
    "row-080-chunked-body-too-long",
)
class OverrunStored(Reference):
    def room(self, upload: Upload, length: int | None) -> int:
        return 10**9


@caught_by("row-037-body-too-long", "row-037-body-too-long-is-413", "row-080-body-too-long")
class OverrunCutOff(Reference):
    def judge_body(self, upload: Upload, request: Request, length: int | None) -> None:
        """It is cut off later."""

    def receive(self, upload: Upload, body: Body, room: int, *, is_checked: bool) -> bytes:
        whole = b"".join(body)
        self.write(upload, body, whole[:room])
        return b""


@caught_by(
    "row-037-body-too-long-is-413",
    "row-039-bytes-past-a-complete-upload",
    "row-080-body-too-long-is-413",
)
class OverrunIs400(Reference):
    def route(self, method: str, request: Request) -> Answer:
        try:
            return super().route(method, request)
        except Refused as refused:
            raise Refused(400) if refused.status == 413 else refused from None


@caught_by("row-037-chunked-body-too-long", "row-080-chunked-body-too-long")
class ChunkedOverrunStored(Reference):
    def receive(self, upload: Upload, body: Body, room: int, *, is_checked: bool) -> bytes:
        room = 10**9 if body.is_chunked else room
        return super().receive(upload, body, room, is_checked=is_checked)


@caught_by("row-038-empty-body", "row-039-empty-patch-of-a-complete-upload")
class EmptyPatchRefused(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        if request.body.length == 0 and not upload.is_final:
            raise Refused(400)
        return super().append(upload, request)


@caught_by(
    "row-039-empty-patch-of-a-complete-upload",
    "row-039-bytes-past-a-complete-upload",
    "row-072-another-length-at-the-end",
)
class CompleteUploadTakesNoPatch(Reference):
    def judge_final(self, upload: Upload, request: Request) -> None:
        if upload.is_complete:
            raise Refused(403)
        super().judge_final(upload, request)


@caught_by("row-039-bytes-past-a-complete-upload")
class BytesPastTheEndDropped(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        if upload.is_complete and not upload.is_final and request.body.length:
            return Answer(status=204, fields={"Upload-Offset": str(len(upload.data))})
        return super().append(upload, request)


@caught_by("row-040-no-content-length", "row-070-chunked-body", "row-093-chunked-body")
class ChunkedBodiesRefused(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        if request.body.is_chunked:
            raise Refused(411)
        return super().append(upload, request)


@caught_by("row-040-no-content-length", "row-070-chunked-body")
class ChunkedBodiesReadAsEmpty(Reference):
    def receive(self, upload: Upload, body: Body, room: int, *, is_checked: bool) -> bytes:
        if body.is_chunked:
            body.whole = True
            return b""
        return super().receive(upload, body, room, is_checked=is_checked)
