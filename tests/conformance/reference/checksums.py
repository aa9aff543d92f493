"""Checksums of bodies, in a field or in a trailer."""

from __future__ import annotations

import binascii
import hashlib
import zlib
from base64 import b64decode

from tests.conformance.http_server import Body, Request
from tests.conformance.reference.uploads import Refused, Upload, Uploads

Checksum = tuple[str, bytes]


class Checksums(Uploads):
    algorithms = "sha1,md5,sha256,crc32"

    def is_checked(self, request: Request) -> bool:
        return "Upload-Checksum" in request.fields or self.is_promised(request)

    def is_promised(self, request: Request) -> bool:
        return "upload-checksum" in (request.fields.get("Trailer") or "").lower()

    def trailer_of(self, body: Body) -> str:
        return body.trailers.get("upload-checksum", "")

    def parse_checksum(self, value: str) -> Checksum:
        """Raises `Refused` for what is no checksum that can be made here."""
        name, _, text = value.partition(" ")
        if name not in self.algorithms.split(",") or not text:
            raise Refused(400)
        try:
            return name, b64decode(text, validate=True)
        except binascii.Error:
            raise Refused(400) from None

    def verify(self, upload: Upload, held: bytes, name: str, wanted: bytes) -> None:
        if self.digest(upload, held, name) != wanted:
            raise Refused(460)

    def digest(self, upload: Upload, held: bytes, name: str) -> bytes:
        if name == "crc32":
            return zlib.crc32(held).to_bytes(4, "big")
        return hashlib.new(name, held).digest()
