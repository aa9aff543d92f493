"""Faults of finals that cannot be, come twice or come early."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload
from tests.conformance.reference.variants import FinishedOnly


@caught_by("row-114-unfinished-partial")
class UnfinishedTakenButNotAnnounced(FinishedOnly):
    def judge_unfinished(self, parts: list[Upload]) -> None:
        """Takes them."""


@caught_by(
    "row-115-unknown-partial",
    "row-115-deleted-partial",
    "row-115-unknown-partial-beside-an-unfinished-one",
    "row-120-path-of-no-upload",
)
class UnknownPartialSkipped(Reference):
    def part(self, url: str, request: Request) -> Upload:
        try:
            return super().part(url, request)
        except Refused as refused:
            if refused.status != 404:
                raise
            return Upload(owner="", length=0, concat="partial")


@caught_by(
    "row-116-source-not-partial",
    "row-116-unfinished-source-not-partial",
)
class AnySourceTaken(Reference):
    def judge_source(self, part: Upload) -> None:
        """Whatever it is."""


@caught_by("row-116-source-not-partial", "row-116-unfinished-source-not-partial")
class FinalOfFinalsTaken(Reference):
    def judge_source(self, part: Upload) -> None:
        if part.concat is None:
            raise Refused(400)


@caught_by("row-117-metadata-not-carried-over")
class MetadataOfThePartialsTaken(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        if upload.is_final and upload.metadata is None and upload.parts[0].metadata is not None:
            answer.fields["Upload-Metadata"] = upload.parts[0].metadata
        return answer


@caught_by("row-117-metadata-of-its-own")
class MetadataOfTheFinalDropped(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        if upload.is_final:
            answer.fields.pop("Upload-Metadata", None)
        return answer


@caught_by("row-117-metadata-of-its-own", "row-117-metadata-not-carried-over")
class MetadataOfThePartialsMixedIn(Reference):
    def create_final(self, concat: str, request: Request) -> Answer:
        own, theirs = request.fields.get("Upload-Metadata"), self.parts_of(concat, request)
        every = [own, *(part.metadata for part in theirs)]
        del request.fields["Upload-Metadata"]
        request.fields["Upload-Metadata"] = ",".join(each for each in every if each)
        return super().create_final(concat, request)


@caught_by("row-118-neither-partial-nor-final")
class UnknownConcatIgnored(Reference):
    def judge_concat(self, concat: str | None) -> None:
        """Whatever it is."""


@caught_by("row-118-neither-partial-nor-final")
class FinalOfNothingTaken(Reference):
    def parts_of(self, concat: str, request: Request) -> list[Upload]:
        if not concat.removeprefix("final;").strip():
            return [Upload(owner="", length=0)]
        return super().parts_of(concat, request)


@caught_by("row-119-sum-over-the-limit", "row-119-unfinished-sum-over-the-limit")
class SumWithoutLimit(Reference):
    def judge_sum(self, parts: list[Upload]) -> None:
        """Whatever it is."""


@caught_by("row-119-unfinished-sum-over-the-limit")
class SumOfWhatIsThere(Reference):
    def judge_sum(self, parts: list[Upload]) -> None:
        if sum(len(part.data) for part in parts) > self.max_size:
            raise Refused(413)


@caught_by("row-119-sum-over-the-limit")
class SumOfTheLimitRefused(Reference):
    def judge_sum(self, parts: list[Upload]) -> None:
        if sum(part.length or 0 for part in parts) >= self.max_size:
            raise Refused(413)


@caught_by("row-120-other-host")
class OtherHostsPartIsEmpty(Reference):
    def part(self, url: str, request: Request) -> Upload:
        try:
            self.judge_host(url, request)
        except Refused:
            return Upload(owner="", length=0, concat="partial")
        return super().part(url, request)


@caught_by("row-120-other-host")
class ForwardedHostBelieved(Reference):
    def judge_host(self, url: str, request: Request) -> None:
        if urlsplit(url).netloc != request.fields.get("X-Forwarded-Host"):
            super().judge_host(url, request)


@caught_by("row-120-foreign-partial")
class PartialsAreEverybodys(Reference):
    def is_owner(self, upload: Upload, owner: str) -> bool:
        return super().is_owner(upload, owner) or upload.concat == "partial"


@caught_by("row-121-final-with-length")
class LengthOfAFinalIgnored(Reference):
    def judge_final_creation(self, request: Request) -> None:
        if any(request.body):
            raise Refused(403)


@caught_by("row-121-final-with-length")
class RightLengthOfAFinalTaken(Reference):
    def create_final(self, concat: str, request: Request) -> Answer:
        parts = self.parts_of(concat, request)
        if request.fields.get("Upload-Length") == str(sum(part.length or 0 for part in parts)):
            del request.fields["Upload-Length"]
        return super().create_final(concat, request)


@caught_by("row-122-final-with-body")
class BodyOfAFinalIgnored(Reference):
    def judge_final_creation(self, request: Request) -> None:
        if "Upload-Length" in request.fields:
            raise Refused(400)


@caught_by("row-122-final-with-body")
class ChunkedBodyOfAFinalIgnored(Reference):
    def judge_final_creation(self, request: Request) -> None:
        if not request.body.is_chunked:
            super().judge_final_creation(request)


@caught_by(
    "row-123-same-final-again",
    "row-123-same-final-at-once",
    "row-123-same-unfinished-final-again",
)
class AnotherFinalEachTime(Reference):
    def same_final(self, final: Upload) -> str | None:
        return None


@caught_by("row-112-partial-in-two-finals")
class SameFinalWhateverTheOrder(Reference):
    def is_same(self, one: Upload, other: Upload) -> bool:
        return set(one.parts) == set(other.parts)


@caught_by("row-123-same-final-after-its-end")
class GoneFinalRemembered(Reference):
    def __init__(self) -> None:
        super().__init__()
        self.made: dict[str | None, str] = {}

    def create_final(self, concat: str, request: Request) -> Answer:
        answer = super().create_final(concat, request)
        answer.fields["Location"] = self.made.setdefault(concat, answer.fields["Location"])
        return answer


@caught_by("row-124-concat-on-other-requests")
class ConcatOfAPatchRefused(Reference):
    def judge_final(self, upload: Upload, request: Request) -> None:
        super().judge_final(upload, request)
        if "Upload-Concat" in request.fields:
            raise Refused(400)


@caught_by("row-124-concat-makes-no-partial-later")
class ConcatOfAPatchTaken(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        upload.concat = request.fields.get("Upload-Concat", upload.concat)
        return super().append(upload, request)


@caught_by(
    "row-125-final-before-its-partials",
    "row-125-final-of-complete-and-unfinished",
    "row-125-final-of-deferred-lengths",
)
class UnfinishedFinalTellsAnOffset(Reference):
    def offset_of(self, upload: Upload) -> int | None:
        return sum(len(each.data) for each in upload.parts or [upload])


@caught_by("row-125-final-before-its-partials")
class UnfinishedFinalTellsNoLength(Reference):
    def length_of(self, upload: Upload) -> int | None:
        return super().length_of(upload) if upload.is_complete or not upload.is_final else None


@caught_by("row-125-final-of-deferred-lengths")
class DeferredPartialsCountNothing(Reference):
    def length_of(self, upload: Upload) -> int | None:
        if not upload.is_final:
            return upload.length
        return sum(part.length or 0 for part in upload.parts)


@caught_by("row-125-final-before-its-partials", "row-125-final-of-complete-and-unfinished")
class UnfinishedFinalTellsNoList(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        if not upload.is_complete and upload.is_final:
            del answer.fields["Upload-Concat"]
        return answer


@caught_by("row-125-final-before-its-partials", "row-125-final-of-deferred-lengths")
class UnfinishedRefusedThoughAnnounced(Reference):
    def judge_unfinished(self, parts: list[Upload]) -> None:
        if not all(part.is_complete for part in parts):
            raise Refused(400)
