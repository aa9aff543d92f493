"""Faults of HEAD."""

from __future__ import annotations

import time

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload


@caught_by("row-017-head-is-200")
class HeadIs204(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.status = 204
        return answer


@caught_by("row-017-new-upload-is-at-zero", "row-048-create", "row-067-deferred-length")
class NewUploadTellsNoOffset(Reference):
    def offset_of(self, upload: Upload) -> int | None:
        return super().offset_of(upload) or None


@caught_by("row-017-head-leaves-a-running-patch-alone")
class HeadEndsTheRunningPatch(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        upload.writer = None
        return super().head(upload, request)


@caught_by("row-017-head-leaves-a-running-patch-alone")
class HeadWaitsForTheRunningPatch(Reference):
    """Not for ever, but longer than the check grants."""

    def head(self, upload: Upload, request: Request) -> Answer:
        if upload.writer is not None:
            time.sleep(1.1)
        return super().head(upload, request)


@caught_by(
    "row-018-complete-upload-still-answers",
    "row-039-empty-patch-of-a-complete-upload",
    "row-126-download",
)
class CompleteUploadsAreGone(Reference):
    def find(self, path: str, owner: str) -> Upload:
        upload = super().find(path, owner)
        if upload.is_complete:
            raise Refused(404)
        return upload


@caught_by("row-018-complete-upload-still-answers")
class HeadOfACompleteUploadIs410(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        if upload.is_complete:
            raise Refused(410)
        return super().head(upload, request)


@caught_by("row-019-length-is-told", "row-048-create", "row-051-empty-upload")
class LengthNotTold(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.fields.pop("Upload-Length", None)
        return answer


@caught_by("row-019-length-is-told")
class LengthIn32Bits(Reference):
    max_size = 10**10

    def length_of(self, upload: Upload) -> int | None:
        length = super().length_of(upload)
        return length and length % 2**32


class _UnknownUpload(Reference):
    def answer_to_unknown(self) -> Answer:
        raise NotImplementedError

    def route(self, method: str, request: Request) -> Answer:
        try:
            return super().route(method, request)
        except Refused as refused:
            if method == "HEAD" and refused.status == 404:
                return self.answer_to_unknown()
            raise


@caught_by("row-020-unknown-upload", "row-021-malformed-id", "row-101-delete-unfinished")
class UnknownUploadIsNew(_UnknownUpload):
    def answer_to_unknown(self) -> Answer:
        return Answer(status=200, fields={"Upload-Offset": "0"})


@caught_by("row-020-unknown-upload", "row-021-malformed-id", "row-021-long-id", "row-021-nul-in-id")
class UnknownUploadTellsAnOffset(_UnknownUpload):
    def answer_to_unknown(self) -> Answer:
        return Answer(status=404, fields={"Upload-Offset": "0"})


class _MalformedId(Reference):
    status = 400

    def is_malformed(self, name: str) -> bool:
        return not name.isalnum()

    def find(self, path: str, owner: str) -> Upload:
        if self.is_malformed(path.removeprefix("/files/")):
            raise Refused(self.status)
        return super().find(path, owner)


@caught_by("row-021-malformed-id", "row-021-nul-in-id")
class MalformedIdIs400(_MalformedId):
    """As it stands."""


@caught_by("row-021-nul-in-id")
class NulBreaksIt(_MalformedId):
    status = 500

    def is_malformed(self, name: str) -> bool:
        return "%00" in name


@caught_by("row-021-long-id")
class LongIdIs400(_MalformedId):
    status = 400

    def is_malformed(self, name: str) -> bool:
        return len(name) > 1000


class _Cached(Reference):
    def is_cached(self, answer: Answer) -> bool:
        raise NotImplementedError

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if self.is_cached(answer):
            answer.fields.pop("Cache-Control", None)
        return answer


@caught_by("row-022-no-store", "row-022-no-store-on-errors")
class HeadsMayBeCached(_Cached):
    def is_cached(self, answer: Answer) -> bool:
        return True


@caught_by("row-022-no-store")
class HeadsOfCompleteUploadsMayBeCached(_Cached):
    def is_cached(self, answer: Answer) -> bool:
        return "Upload-Expires" not in answer.fields and answer.status == 200


@caught_by("row-022-no-store-on-errors")
class RefusedHeadsMayBeCached(_Cached):
    def is_cached(self, answer: Answer) -> bool:
        return answer.status >= 400


@caught_by("row-023-no-content-length-of-the-upload")
class ContentLengthOfTheUpload(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.fields["Content-Length"] = str(upload.length)
        return answer


@caught_by("row-023-no-content-length-of-the-upload")
class NoLengthIsMadeNothing(Reference):
    """As a server's middleware does."""

    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.fields["Content-Length"] = "0"
        return answer


@caught_by(
    "row-024-foreign-complete-upload",
    "row-024-foreign-upload",
    "row-120-foreign-partial",
)
class EverybodyOwnsEverything(Reference):
    def is_owner(self, upload: Upload, owner: str) -> bool:
        return True


@caught_by("row-024-foreign-complete-upload")
class CompleteUploadsAreEverybodys(Reference):
    def is_owner(self, upload: Upload, owner: str) -> bool:
        return super().is_owner(upload, owner) or upload.is_complete


@caught_by("row-024-foreign-complete-upload", "row-024-foreign-upload")
class ForeignUploadTellsItsMetadata(Reference):
    def find(self, path: str, owner: str) -> Upload:
        upload = self.uploads.get(path.rpartition("/")[2])
        if upload is not None and upload.owner != owner:
            raise Refused(403, Upload_Metadata=upload.metadata or "")
        return super().find(path, owner)
