"""The reference with one fault at a time, and the checks that must see it: Content-Range, and
what is stored.
"""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager, nullcontext

from tests.legacy.faults import caught_by
from tests.legacy.reference import Form, Reference, Refused, Span, Upload


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
        time.sleep(0.3)
        super().store(upload, span, chunk, form)

    def on_completion(self, form: Form) -> None:
        time.sleep(0.3)


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
