"""What is handed out: complete uploads, by a safe name, and to which pages."""

from __future__ import annotations

import re
from base64 import b64decode
from urllib.parse import quote

from tests.conformance.http_server import Answer, Request
from tests.conformance.reference.concatenation import Concatenation
from tests.conformance.reference.uploads import Refused, Upload

RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
# What a browser shows and does not run.
SHOWN = ("image/png", "image/jpeg", "text/plain")


class Downloads(Concatenation):
    origin = "http://page.example"
    methods = "POST, HEAD, PATCH, DELETE, GET, OPTIONS"
    request_fields = (
        "Authorization, Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata,"
        " Upload-Defer-Length, Upload-Concat, Upload-Checksum, Content-Type,"
        " X-HTTP-Method-Override, X-Request-ID"
    )
    answer_fields = (
        "Location, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Upload-Offset,"
        " Upload-Length, Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Expires"
    )

    def download(self, upload: Upload, request: Request) -> Answer:
        if not upload.is_complete:
            raise Refused(404)
        told = self.decoded(upload.metadata or "")
        fields = {
            "Content-Type": "application/octet-stream",
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": self.disposition(
                told.get("filename", ""), told.get("filetype", "")
            ),
        }
        answer = Answer(status=200, fields=fields, body=self.content_of(upload))
        if "Range" in request.fields:
            self.cut(answer, request.fields["Range"])
        return answer

    def decoded(self, metadata: str) -> dict[str, str]:
        pairs = [pair.partition(" ") for pair in metadata.split(",")]
        return {key: b64decode(value).decode("utf-8", "replace") for key, _, value in pairs}

    def disposition(self, name: str, kind: str) -> str:
        how = "inline" if self.is_shown(kind) else "attachment"
        name = self.last_segment(name)
        return f"{how}; {self.quoted(name)}" if name else how

    def is_shown(self, kind: str) -> bool:
        return kind in SHOWN

    def last_segment(self, name: str) -> str:
        return re.split(r"[/\\]", name)[-1]

    def quoted(self, name: str) -> str:
        """RFC 6266: what is not plain goes into filename*, and nothing that ends a string."""
        plain = re.sub(r'[^ -~]|["\\%]', "_", name)
        return f"filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"

    def cut(self, answer: Answer, asked: str) -> None:
        """RFC 9110, 14.2, for one range."""
        named = RANGE.fullmatch(asked)
        size = len(answer.body)
        if not named or named[0] == "bytes=-":
            return
        start, stop = self.bounds(named[1], named[2], size)
        if start >= stop:
            raise Refused(416)
        answer.status = 206
        answer.fields["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        answer.body = answer.body[start:stop]

    def bounds(self, first: str, last: str, size: int) -> tuple[int, int]:
        if not first:
            return max(0, size - int(last)), size
        return int(first), min(size, int(last) + 1) if last else size

    def fields_for_pages(self, request: Request) -> dict[str, str]:
        """Fetch, CORS."""
        if request.fields.get("Origin") != self.origin:
            return {}
        fields = {
            "Access-Control-Allow-Origin": self.origin,
            "Access-Control-Expose-Headers": self.answer_fields,
        }
        if request.method == "OPTIONS":
            fields["Access-Control-Allow-Methods"] = self.methods
            fields["Access-Control-Allow-Headers"] = self.request_fields
        return fields
