"""Faults of concatenation, as `faults.py`."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from tests.conformance.faults import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload


class FinishedOnly(Reference):
    """No fault: it has no concatenation-unfinished."""

    extensions = tuple(name for name in Reference.extensions if name != "concatenation-unfinished")


@caught_by("row-105-partial", "row-105-partial-with-bytes", "row-105-deferred-partial")
class PartialNotTold(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        if upload.concat == "partial":
            del answer.fields["Upload-Concat"]
        return answer


@caught_by("row-105-partial", "row-106-complete-partial-stays-partial", "row-112-partials-stay")
class CompletePartialIsPlain(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        if upload.is_complete and not upload.is_final:
            answer.fields.pop("Upload-Concat", None)
        return answer


@caught_by("row-105-partial-with-bytes")
class PartialTakesNoBytesAtFirst(Reference):
    def store_first(self, upload: Upload, request: Request) -> None:
        if upload.concat is None:
            super().store_first(upload, request)


@caught_by("row-106-complete-partial-stays-partial")
class CompletePartialGrows(Reference):
    def room(self, upload: Upload, length: int | None) -> int:
        return super().room(upload, length) + (upload.concat == "partial" and upload.is_complete)


@caught_by("row-107-final", "row-113-patch-of-a-final", "row-125-final-before-its-partials")
class FinalTellsNoOffset(Reference):
    def offset_of(self, upload: Upload) -> int | None:
        return 0 if upload.is_final else super().offset_of(upload)


@caught_by("row-107-final", "row-107-final-of-many", "row-105-deferred-partial")
class FinalTellsNoLength(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        if upload.is_final:
            del answer.fields["Upload-Length"]
        return answer


@caught_by("row-107-final-of-one")
class FinalNeedsTwo(Reference):
    def judge_unfinished(self, parts: list[Upload]) -> None:
        if len(parts) < 2:
            raise Refused(400)


@caught_by("row-107-final-of-many")
class FinalOfAtMostEight(Reference):
    def judge_unfinished(self, parts: list[Upload]) -> None:
        if len(parts) > 8:
            raise Refused(400)


@caught_by("row-107-final-outlives-its-partials")
class DeletedPartialLeavesAHole(Reference):
    def terminate(self, upload: Upload, request: Request) -> Answer:
        answer = super().terminate(upload, request)
        upload.data = bytearray(len(upload.data))
        return answer


@caught_by("row-102-delete-a-final")
class FinalsCannotBeDeleted(Reference):
    def terminate(self, upload: Upload, request: Request) -> Answer:
        if upload.is_final:
            raise Refused(403)
        return super().terminate(upload, request)


class _Rewrites(Reference):
    def rewritten(self, value: str, request: Request) -> str:
        raise NotImplementedError

    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        if upload.is_final:
            answer.fields["Upload-Concat"] = self.rewritten(upload.concat or "", request)
        return answer


@caught_by(
    "row-108-list-as-received",
    "row-113-patch-of-a-final",
    "row-125-final-before-its-partials",
)
class ListRewrittenToAbsoluteUrls(_Rewrites):
    def rewritten(self, value: str, request: Request) -> str:
        base = f"http://{request.fields['Host']}/"
        urls = value.removeprefix("final;").split()
        return "final;" + " ".join(urljoin(base, url) for url in urls)


@caught_by("row-108-absolute-list-as-received")
class ListRewrittenToPaths(_Rewrites):
    def rewritten(self, value: str, request: Request) -> str:
        urls = value.removeprefix("final;").split()
        return "final;" + " ".join(urlsplit(url).path for url in urls)


@caught_by("row-108-list-as-received", "row-108-absolute-list-as-received")
class SpaceInsertedInTheList(_Rewrites):
    def rewritten(self, value: str, request: Request) -> str:
        return value.replace("final;", "final; ")


@caught_by("row-108-list-as-received")
class ListNotTold(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        if upload.is_final:
            answer.fields["Upload-Concat"] = "final"
        return answer


@caught_by("row-109-absolute-urls", "row-109-mixed-urls")
class AbsoluteUrlsRefused(Reference):
    def judge_host(self, url: str, request: Request) -> None:
        if urlsplit(url).netloc:
            raise Refused(400)


class _Parts(Reference):
    def changed(self, parts: list[Upload]) -> list[Upload]:
        raise NotImplementedError

    def parts_of(self, concat: str, request: Request) -> list[Upload]:
        return self.changed(super().parts_of(concat, request))


@caught_by("row-110-order-of-the-list", "row-112-partial-in-two-finals")
class PartsInTheOrderOfTheirCreation(_Parts):
    def changed(self, parts: list[Upload]) -> list[Upload]:
        return [each for each in self.uploads.values() for part in parts if part is each]


@caught_by("row-107-final", "row-110-order-of-the-list", "row-125-final-before-its-partials")
class PartsBackwards(_Parts):
    def changed(self, parts: list[Upload]) -> list[Upload]:
        return parts[::-1]


@caught_by(
    "row-105-partial-with-bytes",
    "row-111-same-partial-twice",
    "row-125-final-of-complete-and-unfinished",
)
class SamePartOnce(_Parts):
    def changed(self, parts: list[Upload]) -> list[Upload]:
        return list(dict.fromkeys(parts))


@caught_by(
    "row-112-partial-in-two-finals",
    "row-112-partials-stay",
    "row-123-same-final-again",
    "row-125-final-of-complete-and-unfinished",
)
class PartialsUsedUp(Reference):
    def create_final(self, concat: str, request: Request) -> Answer:
        answer = super().create_final(concat, request)
        for part in self.parts_of(concat, request):
            super().terminate(part, request)
        return answer


@caught_by("row-113-patch-of-a-final", "row-113-patch-of-an-unfinished-final")
class FinalTakesBytes(Reference):
    def judge_final(self, upload: Upload, request: Request) -> None:
        """They go where nobody looks."""

    def room(self, upload: Upload, length: int | None) -> int:
        return self.max_size if upload.is_final else super().room(upload, length)


@caught_by("row-113-patch-of-a-final")
class RefusedBytesGrowTheFinal(Reference):
    def judge_final(self, upload: Upload, request: Request) -> None:
        if upload.is_final:
            added = b"".join(request.body)
            upload.parts = [*upload.parts, Upload(owner="", length=len(added))]
            upload.parts[-1].data += added
            raise Refused(403)


@caught_by("row-113-order-of-judgement")
class FinalJudgedBehindTheFields(Reference):
    def judge_final(self, upload: Upload, request: Request) -> None:
        self.number(request.fields.get("Upload-Offset"))
        super().judge_final(upload, request)


@caught_by("row-113-patch-of-an-unfinished-final")
class UnfinishedFinalTakesBytes(Reference):
    def judge_final(self, upload: Upload, request: Request) -> None:
        if upload.is_final and upload.is_complete:
            raise Refused(403)


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
    "row-124-concat-makes-no-partial-later",
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
class AnyHostTaken(Reference):
    def judge_host(self, url: str, request: Request) -> None:
        """Whatever it is."""


@caught_by("row-120-other-host")
class ForwardedHostBelieved(Reference):
    def judge_host(self, url: str, request: Request) -> None:
        if urlsplit(url).netloc != request.fields.get("X-Forwarded-Host"):
            super().judge_host(url, request)


@caught_by("row-120-path-of-no-upload")
class OnlyTheLastSegmentRead(Reference):
    def find(self, path: str, owner: str) -> Upload:
        return super().find(f"/files/{path.rpartition('/')[2]}", owner)


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


@caught_by("row-125-no-download-before")
class UnfinishedFinalHandedOut(Reference):
    def download(self, upload: Upload, request: Request) -> Answer:
        return Answer(status=200, body=self.content_of(upload))


@caught_by("row-107-final-of-many", "row-110-order-of-the-list")
class DownloadsNeverReady(Reference):
    """As long as the check looks, and without a word when to come again."""

    def download(self, upload: Upload, request: Request) -> Answer:
        if upload.is_final:
            raise Refused(503)
        return super().download(upload, request)


class JoinedInTheBackground(Reference):
    """No fault: the first look at a final comes too early."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: set[Upload] = set()

    def download(self, upload: Upload, request: Request) -> Answer:
        if upload.is_final and upload.is_complete and upload not in self.looked_at:
            self.looked_at.add(upload)
            raise Refused(503, Retry_After="1")
        return super().download(upload, request)
