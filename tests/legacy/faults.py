"""The reference with one fault at a time, and the checks that must see it: who asks, which
file, which upload, in which state.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from tests.conformance.http_server import Answer, Request
from tests.legacy.reference import Form, Reference, Refused, Upload

Server = TypeVar("Server", bound=type[Reference])

# A faulty server: the checks that must fail on it, and the facts that they need.
FAULTS: dict[type[Reference], tuple[tuple[str, ...], dict[str, Any]]] = {}


def caught_by(*checks: str, **facts: Any) -> Callable[[Server], Server]:
    """Registers a faulty server. Each of the checks, named without `legacy-`, must fail on it."""

    def register(server: Server) -> Server:
        FAULTS[server] = tuple(f"legacy-{name}" for name in checks), facts
        return server

    return register


# who asks


@caught_by(
    "2.0-01-chunk-without-csrf-token",
    "2.0-02-complete-without-csrf-token",
)
class NoTokenAskedFor(Reference):
    def judge_token(self, request: Request, form: Form) -> None:
        """Takes all."""


@caught_by("2.0-03-csrf-token-in-the-form")
class TokenOnlyInTheHeader(Reference):
    def judge_token(self, request: Request, form: Form) -> None:
        if not request.fields.get("X-CSRFToken"):
            raise Refused(403, "CSRF")


@caught_by(
    "2.1-00-anonymous-refused",
    "2.1-00-permissions-before-the-form",
    "2.2-00-anonymous-refused",
    "2.5-02-anonymous-refused",
)
class EverybodyMayCome(Reference):
    def check_permissions(self, form: Form) -> None:
        """Takes all."""


@caught_by(
    "2.1-00-anonymous-allowed",
    "2.5-03-anonymous-sees-all",
    "2.5-04-begun-anonymously",
    anonymous="allowed",
)
class NobodyMayCome(Reference):
    is_open = False


@caught_by("2.5-03-anonymous-sees-all", anonymous="allowed")
class NobodySeesOnlyNobodys(Reference):
    is_open = True

    def may_see(self, form: Form, upload: Upload) -> bool:
        return upload.owner == form.user


@caught_by("2.5-04-begun-anonymously", anonymous="allowed")
class NobodysUploadsAreEverybodys(Reference):
    is_open = True

    def may_see(self, form: Form, upload: Upload) -> bool:
        return super().may_see(form, upload) or not upload.owner


@caught_by("2.5-01-strangers-upload", "2.1-04-expired-strangers-upload", expire_seconds=1)
class EverybodySeesAll(Reference):
    def may_see(self, form: Form, upload: Upload) -> bool:
        return True


@caught_by("2.5-01-strangers-upload")
class StrangersAreToldThatItIsThere(Reference):
    def find(self, form: Form) -> Upload:
        if form.get("upload_id") in self.uploads:
            upload = self.uploads[form.get("upload_id")]
            if not self.may_see(form, upload):
                raise Refused(403, "not yours")
        return super().find(form)


@caught_by("2.5-01-two-users", "2.5-05-model-without-owners", has_user_field=False)
class TheFirstUserOwnsAll(Reference):
    has_user_field = True

    def may_see(self, form: Form, upload: Upload) -> bool:
        return form.user == "one"


# which file, which upload


@caught_by(
    "2.1-01-no-file",
    "2.1-01-file-of-another-name",
    "2.1-01-text-instead-of-a-file",
    "2.1-01-urlencoded-body",
    "2.1-01-raw-body",
    "2.1-01-file-before-the-upload",
    "2.1-02-validate-behind-the-file",
    "7-21-file-names-that-are-folders",
)
class MissingFileIsEmpty(Reference):
    def file_of(self, form: Form) -> bytes:
        return form.files[-1][1] if form.files else b""

    def is_file_name(self, name: str) -> bool:
        return True


@caught_by("2.1-01-last-file-counts")
class FirstFileCounts(Reference):
    def file_of(self, form: Form) -> bytes:
        super().file_of(form)
        return form.files[0][1]


@caught_by("2.1-02-validate-before-the-upload", "2.2-03-validate-behind-the-upload")
class NothingIsValidated(Reference):
    def validate(self, form: Form) -> None:
        """Takes all."""


@caught_by(
    "2.1-03-unknown-upload",
    "2.1-03-odd-upload-ids",
    "2.1-03-upload-before-the-header",
    "2.2-02-unknown-upload",
)
class UnknownUploadsAreBadRequests(Reference):
    def find(self, form: Form) -> Upload:
        try:
            return super().find(form)
        except Refused as refused:
            raise Refused(400, str(refused)) from refused


@caught_by("2.1-03-last-upload-id-counts")
class FirstUploadIdCounts(Reference):
    def find(self, form: Form) -> Upload:
        form.fields = form.fields[::-1]
        return super().find(form)


@caught_by("2.1-03-empty-upload-id")
class EmptyUploadIdIsOne(Reference):
    def names_upload(self, form: Form) -> bool:
        return any(name == "upload_id" for name, _ in form.fields)


@caught_by("2.1-03-upload-id-in-the-query", "2.4-07-no-state-to-get")
class QueryIsRead(Reference):
    def parse(self, request: Request, body: bytes) -> Form:
        form = super().parse(request, body)
        form.fields = [*form.query.items(), *form.fields]
        return form

    def other_method(self, request: Request) -> Answer:
        return self.render(200, {}) if request.method == "GET" else super().other_method(request)


@caught_by("2.1-03-each-new-upload-has-its-id")
class UnnamedChunksMeanTheLastUpload(Reference):
    def begin(self, form: Form) -> Upload:
        mine = [upload for upload in self.uploads.values() if upload.owner == form.user]
        return mine[-1] if mine and not mine[-1].is_complete else super().begin(form)


@caught_by("2.1-03-any-file-name")
class PlainFileNamesOnly(Reference):
    def is_file_name(self, name: str) -> bool:
        return bool(re.fullmatch(r"[a-z.]{1,255}", name))


# state


@caught_by(
    "2.1-04-expired",
    "2.1-04-expired-before-complete",
    "2.1-04-expired-before-the-header",
    expire_seconds=1,
)
class NothingExpires(Reference):
    def judge_state(self, upload: Upload) -> None:
        upload.created = datetime.now(UTC)
        super().judge_state(upload)


@caught_by("2.1-04-expired-before-complete", expire_seconds=1)
class CompleteBeforeExpired(Reference):
    def judge_state(self, upload: Upload) -> None:
        if upload.is_complete:
            raise Refused(400, 'Upload has already been marked as "complete"')
        super().judge_state(upload)


@caught_by("2.2-09-expired", expire_seconds=1)
class ExpiredUploadsDoNotComplete(Reference):
    def finish(self, upload: Upload, form: Form) -> Answer:
        self.judge_state(upload)
        return super().finish(upload, form)


@caught_by(
    "2.1-05-complete",
    "2.1-05-complete-before-the-header",
    "2.2-04-again",
    "2.2-06-complete",
    "2.2-07-error-of-on-completion",
)
class CompleteUploadsStayOpen(Reference):
    def judge_state(self, upload: Upload) -> None:
        """Takes all."""
