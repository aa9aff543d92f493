"""A tus 1.0.0 server in memory that is right about every row of the table.

The checks are tried on it, and on it with one fault at a time: each rule is a method of its own, so
that a fault is a subclass that overrides one. Each module adds a concern to the class of the one
before. It is no model for a real server: it keeps every byte in memory.
"""

from __future__ import annotations

from tests.conformance.http_server import Answer, Request
from tests.conformance.reference.downloads import Downloads
from tests.conformance.reference.uploads import OFFSET_TYPE, Refused, Upload

__all__ = ["OFFSET_TYPE", "Reference", "Refused", "Upload"]

METHODS = ("POST", "HEAD", "PATCH", "GET", "DELETE")


class Reference(Downloads):
    """One server's uploads; `answer` is the whole of it."""

    def answer(self, request: Request) -> Answer:
        method = self.method_of(request)
        try:
            answer = self.route(method, request)
        except Refused as refused:
            answer = self.refusal(refused, method, request)
        answer.fields |= {"Tus-Resumable": "1.0.0", **self.fields_for_pages(request)}
        if method == "HEAD":
            answer.fields["Cache-Control"] = "no-store"
        return answer

    def method_of(self, request: Request) -> str:
        return (request.fields.get("X-HTTP-Method-Override") or request.method).upper()

    def route(self, method: str, request: Request) -> Answer:
        if method == "OPTIONS":
            return self.options(request)
        if method not in METHODS:
            raise Refused(405, Allow=f"OPTIONS,{','.join(METHODS)}")
        self.judge_version(method, request)
        if self.is_creation_path(request.path) and method == "POST":
            return self.create(request)
        upload = self.find(request.path, self.owner_of(request))
        return self.act(method, upload, request)

    def act(self, method: str, upload: Upload, request: Request) -> Answer:
        if method == "HEAD":
            return self.head(upload, request)
        if method == "PATCH":
            return self.append(upload, request)
        if method == "GET":
            return self.download(upload, request)
        if method == "DELETE":
            return self.terminate(upload, request)
        raise Refused(405, Allow="OPTIONS,HEAD,PATCH,GET,DELETE")

    def is_creation_path(self, path: str) -> bool:
        return path in ("/files", "/files/")

    def judge_version(self, method: str, request: Request) -> None:
        if request.fields.get("Tus-Resumable") != "1.0.0":
            raise Refused(412, Tus_Version="1.0.0")

    def refusal(self, refused: Refused, method: str, request: Request) -> Answer:
        fields = {"Content-Type": "text/plain", **refused.fields}
        if method == "PATCH":
            fields |= self.expiry_of_refusal(request)
        return Answer(status=refused.status, fields=fields, body=b"refused")

    def expiry_of_refusal(self, request: Request) -> dict[str, str]:
        try:
            return self.expiry_of(self.find(request.path, self.owner_of(request)))
        except Refused:
            return {}

    def options(self, request: Request) -> Answer:
        fields = {"Tus-Version": "1.0.0", "Tus-Extension": ",".join(self.extensions)}
        fields["Tus-Max-Size"] = str(self.max_size)
        if "checksum" in self.extensions:
            fields["Tus-Checksum-Algorithm"] = self.algorithms
        return Answer(status=200, fields=fields)

    def head(self, upload: Upload, request: Request) -> Answer:
        fields = self.expiry_of(upload)
        length, offset = self.length_of(upload), self.offset_of(upload)
        if offset is not None:
            fields["Upload-Offset"] = str(offset)
        if length is not None:
            fields["Upload-Length"] = str(length)
        elif not upload.is_final:
            fields["Upload-Defer-Length"] = "1"
        if upload.metadata is not None:
            fields["Upload-Metadata"] = upload.metadata
        if upload.concat is not None:
            fields["Upload-Concat"] = upload.concat
        return Answer(status=200, fields=fields)
