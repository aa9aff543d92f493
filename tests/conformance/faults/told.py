"""Answers of the extensions that do not tell the version, and what of a version is not judged."""

from __future__ import annotations

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference

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
