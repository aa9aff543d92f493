"""Faults of concatenation."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload
from tests.conformance.reference.variants import JoinedInTheBackground


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
    def store_first(self, upload: Upload, request: Request) -> dict[str, str]:
        return super().store_first(upload, request) if upload.concat is None else {}


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
            answer.fields.pop("Upload-Length", None)
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
    "row-111-same-partial-twice",
    "row-125-partial-twice-or-in-two-finals",
)
class SamePartOnce(_Parts):
    def changed(self, parts: list[Upload]) -> list[Upload]:
        return list(dict.fromkeys(parts))


@caught_by(
    "row-112-partial-in-two-finals",
    "row-112-partials-stay",
    "row-123-same-final-again",
    "row-123-same-final-at-once",
)
class PartialsUsedUp(Reference):
    def create_final(self, concat: str, request: Request) -> Answer:
        answer = super().create_final(concat, request)
        for part in self.parts_of(concat, request):
            if part.is_complete:
                super().terminate(part, request)
        return answer


@caught_by(
    "row-113-patch-of-a-final",
    "row-113-patch-of-a-final-by-override",
    "row-113-patch-of-an-unfinished-final",
)
class FinalTakesBytes(Reference):
    def judge_final(self, upload: Upload, request: Request) -> None:
        """They go where nobody looks."""

    def room(self, upload: Upload, length: int | None) -> int:
        return self.max_size if upload.is_final else super().room(upload, length)


@caught_by("row-113-patch-of-a-final", "row-113-patch-of-a-final-by-override")
class RefusedBytesGrowTheFinal(Reference):
    def judge_final(self, upload: Upload, request: Request) -> None:
        if upload.is_final:
            added = b"".join(request.body)
            upload.parts = [*upload.parts, Upload(owner="", length=len(added))]
            upload.parts[-1].data += added
            raise Refused(403)


@caught_by("row-113-patch-of-an-unfinished-final")
class UnfinishedFinalTakesBytes(Reference):
    def judge_final(self, upload: Upload, request: Request) -> None:
        if upload.is_final and upload.is_complete:
            raise Refused(403)


@caught_by("row-107-final", "row-110-order-of-the-list")
class DownloadsOfFinalsNeverReady(Reference):
    """As long as the checks look."""

    def download(self, upload: Upload, request: Request) -> Answer:
        if upload.is_final:
            raise Refused(503, Retry_After="1")
        return super().download(upload, request)


@caught_by("row-107-download-right-behind")
class EarlyDownloadNotToldWhenToComeAgain(JoinedInTheBackground):
    def refusal(self, refused: Refused, method: str, request: Request) -> Answer:
        refused.fields.pop("Retry-After", None)
        return super().refusal(refused, method, request)
