"""Faults that the checks of real servers brought up."""

from __future__ import annotations

import time

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Upload

_CHECK = "row-001-version-in-every-answer"


class _Untold(Reference):
    def is_untold(self, request: Request, answer: Answer) -> bool:
        raise NotImplementedError

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if self.is_untold(request, answer):
            answer.fields.pop("Tus-Resumable", None)
        return answer


@caught_by(_CHECK)
class VersionNotToldByRefusedCreations(_Untold):
    def is_untold(self, request: Request, answer: Answer) -> bool:
        return request.method == "POST" and answer.status == 413


@caught_by(_CHECK)
class VersionNotToldByDeletes(_Untold):
    def is_untold(self, request: Request, answer: Answer) -> bool:
        return request.method == "DELETE" and answer.status == 204


@caught_by(_CHECK)
class VersionNotToldByMismatches(_Untold):
    def is_untold(self, request: Request, answer: Answer) -> bool:
        return answer.status == 460


@caught_by(_CHECK)
class VersionNotToldOfFinals(_Untold):
    def is_untold(self, request: Request, answer: Answer) -> bool:
        return answer.status == 403


@caught_by(_CHECK)
class VersionNotToldToWrongOnes(_Untold):
    def is_untold(self, request: Request, answer: Answer) -> bool:
        return answer.status == 412


@caught_by(_CHECK)
class AnotherVersionTold(Reference):
    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        answer.fields["Tus-Resumable"] = "1.0"
        return answer


@caught_by(
    "row-044-silence-holds-up-no-head",
    "row-017-head-leaves-a-running-patch-alone",
    timeout_seconds=4,
)
class HeadWaitsForTheWriter(Reference):
    read_timeout_seconds = 10

    def head(self, upload: Upload, request: Request) -> Answer:
        deadline = time.monotonic() + 1.5
        while upload.writer is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        return super().head(upload, request)
