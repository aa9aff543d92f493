"""Finals of partial uploads."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.conformance.http_server import Answer, Request
from tests.conformance.reference.creation import Creation
from tests.conformance.reference.uploads import Refused, Upload


class Concatenation(Creation):
    extensions: tuple[str, ...] = (
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "termination",
        "checksum",
        "checksum-trailer",
        "concatenation",
        "concatenation-unfinished",
    )

    def create(self, request: Request) -> Answer:
        concat = request.fields.get("Upload-Concat") or ""
        if concat.startswith("final;"):
            return self.create_final(concat, request)
        return super().create(request)

    def create_final(self, concat: str, request: Request) -> Answer:
        self.judge_final_creation(request)
        metadata = self.metadata_of(request)
        parts = self.parts_of(concat, request)
        self.judge_unfinished(parts)
        self.judge_sum(parts)
        final = Upload(owner=self.owner_of(request), metadata=metadata, concat=concat, parts=parts)
        with self.lock:
            location = self.same_final(final) or self.keep(final, request)
        return Answer(status=201, fields={"Location": location, **self.expiry_of(final)})

    def judge_final_creation(self, request: Request) -> None:
        if "Upload-Length" in request.fields:
            raise Refused(400)
        if any(request.body):
            raise Refused(403)

    def parts_of(self, concat: str, request: Request) -> list[Upload]:
        urls = concat.removeprefix("final;").split()
        if not urls:
            raise Refused(400)
        return [self.part(url, request) for url in urls]

    def part(self, url: str, request: Request) -> Upload:
        self.judge_host(url, request)
        part = self.find(urlsplit(url).path, self.owner_of(request))
        self.judge_source(part)
        return part

    def judge_host(self, url: str, request: Request) -> None:
        host = urlsplit(url).netloc
        if host and host != request.fields.get("Host"):
            raise Refused(400)

    def judge_source(self, part: Upload) -> None:
        if part.concat != "partial":
            raise Refused(400)

    def judge_unfinished(self, parts: list[Upload]) -> None:
        allowed = "concatenation-unfinished" in self.extensions
        if not allowed and not all(part.is_complete for part in parts):
            raise Refused(400)

    def judge_sum(self, parts: list[Upload]) -> None:
        if sum(part.length or 0 for part in parts) > self.max_size:
            raise Refused(413)

    def same_final(self, final: Upload) -> str | None:
        """The Location of one made before from the same list."""
        for key, other in list(self.uploads.items()):
            if self.is_same(other, final):
                return f"/files/{key}"
        return None

    def is_same(self, one: Upload, other: Upload) -> bool:
        names = ("owner", "concat", "metadata", "parts")
        return all(getattr(one, name) == getattr(other, name) for name in names)

    def length_of(self, upload: Upload) -> int | None:
        if not upload.is_final:
            return upload.length
        lengths = [part.length for part in upload.parts]
        return None if None in lengths else sum(length or 0 for length in lengths)

    def offset_of(self, upload: Upload) -> int | None:
        if not upload.is_final:
            return len(upload.data)
        return self.length_of(upload) if upload.is_complete else None

    def content_of(self, upload: Upload) -> bytes:
        return b"".join(bytes(each.data) for each in upload.parts or [upload])
