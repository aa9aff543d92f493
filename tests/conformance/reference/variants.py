"""Servers that are right as well, with other choices."""

from __future__ import annotations

from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload


def without(*left_out: str) -> tuple[str, ...]:
    """The extensions but these."""
    return tuple(name for name in Reference.extensions if name not in left_out)


class FinishedOnly(Reference):
    """Partials have to be complete before their final."""

    extensions = without("concatenation-unfinished")


class Modest(FinishedOnly):
    """Its HTTP server drops trailers, and there is no limit to be told."""

    extensions = without("concatenation-unfinished", "checksum-trailer")
    max_size = 2**62

    def is_promised(self, request: Request) -> bool:
        return False

    def options(self, request: Request) -> Answer:
        answer = super().options(request)
        del answer.fields["Tus-Max-Size"]
        return answer


class Tight(Reference):
    """Uploads are small."""

    max_size = 1000


class Core(Reference):
    """Uploads can be created, and that is all."""

    extensions = ("creation",)


class ShortLived(Reference):
    """Unfinished uploads are kept for a second."""

    life_seconds = 1.0


class JoinedInTheBackground(Reference):
    """The first look at a final comes too early."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: set[Upload] = set()

    def download(self, upload: Upload, request: Request) -> Answer:
        if upload.is_final and upload.is_complete and upload not in self.looked_at:
            self.looked_at.add(upload)
            raise Refused(503, Retry_After="1")
        return super().download(upload, request)
