"""Faults of creation: lengths, limits, and where the upload is said to be."""

from __future__ import annotations

from email.message import Message

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload


class _Location(Reference):
    def location(self, told: str, request: Request) -> str:
        raise NotImplementedError

    def keep(self, upload: Upload, request: Request) -> str:
        return self.location(super().keep(upload, request), request)


@caught_by("row-048-create", "row-051-empty-upload", "row-078-whole-body", "row-105-partial")
class CreationIs200(Reference):
    def create(self, request: Request) -> Answer:
        answer = super().create(request)
        answer.status = 200
        return answer


@caught_by("row-048-create", "row-011-extensions-as-comma-list")
class CreationNotAnnounced(Reference):
    extensions = tuple(name for name in Reference.extensions if name != "creation")


@caught_by("row-048-create", "row-017-new-upload-is-at-zero")
class LocationLeadsNowhere(_Location):
    def location(self, told: str, request: Request) -> str:
        return told[:-1]


@caught_by("row-048-with-and-without-last-slash", "row-008-options-is-200-and-empty")
class LastSlashNeeded(Reference):
    def route(self, method: str, request: Request) -> Answer:
        if request.path == "/files":
            raise Refused(404)
        return super().route(method, request)


@caught_by("row-048-with-and-without-last-slash")
class BareUrlSendsToTheOther(Reference):
    def create(self, request: Request) -> Answer:
        if request.path == "/files":
            raise Refused(308, Location="/files/")
        return super().create(request)


@caught_by("row-049-no-length")
class MissingLengthIsZero(Reference):
    def length_of_creation(self, fields: Message) -> int | None:
        if "Upload-Length" not in fields and "Upload-Defer-Length" not in fields:
            return 0
        return super().length_of_creation(fields)


@caught_by("row-049-no-length")
class MissingLengthIsDeferred(Reference):
    def judge_deferral(self, deferral: str | None, length: str | None) -> None:
        if deferral or length:
            super().judge_deferral(deferral, length)


@caught_by("row-051-empty-upload")
class EmptyUploadRefused(Reference):
    def judge_length(self, length: int) -> None:
        if not length:
            raise Refused(400)
        super().judge_length(length)


@caught_by("row-051-empty-upload", "row-107-final-of-one")
class LengthOfZeroIsNone(Reference):
    def length_of_creation(self, fields: Message) -> int | None:
        return super().length_of_creation(fields) or None


@caught_by("row-052-over-the-limit", "row-052-largest-length", "row-082-expect-over-the-limit")
class LengthWithoutLimit(Reference):
    def judge_length(self, length: int) -> None:
        """Whatever it is."""


@caught_by("row-052-over-the-limit", "row-052-largest-length")
class LengthOverTheLimitIs507(Reference):
    def judge_length(self, length: int) -> None:
        if length > self.max_size:
            raise Refused(507)


@caught_by("row-052-over-the-limit")
class LimitInRoundNumbers(Reference):
    def judge_length(self, length: int) -> None:
        super().judge_length(length - 1000)


@caught_by("row-052-exactly-the-limit")
class LimitItselfRefused(Reference):
    def judge_length(self, length: int) -> None:
        super().judge_length(length + 1)


@caught_by("row-062-same-file-twice")
class SameFileIsTheSameUpload(Reference):
    def __init__(self) -> None:
        super().__init__()
        self.made: dict[tuple[str | None, int | None], str] = {}

    def keep(self, upload: Upload, request: Request) -> str:
        return self.made.setdefault((upload.metadata, upload.length), super().keep(upload, request))


@caught_by("row-063-location-is-path-only")
class LocationIsAbsolute(_Location):
    def location(self, told: str, request: Request) -> str:
        return f"http://{request.fields['Host']}{told}"


@caught_by("row-063-location-is-path-only")
class LocationIsRelative(_Location):
    def location(self, told: str, request: Request) -> str:
        return told.removeprefix("/files/")


@caught_by("row-063-location-has-no-spaces")
class LocationHasSpaces(_Location):
    def location(self, told: str, request: Request) -> str:
        return f"{told}?name=my file"


@caught_by("row-064-forwarded-fields-of-a-stranger")
class ForwardedHostShapesTheLocation(_Location):
    def location(self, told: str, request: Request) -> str:
        host = request.fields.get("X-Forwarded-Host")
        return f"http://{host}{told}" if host else told


@caught_by("row-064-forwarded-fields-of-a-stranger")
class ForwardedPrefixShapesTheLocation(_Location):
    def location(self, told: str, request: Request) -> str:
        return request.fields.get("X-Forwarded-Prefix", "") + told


@caught_by("row-064-forwarded-fields-of-a-stranger")
class ForwardedShapesTheLocation(_Location):
    def location(self, told: str, request: Request) -> str:
        pairs = [pair.partition("=") for pair in request.fields.get("Forwarded", "").split(";")]
        host = {key: value for key, _, value in pairs}.get("host")
        return f"http://{host}{told}" if host else told


@caught_by("row-065-location-on-creation-only", "row-065-no-location-on-errors")
class LocationInEveryAnswer(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        answer.fields.setdefault("Location", request.path)
        return answer


@caught_by("row-002-post-with-unknown-version", "row-003-post-without-version")
class LocationOf412(Reference):
    def judge_version(self, method: str, request: Request) -> None:
        try:
            super().judge_version(method, request)
        except Refused as refused:
            refused.fields["Location"] = "/files/"
            raise


@caught_by("row-065-no-location-on-errors")
class ReasonOfManyPages(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if answer.status >= 400:
            answer.body *= 1000
        return answer


@caught_by("row-065-reason-is-text")
class NoReasonGiven(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if answer.status >= 400:
            answer.body = b""
        return answer


@caught_by("row-065-reason-is-text")
class ReasonIsAWebPage(Reference):
    def refusal(self, refused: Refused, method: str, request: Request) -> Answer:
        answer = super().refusal(refused, method, request)
        answer.fields["Content-Type"] = "text/html"
        return answer


@caught_by("row-066-form-type-without-body")
class FormTypeRefused(Reference):
    def judge_other_body(self, request: Request) -> None:
        if "Content-Type" in request.fields:
            raise Refused(415)
        super().judge_other_body(request)
