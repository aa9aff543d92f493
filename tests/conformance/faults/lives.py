"""Faults of how uploads end: by their time, and by DELETE."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Body, Request
from tests.conformance.reference import Reference, Refused, Upload
from tests.conformance.reference.variants import ShortLived

LIFE_SECONDS = ShortLived.life_seconds


@caught_by("row-086-creation-tells-expiry", "row-090-expiry-may-slide")
class CreationTellsNoExpiry(Reference):
    def create(self, request: Request) -> Answer:
        answer = super().create(request)
        answer.fields.pop("Upload-Expires", None)
        return answer


@caught_by("row-086-creation-tells-expiry", "row-087-patch-tells-expiry")
class ExpiryInTheFormOfIso8601(Reference):
    def expiry_of(self, upload: Upload) -> dict[str, str]:
        told = datetime.fromtimestamp(upload.expires_at, UTC).isoformat()
        return {"Upload-Expires": told} if super().expiry_of(upload) else {}


@caught_by("row-086-creation-tells-expiry")
class ExpiryWithAnOffsetFromGmt(Reference):
    def expiry_of(self, upload: Upload) -> dict[str, str]:
        told = formatdate(upload.expires_at)
        return {"Upload-Expires": told} if super().expiry_of(upload) else {}


@caught_by("row-086-creation-tells-expiry")
class ExpiryIsPast(Reference):
    def expiry_of(self, upload: Upload) -> dict[str, str]:
        told = formatdate(upload.expires_at - self.life_seconds - 60, usegmt=True)
        return {"Upload-Expires": told} if super().expiry_of(upload) else {}


@caught_by("row-087-patch-tells-expiry")
class PatchTellsNoExpiry(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        answer = super().append(upload, request)
        answer.fields.pop("Upload-Expires", None)
        return answer


@caught_by("row-087-refused-patch-tells-expiry", "row-087-each-refused-patch-tells-expiry")
class RefusedPatchTellsNoExpiry(Reference):
    def expiry_of_refusal(self, request: Request) -> dict[str, str]:
        return {}


@caught_by("row-087-each-refused-patch-tells-expiry")
class OnlyAConflictTellsTheExpiry(Reference):
    def refusal(self, refused: Refused, method: str, request: Request) -> Answer:
        answer = super().refusal(refused, method, request)
        if refused.status != 409:
            answer.fields.pop("Upload-Expires", None)
        return answer


@caught_by("row-088-head-tells-expiry")
class HeadTellsNoExpiry(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.fields.pop("Upload-Expires", None)
        return answer


@caught_by("row-088-complete-upload-does-not-expire")
class CompleteUploadsTellAnExpiry(Reference):
    def expiry_of(self, upload: Upload) -> dict[str, str]:
        return {"Upload-Expires": formatdate(upload.expires_at, usegmt=True)}


@caught_by("row-089-expired-upload", "row-091-complete-upload-stays", expire_seconds=LIFE_SECONDS)
class NothingExpires(Reference):
    """As far as the checks look."""


@caught_by("row-089-expired-upload", expire_seconds=LIFE_SECONDS)
class ExpiredUploadsTakeBytes(ShortLived):
    def route(self, method: str, request: Request) -> Answer:
        upload = self.uploads.get(request.path.rpartition("/")[2])
        if method == "PATCH" and upload is not None:
            self.judge_version(method, request)
            return self.append(upload, request)
        return super().route(method, request)


@caught_by("row-089-expired-upload", expire_seconds=LIFE_SECONDS)
class ExpiredUploadTellsItsOffset(ShortLived):
    def find(self, path: str, owner: str) -> Upload:
        upload = self.uploads.get(path.rpartition("/")[2])
        if upload is not None and self.is_expired(upload):
            raise Refused(410, Upload_Offset=str(len(upload.data)))
        return super().find(path, owner)


@caught_by("row-089-alive-until-then", expire_seconds=4)
class ExpiresAtOnce(Reference):
    life_seconds = 0.5


@caught_by("row-090-expiry-may-slide")
class ExpiryMovesBack(Reference):
    def prolong(self, upload: Upload) -> None:
        if upload.expires_at:
            upload.expires_at -= 60
        else:
            super().prolong(upload)


@caught_by("row-091-complete-upload-stays", expire_seconds=LIFE_SECONDS)
class CompleteUploadsExpireToo(ShortLived):
    def is_expired(self, upload: Upload) -> bool:
        return time.time() > upload.expires_at


class _Kept(Reference):
    """DELETE leaves some uploads where they are."""

    def is_kept(self, upload: Upload) -> bool:
        raise NotImplementedError

    def terminate(self, upload: Upload, request: Request) -> Answer:
        if self.is_kept(upload):
            return Answer(status=204)
        return super().terminate(upload, request)


@caught_by(
    "row-014-post-as-delete",
    "row-101-delete-unfinished",
    "row-102-delete-complete",
    "row-102-delete-empty",
    "row-102-delete-a-final",
    "row-103-delete-again",
    "row-104-delete-during-patch",
    "row-115-deleted-partial",
)
class NothingIsDeleted(_Kept):
    def is_kept(self, upload: Upload) -> bool:
        return True


@caught_by("row-101-delete-unfinished")
class BegunUploadsAreNotDeleted(_Kept):
    def is_kept(self, upload: Upload) -> bool:
        return 0 < len(upload.data) != upload.length


@caught_by("row-102-delete-empty")
class EmptyUploadsAreNotDeleted(_Kept):
    def is_kept(self, upload: Upload) -> bool:
        return upload.length == 0


@caught_by("row-102-delete-complete", "row-102-delete-a-final")
class CompleteUploadsCannotBeDeleted(Reference):
    def terminate(self, upload: Upload, request: Request) -> Answer:
        if upload.is_complete:
            raise Refused(403)
        return super().terminate(upload, request)


@caught_by("row-102-delete-complete", "row-102-delete-a-final")
class DeletedUploadsAreStillHandedOut(Reference):
    def __init__(self) -> None:
        super().__init__()
        self.ever: dict[str, Upload] = {}

    def keep(self, upload: Upload, request: Request) -> str:
        location = super().keep(upload, request)
        self.ever[location] = upload
        return location

    def route(self, method: str, request: Request) -> Answer:
        if method == "GET" and request.path in self.ever:
            return self.download(self.ever[request.path], request)
        return super().route(method, request)


@caught_by("row-102-delete-a-final")
class FinalsCannotBeDeleted(Reference):
    def terminate(self, upload: Upload, request: Request) -> Answer:
        if upload.is_final:
            raise Refused(403)
        return super().terminate(upload, request)


@caught_by("row-103-delete-again", "row-103-delete-unknown")
class DeleteOfWhatIsGoneIs204(Reference):
    def route(self, method: str, request: Request) -> Answer:
        try:
            return super().route(method, request)
        except Refused as refused:
            if method == "DELETE" and refused.status == 404:
                return Answer(status=204)
            raise


@caught_by("row-104-delete-during-patch")
class DeletedUploadsPatchGoesOn(Reference):
    def judge_writer(self, upload: Upload, body: Body) -> None:
        if upload.writer is not body:
            raise Refused(423)


@caught_by("row-104-delete-during-patch")
class RunningPatchBringsTheUploadBack(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        try:
            return super().append(upload, request)
        finally:
            self.uploads[request.path.rpartition("/")[2]] = upload


@caught_by("row-104-delete-during-patch")
class DeleteWaitsForThePatch(Reference):
    def terminate(self, upload: Upload, request: Request) -> Answer:
        if upload.writer is not None:
            raise Refused(423)
        return super().terminate(upload, request)
