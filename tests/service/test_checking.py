"""Appends with a checksum, and lengths that are told late: nothing counts before it may."""

import base64
import hashlib
from collections.abc import Callable

import pytest

from tests.service.test_service import (
    CONTENT,
    NOBODY,
    begin,
    content,
    files,
    make,
    row,
)
from tusbridge import leases
from tusbridge.appending import COMMIT_SECONDS, Appending
from tusbridge.body import BodyEnd
from tusbridge.errors import (
    BodyIncomplete,
    BodyTimeout,
    ChecksumMismatch,
    InvalidField,
    LeaseLost,
    LengthConflict,
    ServerStopping,
    StoreError,
    TooLarge,
    UploadError,
)
from tusbridge.models import AbstractUpload, Upload
from tusbridge.protocol.checksums import parse_checksum
from tusbridge.protocol.rules import AppendPlan, AppendRequest, CreateRequest
from tusbridge.service import UploadService
from tusbridge.stores.local_writer import LocalWriter

pytestmark = pytest.mark.django_db(transaction=True)


def sha1(body: bytes) -> str:
    return f"sha1 {base64.b64encode(hashlib.sha1(body).digest()).decode()}"


def begin_checked(service: UploadService, upload: AbstractUpload, checksum: str) -> Appending:
    request = AppendRequest(offset=upload.offset, content_length=None, checksum=checksum)
    appending = service.begin_append(row(upload), request, NOBODY, wait=2)
    assert appending is not None
    return appending


class TestChecksum:
    def test_row_93_what_agrees_is_appended(self, service: UploadService) -> None:
        upload = make(service)
        appending = begin_checked(service, upload, sha1(CONTENT))
        for at in range(0, 10, 3):
            appending.feed([CONTENT[at : at + 3]])
        appending.end(BodyEnd.WHOLE)
        assert content(service, upload) == CONTENT

    def test_row_94_what_does_not_is_dropped_and_may_come_again(
        self, service: UploadService
    ) -> None:
        upload = make(service)
        appending = begin_checked(service, upload, sha1(b"hello"))
        appending.feed([b"jello"])
        with pytest.raises(ChecksumMismatch):
            appending.end(BodyEnd.WHOLE)
        assert service.head(upload.upload_id, NOBODY).offset == 0
        again = begin_checked(service, upload, sha1(b"hello"))
        again.feed([b"hello"])
        again.end(BodyEnd.WHOLE)
        assert service.head(upload.upload_id, NOBODY).offset == 5

    def test_a_mismatch_at_the_length_completes_nothing(self, service: UploadService) -> None:
        upload = make(service)
        appending = begin_checked(service, upload, sha1(b"something"))
        appending.feed([CONTENT])
        with pytest.raises(ChecksumMismatch):
            appending.end(BodyEnd.WHOLE)
        assert (row(upload).offset, row(upload).is_complete) == (0, False)

    def test_nothing_is_committed_while_it_comes_and_the_lease_is_kept(
        self, service: UploadService
    ) -> None:
        now = [0.0]
        upload = make(service)
        token = leases.new_token()
        assert leases.acquire(Upload, upload.pk, offset=0, token=token, ttl=60)

        plan = AppendPlan(offset=0, limit=10, checksum=parse_checksum(sha1(CONTENT)))
        appending = Appending(service, upload, plan, token, clock=lambda: now[0])
        appending.feed([b"hello"])
        before = row(upload).lease_until
        now[0] += COMMIT_SECONDS
        appending.feed([b"w"])
        appending.feed([], commit=True)
        assert row(upload).offset == 0
        assert row(upload).lease_until != before
        leases.terminate(Upload, upload.pk)
        now[0] += COMMIT_SECONDS
        with pytest.raises(LeaseLost):
            appending.feed([b"o"])

    @pytest.mark.parametrize(
        ("end", "error"),
        [
            (BodyEnd.GONE, BodyIncomplete),
            (BodyEnd.TIMED_OUT, BodyTimeout),
            (BodyEnd.STOPPING, ServerStopping),
            (BodyEnd.TAKEN_OVER, LeaseLost),
        ],
    )
    def test_row_97_r5_a_body_that_was_cut_is_not_kept(
        self, service: UploadService, end: BodyEnd, error: type[UploadError]
    ) -> None:
        upload = make(service)
        appending = begin_checked(service, upload, sha1(CONTENT))
        appending.feed([b"hello"])
        with pytest.raises(error):
            appending.end(end)
        assert service.head(upload.upload_id, NOBODY).offset == 0
        plain = begin(service, row(upload))
        plain.feed([CONTENT])
        plain.end(BodyEnd.WHOLE)
        assert content(service, upload) == CONTENT

    def test_an_error_of_the_store_keeps_nothing_that_was_not_checked(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = make(service)
        appending = begin_checked(service, upload, sha1(CONTENT))
        appending.feed([b"hello"])

        def fail(self: LocalWriter, chunks: object) -> None:
            raise StoreError

        with monkeypatch.context() as patched:
            patched.setattr(LocalWriter, "write", fail)
            with pytest.raises(StoreError):
                appending.feed([b"world"])
        assert service.head(upload.upload_id, NOBODY).offset == 0
        begin(service, row(upload)).close()

    def test_an_empty_body_is_checked_too(self, service: UploadService) -> None:
        upload = make(service)
        good = AppendRequest(offset=0, content_length=0, checksum=sha1(b""))
        assert service.begin_append(upload, good, NOBODY, wait=0) is None
        bad = AppendRequest(offset=0, content_length=0, checksum=sha1(b"x"))
        with pytest.raises(ChecksumMismatch):
            service.begin_append(upload, bad, NOBODY, wait=0)

    @pytest.mark.parametrize("how", [BodyEnd.WHOLE, BodyEnd.STOPPING, BodyEnd.GONE])
    def test_row_98_a_creation_that_is_not_as_told_leaves_nothing(
        self, service: UploadService, media: object, how: BodyEnd
    ) -> None:
        appending = service.begin_create(creation(10, sha1(b"another"), has_body=True), NOBODY)
        appending.feed([CONTENT])
        with pytest.raises((ChecksumMismatch, ServerStopping, BodyIncomplete)):
            service.end_create(appending, how)
        service.drop_create(appending)
        assert not Upload.objects.exists()
        assert files(media) == []  # type: ignore[arg-type]

    def test_row_98_a_creation_without_a_body_is_checked_before_it_is_made(
        self, service: UploadService
    ) -> None:
        with pytest.raises(ChecksumMismatch):
            service.create(creation(10, sha1(b"x")), NOBODY)
        assert service.create(creation(10, sha1(b"")), NOBODY).offset == 0
        assert Upload.objects.count() == 1


def creation(length: int | None, checksum: str | None, *, has_body: bool = False) -> CreateRequest:
    return CreateRequest(
        length=length,
        metadata="",
        filename="",
        content_type="",
        has_body=has_body,
        content_length=None if has_body else 0,
        checksum=checksum,
    )


class TestDeferredLength:
    @pytest.fixture
    def deferred(self, service: UploadService) -> AbstractUpload:
        return service.create(creation(None, None), NOBODY)

    @staticmethod
    def send(
        service: UploadService, upload: AbstractUpload, body: bytes, length: int | None = None
    ) -> AbstractUpload:
        request = AppendRequest(offset=row(upload).offset, content_length=len(body), length=length)
        return service.append(upload.upload_id, request, [[body]], NOBODY)

    def test_row_70_71_it_is_open_until_told(
        self, service: UploadService, deferred: AbstractUpload
    ) -> None:
        self.send(service, deferred, b"hello")
        assert (row(deferred).length, row(deferred).is_complete) == (None, False)
        self.send(service, deferred, b"wo", length=10)
        assert row(deferred).length == 10
        assert self.send(service, deferred, b"rld", length=10).is_complete
        assert content(service, deferred) == CONTENT

    def test_row_76_an_empty_append_may_tell_it(
        self, service: UploadService, deferred: AbstractUpload
    ) -> None:
        self.send(service, deferred, CONTENT)
        assert self.send(service, deferred, b"", length=10).is_complete
        assert content(service, deferred) == CONTENT

    def test_an_empty_upload_of_deferred_length(
        self, service: UploadService, deferred: AbstractUpload
    ) -> None:
        assert self.send(service, deferred, b"", length=0).is_complete
        assert content(service, deferred) == b""

    def test_row_72_73_what_was_told_stays(
        self, service: UploadService, deferred: AbstractUpload
    ) -> None:
        self.send(service, deferred, b"hello")
        with pytest.raises(InvalidField):
            self.send(service, deferred, b"", length=4)
        self.send(service, deferred, b"", length=10)
        with pytest.raises(LengthConflict):
            self.send(service, deferred, b"", length=11)
        assert row(deferred).length == 10

    def test_two_that_tell_different_lengths_at_once_are_one_and_a_refusal(
        self, service: UploadService, deferred: AbstractUpload
    ) -> None:
        first = row(deferred)
        seen_before = row(deferred)
        told = AppendRequest(offset=0, content_length=None, length=10)
        appending = service.begin_append(first, told, NOBODY, wait=0)
        assert appending is not None
        with pytest.raises(BodyIncomplete):
            appending.end(BodyEnd.GONE)
        other = AppendRequest(offset=0, content_length=None, length=20)
        with pytest.raises(LengthConflict):
            service.begin_append(seen_before, other, NOBODY, wait=0)
        assert row(deferred).length == 10

    def test_row_75_a_body_without_length_stops_at_the_limit(
        self, tusbridge_settings: Callable[..., None], media: object, db: None
    ) -> None:
        tusbridge_settings(MAX_LENGTH=8)
        service = UploadService()
        upload = service.create(creation(None, None), NOBODY)
        appending = begin(service, upload)
        appending.feed([b"12345678"])
        with pytest.raises(TooLarge):
            appending.feed([b"9"])
        assert service.head(upload.upload_id, NOBODY).offset <= 8

    def test_row_84_with_its_first_bytes(self, service: UploadService) -> None:
        appending = service.begin_create(creation(None, None, has_body=True), NOBODY)
        appending.feed([b"hello"])
        upload = service.end_create(appending, BodyEnd.WHOLE)
        assert (upload.offset, upload.length) == (5, None)
        self.send(service, upload, b"world", length=10)
        assert content(service, upload) == CONTENT
