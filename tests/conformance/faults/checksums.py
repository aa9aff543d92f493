"""Faults of checksums and trailers."""

from __future__ import annotations

from base64 import b64decode

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Body, Request
from tests.conformance.reference import Reference, Refused, Upload
from tests.conformance.reference.checksums import Checksum


@caught_by("row-092-algorithms")
class AlgorithmsInCapitals(Reference):
    def options(self, request: Request) -> Answer:
        answer = super().options(request)
        answer.fields["Tus-Checksum-Algorithm"] = "SHA1,MD5"
        return answer


@caught_by("row-092-algorithms", "row-093-right-checksum", "row-099-right-trailer")
class NoSha1(Reference):
    algorithms = "md5"


@caught_by(
    "row-093-right-checksum",
    "row-093-right-checksum-of-many-bytes",
    "row-096-checksum-of-another-length",
    "row-098-checksum-on-a-creation",
    "row-099-right-trailer",
    "row-099-right-trailer-of-many-bytes",
)
class ChecksumInHexadecimal(Reference):
    def parse_checksum(self, value: str) -> tuple[str, bytes]:
        name, _, text = value.partition(" ")
        if name not in self.algorithms.split(","):
            raise Refused(400)
        try:
            return name, bytes.fromhex(text)
        except ValueError:
            raise Refused(460) from None


@caught_by("row-093-right-checksum")
class CrcBackwards(Reference):
    def digest(self, upload: Upload, held: bytes, name: str) -> bytes:
        right = super().digest(upload, held, name)
        return right[::-1] if name == "crc32" else right


@caught_by("row-093-right-checksum", "row-093-right-checksum-of-many-bytes")
class ChecksumOfTheWholeUpload(Reference):
    def digest(self, upload: Upload, held: bytes, name: str) -> bytes:
        return super().digest(upload, bytes(upload.data) + held, name)


@caught_by("row-093-chunked-body")
class ChunkedBodyUnchecked(Reference):
    def judge_body(self, upload: Upload, request: Request, length: int | None) -> Checksum | None:
        if request.body.is_chunked:
            del request.fields["Upload-Checksum"]
        return super().judge_body(upload, request, length)


@caught_by("row-093-empty-body")
class EmptyBodyUnchecked(Reference):
    def verify(self, upload: Upload, held: bytes, name: str, wanted: bytes) -> None:
        if held:
            super().verify(upload, held, name, wanted)


@caught_by(
    "row-093-chunked-body",
    "row-094-wrong-checksum",
    "row-094-wrong-checksum-of-many-bytes",
    "row-094-wrong-checksum-is-not-the-end",
    "row-096-checksum-of-another-length",
    "row-098-wrong-checksum-on-a-creation",
    "row-100-wrong-trailer",
)
class ChecksumIgnored(Reference):
    def verify(self, upload: Upload, held: bytes, name: str, wanted: bytes) -> None:
        """Whatever it is."""


@caught_by(
    "row-094-wrong-checksum",
    "row-094-wrong-checksum-of-many-bytes",
    "row-094-wrong-checksum-is-not-the-end",
    "row-100-wrong-trailer",
)
class MismatchKeepsTheBytes(Reference):
    def verify(self, upload: Upload, held: bytes, name: str, wanted: bytes) -> None:
        try:
            super().verify(upload, held, name, wanted)
        except Refused:
            upload.data += held
            raise


@caught_by(
    "row-094-unverified-bytes-are-not-told",
    "row-097-fin-in-a-checked-body",
    "row-097-half-close-in-a-checked-body",
    "row-097-reset-in-a-checked-body",
    "row-097-break-in-a-chunked-checked-body",
)
class BytesStoredBeforeTheyAreVerified(Reference):
    def receive(self, upload: Upload, body: Body, room: int, *, is_checked: bool) -> bytes:
        before = len(upload.data)
        super().receive(upload, body, room, is_checked=False)
        held = bytes(upload.data[before:])
        if body.whole:
            del upload.data[before:]
        return held


@caught_by(
    "row-095-unknown-algorithm",
    "row-098-wrong-checksum-on-a-creation",
    "row-100-unknown-algorithm-in-the-trailer",
)
class UnknownAlgorithmIgnored(Reference):
    def parse_checksum(self, value: str) -> tuple[str, bytes]:
        name = value.partition(" ")[0]
        return super().parse_checksum(value) if name in self.algorithms.split(",") else ("", b"")

    def verify(self, upload: Upload, held: bytes, name: str, wanted: bytes) -> None:
        if name:
            super().verify(upload, held, name, wanted)


@caught_by("row-095-order-of-judgement")
class AlgorithmJudgedFirst(Reference):
    def append(self, upload: Upload, request: Request) -> Answer:
        value = request.fields.get("Upload-Checksum")
        if value is not None:
            self.parse_checksum(value)
        return super().append(upload, request)


@caught_by("row-096-malformed-checksum", "row-100-unknown-algorithm-in-the-trailer")
class MalformedChecksumIsAMismatch(Reference):
    def parse_checksum(self, value: str) -> tuple[str, bytes]:
        name, _, text = value.partition(" ")
        if name not in self.algorithms.split(","):
            raise Refused(400)
        try:
            return name, b64decode(text, validate=True)
        except ValueError:
            return name, b""


@caught_by("row-096-malformed-checksum")
class NotBase64IsReadAsFarAsItGoes(Reference):
    def parse_checksum(self, value: str) -> tuple[str, bytes]:
        name, _, text = value.partition(" ")
        if name not in self.algorithms.split(",") or not text:
            raise Refused(400)
        return name, b64decode(text.partition(" ")[0] + "===")


@caught_by("row-096-checksum-of-another-length")
class ShortChecksumIsRefused(Reference):
    def parse_checksum(self, value: str) -> tuple[str, bytes]:
        name, wanted = super().parse_checksum(value)
        if len(wanted) != len(self.digest(Upload(owner=""), b"", name)):
            raise Refused(400)
        return name, wanted


@caught_by("row-096-checksum-of-another-length")
class StartOfTheChecksumWillDo(Reference):
    def verify(self, upload: Upload, held: bytes, name: str, wanted: bytes) -> None:
        if not self.digest(upload, held, name).startswith(wanted):
            raise Refused(460)


@caught_by(
    "row-097-fin-in-a-checked-body",
    "row-097-half-close-in-a-checked-body",
    "row-097-reset-in-a-checked-body",
    "row-097-break-in-a-chunked-checked-body",
    "row-100-promised-trailer-missing",
)
class BrokenCheckedBodyKept(Reference):
    def break_off(self, upload: Upload, held: bytes) -> None:
        upload.data += held
        raise Refused(400)


@caught_by(
    "row-080-body-too-long",
    "row-080-chunked-body-too-long",
    "row-098-wrong-checksum-on-a-creation",
)
class RefusedCreationHasALocation(Reference):
    def store_first(self, upload: Upload, request: Request) -> dict[str, str]:
        try:
            return super().store_first(upload, request)
        except Refused as refused:
            refused.fields["Location"] = self.keep(upload, request)
            raise


@caught_by("row-099-right-trailer", "row-099-right-trailer-of-many-bytes", "row-100-wrong-trailer")
class TrailersRefused(Reference):
    def trailer_of(self, body: Body) -> str:
        raise Refused(400)


@caught_by(
    "row-100-wrong-trailer",
    "row-100-unknown-algorithm-in-the-trailer",
    "row-100-promised-trailer-missing",
)
class TrailersDropped(Reference):
    def is_promised(self, request: Request) -> bool:
        return False


@caught_by("row-100-promised-trailer-missing")
class MissingTrailerForgiven(Reference):
    def parse_checksum(self, value: str) -> tuple[str, bytes]:
        return super().parse_checksum(value) if value else ("", b"")

    def verify(self, upload: Upload, held: bytes, name: str, wanted: bytes) -> None:
        if name:
            super().verify(upload, held, name, wanted)


@caught_by("row-100-announced-only-where-it-works", trailers=False)
class TrailersAnnouncedThoughDropped(Reference):
    def is_promised(self, request: Request) -> bool:
        return False
