"""Faults of metadata: what is taken, what comes back, and what it must not do."""

from __future__ import annotations

from base64 import b64decode, b64encode

from tests.conformance.faults.registry import caught_by
from tests.conformance.http_server import Answer, Request
from tests.conformance.reference import Reference, Refused, Upload


class _Told(Reference):
    """HEAD tells other metadata than were given."""

    def told(self, metadata: str) -> str:
        raise NotImplementedError

    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        if upload.metadata is not None:
            answer.fields["Upload-Metadata"] = self.told(upload.metadata)
        return answer


@caught_by("row-053-metadata-comes-back")
class MetadataSorted(_Told):
    def told(self, metadata: str) -> str:
        return ",".join(sorted(metadata.split(",")))


@caught_by("row-053-metadata-comes-back")
class KeysInSmallLetters(_Told):
    def told(self, metadata: str) -> str:
        pairs = [pair.partition(" ") for pair in metadata.split(",")]
        return ",".join(f"{key.lower()}{space}{value}" for key, space, value in pairs)


@caught_by("row-053-metadata-comes-back")
class FlagsToldWithASpace(_Told):
    def told(self, metadata: str) -> str:
        return ",".join(pair if " " in pair else f"{pair} " for pair in metadata.split(","))


@caught_by("row-053-metadata-comes-back")
class CommasToldWithASpace(_Told):
    def told(self, metadata: str) -> str:
        return metadata.replace(",", ", ")


@caught_by("row-055-metadata-that-is-not-text")
class MetadataReadAsText(_Told):
    def told(self, metadata: str) -> str:
        pairs = [pair.partition(" ") for pair in metadata.split(",")]
        return ",".join(f"{key}{space}{self._as_text(value)}" for key, space, value in pairs)

    def _as_text(self, value: str) -> str:
        return b64encode(b64decode(value).decode("utf-8", "replace").encode()).decode()


@caught_by("row-055-metadata-that-is-not-text")
class MetadataHasToBeText(Reference):
    def judge_value(self, value: str) -> None:
        super().judge_value(value)
        try:
            b64decode(value).decode()
        except UnicodeDecodeError:
            raise Refused(400) from None


@caught_by("row-053-metadata-comes-back")
class MetadataForgottenAtTheEnd(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        if upload.is_complete:
            answer.fields.pop("Upload-Metadata", None)
        return answer


@caught_by("row-054-key-without-value", "row-053-metadata-comes-back")
class FlagsRefused(Reference):
    def judge_value(self, value: str) -> None:
        if not value:
            raise Refused(400)
        super().judge_value(value)


@caught_by("row-056-value-not-base64")
class AnyValueTaken(Reference):
    def judge_value(self, value: str) -> None:
        """Whatever it is."""


@caught_by("row-056-value-not-base64")
class ValuesReadAsFarAsTheyGo(Reference):
    def judge_value(self, value: str) -> None:
        if not value.partition(" ")[0].rstrip("=").isalnum():
            super().judge_value(value)


@caught_by("row-057-key-twice")
class LastOfEqualKeysTaken(Reference):
    def judge_keys(self, keys: list[str]) -> None:
        if "" in keys:
            raise Refused(400)


@caught_by("row-058-no-metadata", "row-059-empty-metadata")
class FileNameNeeded(Reference):
    def metadata_of(self, request: Request) -> str | None:
        told = super().metadata_of(request)
        if "filename " not in (told or ""):
            raise Refused(400)
        return told


@caught_by("row-058-no-metadata", "row-059-empty-metadata", "row-117-metadata-not-carried-over")
class NoMetadataToldEmpty(Reference):
    def head(self, upload: Upload, request: Request) -> Answer:
        answer = super().head(upload, request)
        answer.fields.setdefault("Upload-Metadata", "")
        return answer


@caught_by("row-059-empty-metadata")
class EmptyMetadataRefused(Reference):
    def metadata_of(self, request: Request) -> str | None:
        if request.fields.get("Upload-Metadata") == "":
            raise Refused(400)
        return super().metadata_of(request)


@caught_by("row-059-empty-metadata")
class EmptyMetadataKept(Reference):
    def metadata_of(self, request: Request) -> str | None:
        return super().metadata_of(request) or request.fields.get("Upload-Metadata")


@caught_by("row-060-metadata-cannot-write-fields", "row-126-download-of-an-odd-name")
class NameInContentDispositionAsItIs(Reference):
    def quoted(self, name: str) -> str:
        return f'filename="{name.encode().decode("latin-1")}"'


@caught_by("row-060-metadata-cannot-write-fields")
class NameInAnAnswerAsItIs(Reference):
    def create(self, request: Request) -> Answer:
        answer = super().create(request)
        name = self.decoded(self.metadata_of(request) or "").get("filename", "")
        answer.fields["X-Name"] = name.encode().decode("latin-1")
        return answer


@caught_by("row-061-file-name-with-a-path")
class NameInTheLocation(Reference):
    def keep(self, upload: Upload, request: Request) -> str:
        name = self.decoded(upload.metadata or "").get("filename", "")
        return f"{super().keep(upload, request)}?name={name.encode().decode('latin-1')}"


@caught_by("row-061-file-name-with-a-path")
class PathInANameLosesTheBytes(Reference):
    def content_of(self, upload: Upload) -> bytes:
        name = self.decoded(upload.metadata or "").get("filename", "")
        return b"" if "/" in name else super().content_of(upload)
