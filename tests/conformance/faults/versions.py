"""Faults of versions, of discovery and of the method override."""

from __future__ import annotations

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload

_OF_EVERY_METHOD = (
    "row-002-post-with-unknown-version",
    "row-004-patch-with-unknown-version",
    "row-004-refused-version-then-right-one",
    "row-005-head-with-unknown-version",
    "row-006-delete-with-unknown-version",
)


@caught_by("row-001-version-in-every-answer")
class VersionNotToldBy404(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if answer.status == 404:
            del answer.fields["Tus-Resumable"]
        return answer


@caught_by("row-001-version-in-refused-methods")
class VersionNotToldBy405(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if answer.status == 405:
            del answer.fields["Tus-Resumable"]
        return answer


@caught_by("row-001-version-in-downloads")
class VersionNotToldByDownloads(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if self.method_of(request) == "GET":
            del answer.fields["Tus-Resumable"]
        return answer


@caught_by("row-017-head-is-200", "row-019-length-is-told")
class FieldsToldTwice(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.fields["upload-offset"] = answer.fields.get("Upload-Offset", "0")
        return answer


@caught_by("row-036-unknown-upload", "row-020-unknown-upload")
class UnknownUploadIsAServerError(Reference):
    def find(self, path: str, owner: str) -> Upload:
        try:
            return super().find(path, owner)
        except Refused:
            raise Refused(500) from None


@caught_by("row-003-post-without-version", *_OF_EVERY_METHOD)
class AnyVersionTaken(Reference):
    def judge_version(self, method: str, request: Request) -> None:
        """Whatever it is."""


@caught_by("row-003-post-without-version", "row-004-patch-without-version")
class MissingVersionTaken(Reference):
    def judge_version(self, method: str, request: Request) -> None:
        if "Tus-Resumable" in request.fields:
            super().judge_version(method, request)


@caught_by("row-005-head-with-unknown-version")
class HeadsOfAnyVersion(Reference):
    def judge_version(self, method: str, request: Request) -> None:
        if method != "HEAD":
            super().judge_version(method, request)


@caught_by("row-003-post-without-version", *_OF_EVERY_METHOD)
class VersionsNotToldBy412(Reference):
    def judge_version(self, method: str, request: Request) -> None:
        try:
            super().judge_version(method, request)
        except Refused:
            raise Refused(412) from None


@caught_by("row-003-post-without-version", *_OF_EVERY_METHOD)
class WrongVersionIs400(Reference):
    def judge_version(self, method: str, request: Request) -> None:
        try:
            super().judge_version(method, request)
        except Refused:
            raise Refused(400, Tus_Version="1.0.0") from None


class _VersionJudgedLast(Reference):
    late: str

    def judge_version(self, method: str, request: Request) -> None:
        if method != self.late:
            super().judge_version(method, request)

    def act(self, method: str, upload: Upload, request: Request) -> Answer:
        answer = super().act(method, upload, request)
        if method == self.late:
            super().judge_version("", request)
        return answer


@caught_by(
    "row-004-patch-with-unknown-version",
    "row-004-refused-version-then-right-one",
    "row-036-order-of-judgement",
)
class PatchOfAWrongVersionStored(_VersionJudgedLast):
    late = "PATCH"


@caught_by("row-006-delete-with-unknown-version")
class DeleteOfAWrongVersionCarriedOut(_VersionJudgedLast):
    late = "DELETE"


class _Options(Reference):
    told: dict[str, str]

    def options(self, request: Request) -> Answer:
        answer = super().options(request)
        answer.fields |= self.told
        return answer


@caught_by("row-007-versions-as-comma-list")
class VersionsWithSpaces(_Options):
    told = {"Tus-Version": "1.0.0, 0.2.2"}


@caught_by("row-007-versions-as-comma-list", "row-008-options-without-version")
class OwnVersionNotListed(_Options):
    told = {"Tus-Version": "0.2.2"}


@caught_by("row-011-extensions-as-comma-list")
class ExtensionsWithSpaces(_Options):
    told = {"Tus-Extension": ", ".join(Reference.extensions)}


@caught_by("row-011-extensions-as-comma-list")
class ExtensionToldTwice(_Options):
    told = {"Tus-Extension": ",".join((*Reference.extensions, "creation"))}


@caught_by("row-011-extensions-as-comma-list")
class UnfinishedWithoutConcatenation(Reference):
    extensions = tuple(name for name in Reference.extensions if name != "concatenation")


@caught_by("row-011-extensions-as-comma-list")
class AlgorithmsWithoutChecksums(_Options):
    extensions = ("creation",)
    told = {"Tus-Checksum-Algorithm": "sha1"}


@caught_by("row-012-max-size-is-a-number")
class MaxSizeInWords(_Options):
    told = {"Tus-Max-Size": "4 MB"}


@caught_by("row-008-options-is-200-and-empty")
class OptionsAre204(Reference):
    def options(self, request: Request) -> Answer:
        answer = super().options(request)
        answer.status = 204
        return answer


@caught_by("row-008-options-is-200-and-empty")
class OptionsHaveABody(Reference):
    def options(self, request: Request) -> Answer:
        answer = super().options(request)
        answer.body = b'{"Tus-Version": "1.0.0"}'
        return answer


@caught_by("row-008-options-without-version")
class OptionsAskForAVersion(Reference):
    def options(self, request: Request) -> Answer:
        self.judge_version("OPTIONS", request)
        return super().options(request)


@caught_by("row-009-options-ignores-version")
class OptionsRefuseOtherVersions(Reference):
    def options(self, request: Request) -> Answer:
        if "Tus-Resumable" in request.fields:
            self.judge_version("OPTIONS", request)
        return super().options(request)


@caught_by("row-010-options-on-an-upload", "row-010-options-without-login")
class OptionsOfUploadsTellLess(Reference):
    def options(self, request: Request) -> Answer:
        answer = super().options(request)
        if not self.is_creation_path(request.path):
            del answer.fields["Tus-Extension"]
        return answer


@caught_by("row-010-options-without-login")
class OptionsAskWhoIsThere(Reference):
    def options(self, request: Request) -> Answer:
        if not self.owner_of(request):
            raise Refused(401)
        return super().options(request)


@caught_by("row-010-options-without-login")
class OptionsLookForTheUpload(Reference):
    def options(self, request: Request) -> Answer:
        if not self.is_creation_path(request.path):
            self.find(request.path, self.owner_of(request))
        return super().options(request)


@caught_by(
    "row-013-post-as-patch",
    "row-014-post-as-delete",
    "row-015-get-as-head",
    "row-015-put-as-patch",
    "row-016-lower-case-override",
    "row-113-patch-of-a-final-by-override",
)
class OverrideIgnored(Reference):
    def method_of(self, request: Request) -> str:
        return request.method


@caught_by(
    "row-015-delete-as-head", "row-015-get-as-head", "row-015-get-as-post", "row-015-put-as-patch"
)
class OverrideOfPostOnly(Reference):
    def method_of(self, request: Request) -> str:
        return super().method_of(request) if request.method == "POST" else request.method


@caught_by("row-014-post-as-delete", "row-015-delete-as-head", "row-015-get-as-head")
class OverrideToPatchOnly(Reference):
    def method_of(self, request: Request) -> str:
        told = super().method_of(request)
        return told if told == "PATCH" else request.method


@caught_by("row-015-get-as-head")
class OverriddenHeadHasABody(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.body = b"offset"
        return answer


@caught_by("row-016-lower-case-override")
class OverrideInCapitalsOnly(Reference):
    def method_of(self, request: Request) -> str:
        return request.fields.get("X-HTTP-Method-Override") or request.method


@caught_by("row-016-unknown-override")
class UnknownOverrideIsAPatch(Reference):
    def method_of(self, request: Request) -> str:
        told = super().method_of(request)
        return "PATCH" if told == "FOO" else told


@caught_by("row-016-unknown-override", "row-130-put")
class AllowNotTold(Reference):
    def refusal(self, refused: Refused, method: str, request: Request) -> Answer:
        refused.fields.pop("Allow", None)
        return super().refusal(refused, method, request)
