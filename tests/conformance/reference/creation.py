"""What makes an upload, and what it may be told."""

from __future__ import annotations

import binascii
from base64 import b64decode
from email.message import Message

from tests.conformance.http_server import Answer, Request
from tests.conformance.reference.appending import Appending
from tests.conformance.reference.uploads import Refused, Upload


class Creation(Appending):
    def create(self, request: Request) -> Answer:
        concat = request.fields.get("Upload-Concat")
        self.judge_concat(concat)
        upload = Upload(
            owner=self.owner_of(request),
            length=self.length_of_creation(request.fields),
            metadata=self.metadata_of(request),
            concat=concat,
        )
        fields = self.store_first(upload, request)
        location = self.keep(upload, request)
        return Answer(status=201, fields={"Location": location, **fields, **self.expiry_of(upload)})

    def judge_concat(self, concat: str | None) -> None:
        if concat not in (None, "partial"):
            raise Refused(400)

    def length_of_creation(self, fields: Message) -> int | None:
        deferral, length = fields.get("Upload-Defer-Length"), fields.get("Upload-Length")
        self.judge_deferral(deferral, length)
        if length is None:
            return None
        value = self.number(length)
        self.judge_length(value)
        return value

    def judge_deferral(self, deferral: str | None, length: str | None) -> None:
        if deferral not in (None, "1") or (deferral is None) == (length is None):
            raise Refused(400)

    def judge_length(self, length: int) -> None:
        if length > self.max_size:
            raise Refused(413)

    def metadata_of(self, request: Request) -> str | None:
        """As the client wrote it; None where there is none."""
        told = request.fields.get("Upload-Metadata") or None
        if told is not None:
            self.judge_metadata(told)
        return told

    def judge_metadata(self, told: str) -> None:
        pairs = [pair.partition(" ") for pair in told.split(",")]
        self.judge_keys([key for key, _, _ in pairs])
        for _, _, value in pairs:
            self.judge_value(value)

    def judge_keys(self, keys: list[str]) -> None:
        if len(set(keys)) < len(keys) or "" in keys:
            raise Refused(400)

    def judge_value(self, value: str) -> None:
        try:
            b64decode(value, validate=True)
        except binascii.Error:
            raise Refused(400) from None

    def store_first(self, upload: Upload, request: Request) -> dict[str, str]:
        """Takes the bytes that a creation brings; what its answer tells of them."""
        if not self.is_offset_type(request):
            self.judge_other_body(request)
            return {}
        self.take_over(upload, request.body)
        checksum = self.judge_body(upload, request, upload.length)
        offset = self.store(upload, request, upload.length, checksum)
        return {"Upload-Offset": str(offset)}

    def judge_other_body(self, request: Request) -> None:
        if request.body.length or request.body.is_chunked:
            raise Refused(415)
