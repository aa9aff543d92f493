"""Faults of deferred lengths."""

from __future__ import annotations

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload


@caught_by("row-067-deferred-length", "row-070-still-deferred")
class DeferralNotTold(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.fields.pop("Upload-Defer-Length", None)
        return answer


@caught_by("row-067-deferred-length", "row-084-deferred-length-with-bytes")
class LengthToldWhileDeferred(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.fields.setdefault("Upload-Length", str(self.max_size))
        return answer


@caught_by("row-068-deferral-other-than-1")
class AnyDeferralTaken(Reference):
    def judge_deferral(self, deferral: str | None, length: str | None) -> None:
        if (deferral is None) == (length is None):
            raise Refused(400)


@caught_by("row-069-both-lengths")
class BothLengthsTaken(Reference):
    def judge_deferral(self, deferral: str | None, length: str | None) -> None:
        if deferral not in (None, "1") or (deferral is None and length is None):
            raise Refused(400)


@caught_by(
    "row-070-still-deferred",
    "row-070-chunked-body",
    "row-071-length-with-the-last-bytes",
)
class FirstPatchSetsTheLength(Reference):
    def set_length(self, upload: Upload, length: int | None) -> None:
        upload.length = len(upload.data) if length is None else length


@caught_by(
    "row-071-length-with-the-first-bytes",
    "row-071-length-with-the-last-bytes",
    "row-071-length-without-bytes",
    "row-072-same-length-again",
    "row-074-length-of-the-limit",
    "row-076-length-of-the-offset",
    "row-084-deferred-length-with-bytes",
    "row-105-deferred-partial",
)
class LateLengthIgnored(Reference):
    def set_length(self, upload: Upload, length: int | None) -> None:
        """Leaves it as it was."""


@caught_by("row-071-length-with-the-first-bytes", "row-071-length-without-bytes")
class DeferralToldForEver(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.fields["Upload-Defer-Length"] = "1"
        return answer


@caught_by("row-071-length-not-a-number", "row-077-another-length-than-the-known-one")
class BadLateLengthTakenForNone(Reference):
    def length_of_append(self, upload: Upload, told: str | None) -> int | None:
        return super().length_of_append(upload, told if told and told.isdecimal() else None)


@caught_by("row-071-length-binds")
class LateLengthDoesNotBindItsOwnBody(Reference):
    def room(self, upload: Upload, length: int | None) -> int:
        return super().room(upload, upload.length)


@caught_by("row-072-another-length", "row-077-another-length-than-the-known-one")
class LengthChangedLater(Reference):
    def judge_other_length(self, upload: Upload, length: int) -> None:
        if length < len(upload.data):
            raise Refused(400)


@caught_by("row-072-same-length-again", "row-077-same-length-of-a-known-one")
class SameLengthRefused(Reference):
    def judge_other_length(self, upload: Upload, length: int) -> None:
        raise Refused(400)


@caught_by("row-072-another-length", "row-077-another-length-than-the-known-one")
class OtherLengthIgnored(Reference):
    def length_of_append(self, upload: Upload, told: str | None) -> int | None:
        return super().length_of_append(upload, told if upload.length is None else None)


@caught_by("row-072-another-length", "row-072-order-of-judgement")
class LengthJudgedBehindTheBody(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        told = request.fields.get("Upload-Length")
        if upload.length is None or told is None:
            return super().append(upload, request)
        del request.fields["Upload-Length"]
        answer = super().append(upload, request)
        if told != str(upload.length):
            raise Refused(400)
        return answer


@caught_by("row-072-another-length-at-the-end")
class LengthOfACompleteUploadIgnored(Reference):
    def judge_other_length(self, upload: Upload, length: int) -> None:
        if not upload.is_complete:
            super().judge_other_length(upload, length)


@caught_by("row-073-length-below-the-offset")
class LengthBelowTheOffsetTaken(Reference):
    def judge_late_length(self, upload: Upload, length: int) -> None:
        if length > self.max_size:
            raise Refused(413)

    def room(self, upload: Upload, length: int | None) -> int:
        return max(0, super().room(upload, length))


@caught_by("row-074-length-over-the-limit")
class LateLengthOverTheLimitTaken(Reference):
    def judge_late_length(self, upload: Upload, length: int) -> None:
        if length < len(upload.data):
            raise Refused(400)


@caught_by("row-074-length-of-the-limit")
class LateLengthOfTheLimitRefused(Reference):
    def judge_late_length(self, upload: Upload, length: int) -> None:
        if not len(upload.data) <= length < self.max_size:
            raise Refused(413)


@caught_by(
    "row-075-body-over-the-limit",
    "row-075-chunked-body-over-the-limit",
    "row-084-deferred-length-over-the-limit",
)
class DeferredBodyWithoutLimit(Reference):
    def room(self, upload: Upload, length: int | None) -> int:
        return 10**9 if length is None else super().room(upload, length)


@caught_by("row-075-body-over-the-limit")
class LimitForgetsWhatIsStored(Reference):
    def room(self, upload: Upload, length: int | None) -> int:
        return self.max_size if length is None else super().room(upload, length)


@caught_by("row-076-length-of-the-offset", "row-084-deferred-length-with-a-chunked-body")
class LengthOfTheOffsetRefused(Reference):
    def judge_late_length(self, upload: Upload, length: int) -> None:
        if length == len(upload.data):
            raise Refused(400)
        super().judge_late_length(upload, length)
