"""Faults of deferred lengths, and of what other rows had left open: the reference with one of them
at a time, and the checks that must see it.

Each class is one way to get a row of the table wrong, many of them seen in servers in the wild.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload

Server = TypeVar("Server", bound=type[Reference])

FAULTS: dict[type[Reference], tuple[str, ...]] = {}


def caught_by(*checks: str) -> Callable[[Server], Server]:
    """Registers a faulty server. Each of the checks must fail on it."""

    def register(server: Server) -> Server:
        FAULTS[server] = checks
        return server

    return register


# deferred lengths


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
        if not len(upload.data) < length:
            raise Refused(400)


# what other rows had left open


@caught_by("row-010-options-without-login")
class OptionsAskWhoIsThere(Reference):
    def options(self, request: Request) -> Answer:
        if not self.owner_of(request):
            raise Refused(401)
        return super().options(request)


@caught_by("row-010-options-without-login")
class OptionsLookForTheUpload(Reference):
    def options(self, request: Request) -> Answer:
        if request.path != "/files/":
            self.find(request.path, self.owner_of(request))
        return super().options(request)


@caught_by("row-015-delete-as-head", "row-015-get-as-post")
class OverrideOfPostOnly(Reference):
    def method_of(self, request: Request) -> str:
        return super().method_of(request) if request.method == "POST" else request.method


@caught_by("row-024-foreign-complete-upload", "row-120-foreign-partial")
class EverybodyOwnsEverything(Reference):
    def is_owner(self, upload: Upload, owner: str) -> bool:
        return True


@caught_by("row-024-foreign-complete-upload")
class CompleteUploadsAreEverybodys(Reference):
    def is_owner(self, upload: Upload, owner: str) -> bool:
        return super().is_owner(upload, owner) or upload.is_complete


@caught_by("row-046-read-timeout-in-a-creation")
class SilentCreationsWaitForEver(Reference):
    """As far as the check looks: twice the time it grants."""

    read_timeout_seconds = 14


@caught_by("row-064-forwarded-fields-of-a-stranger")
class ForwardedPrefixBelieved(Reference):
    def keep(self, upload: Upload, request: Request) -> str:
        return request.fields.get("X-Forwarded-Prefix", "") + super().keep(upload, request)


@caught_by("row-065-location-on-creation-only")
class LocationInEveryAnswer(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        answer.fields.setdefault("Location", request.path)
        return answer


@caught_by("row-065-reason-is-text")
class NoReasonGiven(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if answer.status >= 400:
            answer.body = b""
        return answer


@caught_by("row-081-no-100-before-a-refusal", "row-084-deferred-length-over-the-limit")
class BodyReadBeforeItIsJudged(Reference):
    max_size = 1_000_000

    def route(self, method: str, request: Request) -> Answer:
        whole = b"".join(request.body)
        if len(whole) > self.max_size:
            raise Refused(400)
        return super().route(method, request)


@caught_by("row-085-half-closed-creation")
class BrokenCreationToldAsWhole(Reference):
    def create(self, request: Request) -> Answer:
        answer = super().create(request)
        if request.body.length and not request.body.whole:
            answer.fields["Upload-Offset"] = str(request.body.length)
        return answer

    def break_off(self, upload: Upload, held: bytes) -> None:
        """Goes on as if it were whole."""


@caught_by("row-087-each-refused-patch-tells-expiry")
class ExpiryToldOnSuccessOnly(Reference):
    def fields_of_refusal(self, method: str, request: Request) -> dict[str, str]:
        return {}


@caught_by("row-011-extensions-as-comma-list")
class UnfinishedWithoutConcatenation(Reference):
    extensions = tuple(name for name in Reference.extensions if name != "concatenation")


@caught_by("row-084-deferred-length-with-bytes", "row-084-deferred-length-with-a-chunked-body")
class DeferredCreationTakesNoBytes(Reference):
    def store_first(self, upload: Upload, request: Request) -> None:
        if upload.length is not None:
            super().store_first(upload, request)
