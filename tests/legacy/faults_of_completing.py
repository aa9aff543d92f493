"""The reference with one fault at a time, and the checks that must see it: the complete view."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.conformance.http_server import Answer, Request
from tests.legacy.faults import caught_by
from tests.legacy.reference import Form, Reference, Refused, Upload


@caught_by("2.2-01-both-fields-needed", "2.2-01-fields-before-the-upload", "2.2-14-json-body")
class OnlyTheIdIsNeeded(Reference):
    def judge_fields(self, form: Form) -> None:
        if not form.get("upload_id"):
            raise Refused(400, "'upload_id' is required")


@caught_by("2.2-01-id-needed", do_md5_check=False)
class BothAreAlwaysNeeded(Reference):
    def judge_fields(self, form: Form) -> None:
        if not (form.get("upload_id") and form.get("md5")):
            raise Refused(400, "Both 'upload_id' and 'md5' are required")


@caught_by("2.2-11-md5-not-looked-at", do_md5_check=False)
class Md5AlwaysLookedAt(Reference):
    def judge_md5(self, upload: Upload, form: Form) -> None:
        if hashlib.md5(upload.data).hexdigest() != form.get("md5"):
            raise Refused(400, "md5 checksum does not match")


@caught_by("2.2-03-validate-behind-the-upload")
class ValidatedBeforeTheUpload(Reference):
    def judge_fields(self, form: Form) -> None:
        super().judge_fields(form)
        self.validate(form)


@caught_by(
    "2.2-05-md5-differs",
    "2.2-05-chunks-after-a-wrong-md5",
    "2.2-12-md5-in-upper-case",
    "2.2-12-blanks-around-the-md5",
)
class NoMd5LookedAt(Reference):
    def judge_md5(self, upload: Upload, form: Form) -> None:
        """Takes all."""


@caught_by("2.2-05-md5-differs", "2.2-05-chunks-after-a-wrong-md5")
class WrongMd5ClosesTheUpload(Reference):
    def judge_md5(self, upload: Upload, form: Form) -> None:
        try:
            super().judge_md5(upload, form)
        except Refused:
            upload.is_complete = upload.is_confirmed = True
            raise


@caught_by("2.2-12-md5-in-upper-case", "2.2-12-blanks-around-the-md5")
class Md5IsTidied(Reference):
    def judge_md5(self, upload: Upload, form: Form) -> None:
        tidy = form.get("md5").strip().lower()
        super().judge_md5(upload, Form(form.user, None, {}, [("md5", tidy)]))


@caught_by("2.2-10-bytes-missing")
class TotalIsNeeded(Reference):
    def judge_md5(self, upload: Upload, form: Form) -> None:
        super().judge_md5(upload, form)
        if upload.offset < upload.total:
            raise Refused(400, "bytes are missing")


@caught_by("2.2-08-empty-answer")
class CompletionTellsMore(Reference):
    def data_of_completion(self, upload: Upload) -> dict[str, Any]:
        return {"upload_id": upload.upload_id}


@caught_by("2.2-08-answer", "2.2-08-empty-answer")
class CompletionIsAPage(Reference):
    def complete(self, form: Form) -> Answer:
        answer = super().complete(form)
        answer.fields["Content-Type"] = "text/html"
        return answer


@caught_by("2.2-14-forms")
class MultipartIsNotRead(Reference):
    def parse(self, request: Request, body: bytes) -> Form:
        form = super().parse(request, body)
        if request.path.startswith("/complete/") and body.startswith(b"--"):
            form.fields = []
        return form


@caught_by("7-03-complete-again", "7-03-complete-again-with-a-wrong-md5", "7-03-complete-at-once")
class CompletesAgain(Reference):
    def finish(self, upload: Upload, form: Form) -> Answer:
        upload.is_confirmed = False
        return super().finish(upload, form)


@caught_by("7-10-complete-after-on-completion-failed")
class ConfirmedBeforeOnCompletion(Reference):
    def on_completion(self, form: Form) -> None:
        for upload in self.uploads.values():
            upload.is_confirmed = upload.is_complete
        super().on_completion(form)


@caught_by("7-10-complete-after-on-completion-failed")
class OnCompletionIsNotCalled(Reference):
    def on_completion(self, form: Form) -> None:
        """Does nothing."""


@caught_by("2.2-07-error-of-on-completion")
class CompleteOnlyWhenConfirmed(Reference):
    def on_completion(self, form: Form) -> None:
        try:
            super().on_completion(form)
        except Refused:
            self.uploads[form.get("upload_id")].is_complete = False
            raise


@caught_by("9-02-repeated-completion-with-a-wrong-md5", accept_repeats=True)
class AnyRepeatOfACompletion(Reference):
    def judge_md5(self, upload: Upload, form: Form) -> None:
        if not upload.is_confirmed:
            super().judge_md5(upload, form)


@caught_by("9-02-repeated-completion", accept_repeats=True)
class AnotherAnswerToTheRepeat(Reference):
    def finish(self, upload: Upload, form: Form) -> Answer:
        is_again = upload.is_confirmed
        answer = super().finish(upload, form)
        return self.render(200, {"again": True}) if is_again else answer
