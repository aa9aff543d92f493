"""The reference with one fault at a time, and the checks that must see it: answers, and
connections that break.
"""

from __future__ import annotations

from datetime import timedelta

from tests.conformance.http_server import Answer, Request
from tests.legacy.faults import caught_by
from tests.legacy.reference import Form, Reference, Refused, Span, Upload


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
