"""The reference with one fault at a time, and the checks that must see it: the upload view."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tests.conformance.http_server import Answer, Request
from tests.legacy.reference import Form, Reference, Refused, Span, Upload

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


# Content-Range


@caught_by(
    "2.1-06-no-header-refused",
    "2.1-06-no-header-on-a-later-chunk",
    "2.1-06-header-before-the-limit",
    fail_if_no_header=True,
    max_bytes=1000,
)
class HeaderNeverAskedFor(Reference):
    fail_if_no_header = False
    max_bytes = 1000

    def span_of(self, form: Form, chunk: bytes) -> Span:
        self.fail_if_no_header = False
        return super().span_of(form, chunk)


@caught_by(
    "2.1-07-size-over-limit",
    "2.1-07-whole-file-over-limit",
    "2.1-07-limit-on-each-chunk",
    "2.1-07-limit-before-the-offset",
    "7-04-chunk-larger-than-its-total",
    "7-04-many-chunks-over-the-limit",
    max_bytes=1000,
)
class NoLimit(Reference):
    def judge_limit(self, upload: Upload, span: Span, chunk: bytes) -> None:
        """Takes all."""


@caught_by("2.1-07-size-of-the-limit", max_bytes=1000)
class LimitIsTooMuch(Reference):
    def judge_limit(self, upload: Upload, span: Span, chunk: bytes) -> None:
        if self.max_bytes == span.total:
            raise Refused(400, f"Size of file exceeds the limit ({self.max_bytes} bytes)")
        super().judge_limit(upload, span, chunk)


@caught_by(
    "2.1-08-offset-behind",
    "2.1-08-offset-ahead",
    "2.1-08-first-chunk-not-at-zero",
    "2.1-08-offset-before-the-size",
    "2.1-13-refusals-change-nothing",
    "2.3-02-malformed-on-a-later-chunk",
    "2.3-03-no-header-on-a-later-chunk",
    "2.3-06-start-beyond-64-bits",
    "2.4-10-aborted-chunk-arrives",
    "7-01-identical-chunks-at-once",
    "7-01-overlapping-chunks-at-once",
    "7-01-many-chunks-at-once",
)
class AnyOffset(Reference):
    def judge_offset(self, upload: Upload, span: Span) -> None:
        """Takes all."""

    def store(self, upload: Upload, span: Span, chunk: bytes, form: Form) -> None:
        span.start = upload.offset
        super().store(upload, span, chunk, form)


@caught_by("2.1-08-offset-before-the-size")
class SizeBeforeTheOffset(Reference):
    def judge_offset(self, upload: Upload, span: Span) -> None:
        """Too late."""

    def judge_total(self, upload: Upload, span: Span) -> None:
        super().judge_offset(upload, span)


@caught_by(
    "2.1-09-size-differs",
    "2.3-07-end-beyond-64-bits",
    "2.3-09-end-before-the-start",
)
class AnySize(Reference):
    def judge_size(self, span: Span, chunk: bytes) -> None:
        """Takes all."""


@caught_by("2.1-10-chunks", "2.1-10-large-chunks", "2.4-01-success", "9-11-range-where-sent")
class LaterChunksAreSpoilt(Reference):
    def store(self, upload: Upload, span: Span, chunk: bytes, form: Form) -> None:
        is_first = upload.offset == 0
        super().store(upload, span, chunk if is_first else chunk[:-1] + b"?"[: len(chunk)], form)

    def range_field(self, upload: Upload) -> dict[str, str]:
        return {"Range": f"bytes=0-{upload.offset}"}


@caught_by(
    "2.1-15-end-behind-the-total",
    "2.1-15-total-changes",
    "2.1-15-more-than-the-total",
)
class TotalsAreJudged(Reference):
    strict_totals = True


@caught_by("2.1-14-other-file-name-later")
class OtherNameIsAnotherFile(Reference):
    def is_file_name(self, name: str) -> bool:
        return name != "blob"


@caught_by("2.3-01-malformed-on-a-first-chunk")
class AnyCaseOfBytes(Reference):
    def match(self, content_range: str) -> re.Match[str] | None:
        return super().match(content_range.lower())


@caught_by(
    "2.3-01-malformed-on-a-first-chunk",
    "2.3-03-no-header",
    "2.3-03-empty-file-without-header",
)
class HeaderAlwaysAskedFor(Reference):
    fail_if_no_header = True


@caught_by("2.3-04-leading-zeros", "2.3-06-start-beyond-64-bits", "2.3-07-end-beyond-64-bits")
class ShortNumbersOnly(Reference):
    def match(self, content_range: str) -> re.Match[str] | None:
        match = super().match(content_range)
        is_plain = match and all(re.fullmatch(r"0|[1-9]\d{0,15}", n) for n in match.groups())
        return match if is_plain else None


@caught_by("2.3-05-empty-chunk", "2.2-15-empty-file", "2.3-03-empty-file-without-header")
class EmptyChunksRefused(Reference):
    def judge_size(self, span: Span, chunk: bytes) -> None:
        super().judge_size(span, chunk)
        if not chunk:
            raise Refused(400, "the chunk is empty")


@caught_by("2.3-08-total-beyond-64-bits")
class TotalsAreColumns(Reference):
    def judge_total(self, upload: Upload, span: Span) -> None:
        if span.total >= 2**63:
            raise Refused(400, "the total is too large")


@caught_by("7-06-long-numbers", "7-06-long-numbers-on-a-later-chunk")
class LongNumbersCrash(Reference):
    def span_of(self, form: Form, chunk: bytes) -> Span:
        if len(form.content_range or "") > 4300:
            raise Refused(500, "crashed")
        return super().span_of(form, chunk)


@caught_by("7-20-total-changes", "7-20-two-files-in-one-upload", strict_totals=True)
class TotalsAreForgotten(Reference):
    def judge_total(self, upload: Upload, span: Span) -> None:
        """Takes all."""


@caught_by("7-02-bytes-of-a-failed-save")
class AppendsAtTheEnd(Reference):
    def store(self, upload: Upload, span: Span, chunk: bytes, form: Form) -> None:
        upload.data += chunk
        if form.get("fail") == "save":
            raise Refused(400, "not saved")
        upload.offset += len(chunk)
        self.uploads[upload.upload_id] = upload


@caught_by(
    "7-01-identical-chunks-at-once",
    "7-01-overlapping-chunks-at-once",
    "7-01-many-chunks-at-once",
    "7-03-complete-at-once",
)
class NoLock(Reference):
    def lock(self) -> AbstractContextManager[object]:
        return nullcontext()

    def store(self, upload: Upload, span: Span, chunk: bytes, form: Form) -> None:
        time.sleep(0.02)
        super().store(upload, span, chunk, form)

    def on_completion(self, form: Form) -> None:
        time.sleep(0.02)


@caught_by("9-01-repeated-chunk", "9-02-repeated-completion", accept_repeats=True)
class RepeatsRefused(Reference):
    @property
    def accept_repeats(self) -> bool:  # type: ignore[override]
        return False

    @accept_repeats.setter
    def accept_repeats(self, value: bool) -> None:
        """Stays as it is."""


@caught_by("9-01-repeated-chunk", accept_repeats=True)
class OtherBytesAreRepeats(Reference):
    def is_repeat(self, upload: Upload, span: Span, chunk: bytes) -> bool:
        return bool(chunk) and span.start + len(chunk) == upload.offset


# answers


@caught_by("2.4-01-success", "2.4-02-form-of-expires", "2.4-02-expires-in-utc")
class ExpiresInSeconds(Reference):
    def expires(self, upload: Upload) -> str:
        return str(upload.created.timestamp())

    def range_field(self, upload: Upload) -> dict[str, str]:
        return {"Range": "bytes=0-0"}


@caught_by("2.4-02-expires-in-utc", "2.4-03-life-of-an-upload")
class ExpiresWithoutZone(Reference):
    def expires(self, upload: Upload) -> str:
        return super().expires(upload).replace("Z", "")


@caught_by("2.4-02-expires-without-zone", use_tz=False)
class ExpiresWithZone(Reference):
    def expires(self, upload: Upload) -> str:
        return super().expires(upload) + "Z"


@caught_by("2.4-03-expires-stays")
class ExpiresMoves(Reference):
    def store(self, upload: Upload, span: Span, chunk: bytes, form: Form) -> None:
        upload.created += timedelta(seconds=1)
        super().store(upload, span, chunk, form)


@caught_by("2.4-03-life-of-an-upload")
class AnotherLife(Reference):
    def expires(self, upload: Upload) -> str:
        upload.created += timedelta(days=1)
        try:
            return super().expires(upload)
        finally:
            upload.created -= timedelta(days=1)


@caught_by("2.4-04-errors", "2.1-01-no-file")
class ErrorsTellMore(Reference):
    def refuse(self, refused: Refused) -> Answer:
        return self.render(refused.status, {**refused.data, "status": refused.status})


@caught_by("7-18-not-found-as-json")
class PageForNotFound(Reference):
    def refuse(self, refused: Refused) -> Answer:
        if refused.status == 404:
            return Answer(status=404, fields={"Content-Type": "text/html"}, body=b"<h1>")
        return super().refuse(refused)


@caught_by("2.4-05-other-methods", "2.4-06-options", "2.4-06-no-cors")
class AnyMethod(Reference):
    def options(self) -> Answer:
        return Answer(status=200, fields={"Access-Control-Allow-Origin": "*"}, body=b"hello")

    def other_method(self, request: Request) -> Answer:
        return Answer(status=404)


# broken connections


@caught_by(
    "2.4-08-closed-in-mid-chunk",
    "2.4-08-reset-in-mid-chunk",
    "2.4-08-half-closed-in-mid-chunk",
)
class HalfAChunkIsKept(Reference):
    def read(self, request: Request) -> bytes | None:
        return b"".join(request.body)

    def judge_size(self, span: Span, chunk: bytes) -> None:
        """Takes all."""


@caught_by("2.4-08-broken-behind-the-form-fields", "2.4-09-broken-first-chunk")
class BreaksCloseTheServer(Reference):
    """An upload whose chunk broke is lost, and so is whatever comes next."""

    is_broken = False

    def read(self, request: Request) -> bytes | None:
        body = super().read(request)
        self.is_broken = self.is_broken or body is None
        return None if self.is_broken else body


@caught_by("2.4-11-chunk-that-hangs")
class HangingChunksHoldTheLock(Reference):
    def answer(self, request: Request) -> Answer:
        with self._lock:
            return super().answer(request)
