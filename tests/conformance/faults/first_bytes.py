"""Faults of creations that bring bytes, and of those that ask before they send them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Body, Request
from tests.conformance.reference import Reference, Refused, Upload
from tests.conformance.reference.checksums import Checksum


@caught_by(
    "row-078-whole-body",
    "row-078-chunked-body",
    "row-079-part-then-patch",
    "row-084-deferred-length-without-bytes",
    "row-098-checksum-on-a-creation",
)
class CreationTellsNoOffset(Reference):
    def store_first(self, upload: Upload, request: Request) -> dict[str, str]:
        super().store_first(upload, request)
        return {}


@caught_by("row-078-whole-body", "row-078-chunked-body", "row-079-part-then-patch")
class FirstBytesIgnored(Reference):
    def store_first(self, upload: Upload, request: Request) -> dict[str, str]:
        return {}


@caught_by("row-078-chunked-body")
class ChunkedFirstBytesIgnored(Reference):
    def store_first(self, upload: Upload, request: Request) -> dict[str, str]:
        return {} if request.body.is_chunked else super().store_first(upload, request)


@caught_by("row-079-part-then-patch")
class FirstBytesHaveToBeAll(Reference):
    def store_first(self, upload: Upload, request: Request) -> dict[str, str]:
        fields = super().store_first(upload, request)
        if fields and not upload.is_complete and upload.length is not None:
            raise Refused(400)
        return fields


@caught_by("row-079-type-without-bytes", "row-084-deferred-length-without-bytes")
class TypeWithoutBytesRefused(Reference):
    def store_first(self, upload: Upload, request: Request) -> dict[str, str]:
        if self.is_offset_type(request) and request.body.length == 0:
            raise Refused(400)
        return super().store_first(upload, request)


@caught_by("row-084-deferred-length-without-bytes")
class OffsetOfNoBytesNotTold(Reference):
    def store_first(self, upload: Upload, request: Request) -> dict[str, str]:
        fields = super().store_first(upload, request)
        return fields if upload.data else {}


@caught_by(
    "row-081-expect-100-continue", "row-081-expect-100-continue-on-patch", timeout_seconds=0.5
)
class ContinueNeverSaid(Reference):
    def answer(self, request: Request) -> Answer:
        request.body.go_on = None
        return super().answer(request)


@caught_by(
    "row-081-no-100-before-a-refusal",
    "row-082-expect-over-the-limit",
    "row-082-expect-with-too-many-bytes",
)
class ContinueSaidAtOnce(Reference):
    def answer(self, request: Request) -> Answer:
        if request.body.go_on is not None:
            request.body.go_on()
            request.body.go_on = None
        return super().answer(request)


class _Whole(Body):
    """A body that was read."""

    def __init__(self, body: Body) -> None:
        self._pieces = list(body)
        self.__dict__ |= body.__dict__

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


@caught_by(
    "row-081-no-100-before-a-refusal",
    "row-082-expect-over-the-limit",
    "row-082-expect-with-too-many-bytes",
)
class BodyReadBeforeItIsJudged(Reference):
    read_timeout_seconds = 1

    def route(self, method: str, request: Request) -> Answer:
        return super().route(method, replace(request, body=_Whole(request.body)))


@caught_by("row-084-deferred-length-over-the-limit", "row-075-body-over-the-limit")
class BodyOverTheLimitIs400(Reference):
    def judge_body(self, upload: Upload, request: Request, length: int | None) -> Checksum | None:
        if length is None and (request.body.length or 0) > self.room(upload, length):
            raise Refused(400)
        return super().judge_body(upload, request, length)


@caught_by("row-083-body-of-another-type")
class BodyOfAnotherTypeIgnored(Reference):
    def judge_other_body(self, request: Request) -> None:
        """Whatever it is."""


@caught_by("row-083-body-of-another-type")
class BodyOfAnotherTypeIs400(Reference):
    def judge_other_body(self, request: Request) -> None:
        if request.body.length or request.body.is_chunked:
            raise Refused(400)


@caught_by(
    "row-084-deferred-length-with-bytes",
    "row-084-deferred-length-with-a-chunked-body",
    "row-084-deferred-length-without-bytes",
)
class DeferredCreationTakesNoBytes(Reference):
    def store_first(self, upload: Upload, request: Request) -> dict[str, str]:
        return super().store_first(upload, request) if upload.length is not None else {}
