"""Faults of downloads, of answers to pages, and of PUT."""

from __future__ import annotations

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload


@caught_by("row-126-download", "row-126-download-of-an-odd-name", "row-127-download-of-a-range")
class NothingHandedOut(Reference):
    def download(self, upload: Upload, request: Request) -> Answer:
        raise Refused(404)


@caught_by("row-126-download", "row-026-append-again", "row-107-final")
class LastByteNotHandedOut(Reference):
    def content_of(self, upload: Upload) -> bytes:
        return super().content_of(upload)[:-1]


@caught_by("row-126-download")
class TypeMayBeGuessed(Reference):
    def download(self, upload: Upload, request: Request) -> Answer:
        answer = super().download(upload, request)
        del answer.fields["X-Content-Type-Options"]
        return answer


@caught_by("row-126-download-of-an-active-type")
class EveryTypeIsShown(Reference):
    def is_shown(self, kind: str) -> bool:
        return True


@caught_by("row-126-download-of-an-active-type")
class PlainHtmlIsNotShown(Reference):
    def is_shown(self, kind: str) -> bool:
        return kind != "text/html"


@caught_by("row-126-download-of-an-active-type")
class TypesOfXmlAreShown(Reference):
    def is_shown(self, kind: str) -> bool:
        return kind.lower().endswith("xml") or super().is_shown(kind)


@caught_by("row-126-download-of-an-odd-name", "row-126-download-of-a-name-with-a-path")
class DispositionNotTold(Reference):
    def download(self, upload: Upload, request: Request) -> Answer:
        answer = super().download(upload, request)
        del answer.fields["Content-Disposition"]
        return answer


@caught_by("row-126-download-of-an-odd-name")
class QuotesInNamesAsTheyAre(Reference):
    def quoted(self, name: str) -> str:
        printable = "".join(each for each in name if each.isascii() and each.isprintable())
        return f'filename="{printable}"'


@caught_by("row-126-download-of-an-odd-name")
class LettersInNamesAsTheyAre(Reference):
    def quoted(self, name: str) -> str:
        kept = "".join(each for each in name if each.isalnum() or each == ".")
        return f'filename="{kept.encode().decode("latin-1")}"'


@caught_by("row-126-download-of-a-name-with-a-path")
class PathsInNamesAsTheyAre(Reference):
    def last_segment(self, name: str) -> str:
        return name


@caught_by("row-126-download-of-a-name-with-a-path")
class OnlyOneKindOfPathIsCutOff(Reference):
    def last_segment(self, name: str) -> str:
        return name.rpartition("/")[2]


@caught_by("row-127-download-of-a-range")
class RangesIgnored(Reference):
    def cut(self, answer: Answer, asked: str) -> None:
        """Whatever they are."""


@caught_by("row-127-download-of-a-range")
class RangesEndBeforeTheirLastByte(Reference):
    def bounds(self, first: str, last: str, size: int) -> tuple[int, int]:
        start, stop = super().bounds(first, last, size)
        return start, stop - bool(last)


@caught_by("row-127-download-of-a-range")
class LastBytesAreTheFirst(Reference):
    def bounds(self, first: str, last: str, size: int) -> tuple[int, int]:
        return super().bounds(first or "0", last, size)


@caught_by("row-127-download-of-a-range")
class RangesPastTheEndRefused(Reference):
    def bounds(self, first: str, last: str, size: int) -> tuple[int, int]:
        if last and int(last) >= size:
            raise Refused(416)
        return super().bounds(first, last, size)


@caught_by("row-128-download-of-an-unfinished-upload", "row-125-no-download-before")
class UnfinishedUploadsHandedOut(Reference):
    def download(self, upload: Upload, request: Request) -> Answer:
        return Answer(status=200, body=self.content_of(upload))


@caught_by("row-128-download-of-an-unfinished-upload")
class BegunUploadsHandedOut(Reference):
    def download(self, upload: Upload, request: Request) -> Answer:
        if not upload.is_complete and upload.data:
            return Answer(status=200, body=self.content_of(upload))
        return super().download(upload, request)


@caught_by("row-129-preflight", "row-129-exposed-fields")
class NoOriginAllowed(Reference):
    origin = "http://other.example"


@caught_by("row-129-preflight")
class ChecksumNotAllowed(Reference):
    request_fields = Reference.request_fields.replace(" Upload-Checksum,", "")


@caught_by("row-129-preflight")
class DeleteNotAllowed(Reference):
    methods = Reference.methods.replace("DELETE, ", "")


@caught_by("row-129-preflight", "row-010-options-without-login")
class PreflightsOfUploadsRefused(Reference):
    def options(self, request: Request) -> Answer:
        if not self.is_creation_path(request.path):
            raise Refused(405, Allow="HEAD,PATCH")
        return super().options(request)


@caught_by("row-129-exposed-fields")
class ExpiryNotExposed(Reference):
    answer_fields = Reference.answer_fields.replace(", Upload-Expires", "")


@caught_by("row-129-exposed-fields")
class RefusalsHiddenFromPages(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if answer.status >= 400:
            answer.fields.pop("Access-Control-Allow-Origin", None)
        return answer


@caught_by("row-130-put")
class PutIs404(Reference):
    def route(self, method: str, request: Request) -> Answer:
        if method == "PUT":
            raise Refused(404)
        return super().route(method, request)


@caught_by("row-130-put")
class AllowTellsOfPut(Reference):
    def route(self, method: str, request: Request) -> Answer:
        if method == "PUT":
            raise Refused(405, Allow="PUT,POST")
        return super().route(method, request)


@caught_by("row-130-put")
class PutAppends(Reference):
    def route(self, method: str, request: Request) -> Answer:
        if method == "PUT" and not self.is_creation_path(request.path):
            upload = self.find(request.path, self.owner_of(request))
            upload.data += b"".join(request.body)
        return super().route(method, request)
