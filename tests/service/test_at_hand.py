"""Bodies that are all there when the view is called: in fewer steps, and as safe as others."""

import base64
import hashlib
from collections.abc import Callable
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_service import CONTENT, NOBODY, content, files, make, row
from tusbridge import leases
from tusbridge.appending import Appending
from tusbridge.at_hand import AppendAtHand, CreationAtHand
from tusbridge.body import BodyEnd
from tusbridge.errors import (
    ChecksumMismatch,
    DatabaseUnavailable,
    OffsetMismatch,
    StoreFull,
    TooLarge,
    UploadBusy,
    UploadError,
    UploadNotFound,
)
from tusbridge.models import AbstractUpload, Upload
from tusbridge.protocol.rules import AppendRequest, CreateRequest
from tusbridge.rows import insert_row
from tusbridge.service import UploadService
from tusbridge.signals import upload_completed, upload_created
from tusbridge.statements import Update
from tusbridge.stores.local_writer import FirstWriter
from tusbridge.sweeping import Kind, Sweeper

pytestmark = pytest.mark.django_db(transaction=True)


def creation(length: int | None = 10, checksum: str | None = None) -> CreateRequest:
    return CreateRequest(
        length=length,
        metadata="",
        filename="",
        content_type="",
        has_body=True,
        content_length=None,
        checksum=checksum,
    )


def sha1(text: bytes) -> str:
    return f"sha1 {base64.b64encode(hashlib.sha1(text).digest()).decode()}"


def create(service: UploadService, body: bytes, **wanted: Any) -> AbstractUpload:
    appending = service.begin_create(creation(**wanted), NOBODY, at_hand=True)
    assert isinstance(appending, CreationAtHand)
    try:
        appending.feed([body])
        return service.end_create(appending, BodyEnd.WHOLE)
    except UploadError:
        service.drop_create(appending)
        raise


def begin(service: UploadService, upload: AbstractUpload, offset: int = 0) -> Appending:
    found = service.find_to_append(upload.upload_id, NOBODY)
    request = AppendRequest(offset=offset, content_length=None)
    appending = service.begin_append(found, request, NOBODY, wait=0, at_hand=True)
    assert appending is not None
    return appending


def append(service: UploadService, upload: AbstractUpload, offset: int, body: bytes) -> Any:
    appending = begin(service, upload, offset)
    appending.feed([body])
    appending.end(BodyEnd.WHOLE)
    return appending


@pytest.fixture
def heard() -> Any:
    """The signals that were sent, each with the offset it told."""
    sent: list[tuple[str, int]] = []

    def on_created(upload: AbstractUpload, **_: Any) -> None:
        assert Upload.objects.filter(pk=upload.pk).exists()
        sent.append(("created", upload.offset))

    def on_completed(upload: AbstractUpload, **_: Any) -> None:
        sent.append(("completed", upload.offset))

    upload_created.connect(on_created)
    upload_completed.connect(on_completed)
    yield sent
    upload_created.disconnect(on_created)
    upload_completed.disconnect(on_completed)


class TestCreation:
    def test_all_of_it_is_a_complete_upload(
        self, service: UploadService, media: Path, heard: list[tuple[str, int]]
    ) -> None:
        upload = create(service, CONTENT)
        found = row(upload)
        assert (found.is_complete, found.offset, found.lease_token) == (True, 10, None)
        assert content(service, upload) == CONTENT
        assert files(media) == [upload.upload_id]
        assert heard == [("created", 10), ("completed", 10)]

    def test_it_is_two_statements(
        self, service: UploadService, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(2):
            create(service, CONTENT)

    @pytest.mark.parametrize("length", [10, None], ids=["length", "deferred"])
    def test_a_beginning_goes_on_as_any_other(
        self, service: UploadService, length: int | None
    ) -> None:
        upload = create(service, b"hello", length=length)
        assert (row(upload).offset, row(upload).lease_token) == (5, None)
        assert service.head(upload.upload_id, NOBODY).offset == 5
        request = AppendRequest(offset=5, content_length=5, length=None if length else 10)
        service.append(upload.upload_id, request, [[b"world"]], NOBODY)
        assert content(service, upload) == CONTENT

    def test_a_checksum_that_agrees(self, service: UploadService) -> None:
        assert create(service, CONTENT, checksum=sha1(CONTENT)).is_complete

    @pytest.mark.parametrize(
        ("body", "wanted", "error"),
        [
            (CONTENT, {"checksum": sha1(b"another")}, ChecksumMismatch),
            (CONTENT + b"!", {}, TooLarge),
        ],
        ids=["checksum", "too-large"],
    )
    def test_one_that_is_refused_leaves_nothing(
        self,
        service: UploadService,
        media: Path,
        heard: list[Any],
        body: bytes,
        wanted: dict[str, str],
        error: type[UploadError],
    ) -> None:
        with pytest.raises(error):
            create(service, body, **wanted)
        assert (files(media), Upload.objects.count(), heard) == ([], 0, [])

    def test_R11_a_full_disk_leaves_nothing(  # noqa: N802
        self, service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(writer: FirstWriter, chunks: Any) -> None:
            raise StoreFull

        monkeypatch.setattr(FirstWriter, "_pwrite", full)
        with pytest.raises(StoreFull):
            create(service, CONTENT)
        assert (files(media), Upload.objects.count()) == ([], 0)

    @pytest.mark.parametrize("kind", ["refused", "lost-answer"])
    def test_R12_an_insert_that_fails_leaves_nothing(  # noqa: N802
        self,
        service: UploadService,
        media: Path,
        monkeypatch: pytest.MonkeyPatch,
        kind: str,
    ) -> None:
        def away(upload: AbstractUpload, **given: Any) -> None:
            if kind == "lost-answer":
                insert_row(upload, **given)
            raise DatabaseUnavailable(is_refused=kind == "refused")

        monkeypatch.setattr("tusbridge.at_hand.insert_row", away)
        with pytest.raises(DatabaseUnavailable):
            create(service, CONTENT)
        assert (files(media), Upload.objects.count()) == ([], 0)

    @pytest.mark.parametrize("body", [CONTENT, CONTENT[:5]], ids=["all", "some"])
    def test_r12_an_insert_that_takes_effect_later_finds_its_bytes(
        self,
        service: UploadService,
        media: Path,
        monkeypatch: pytest.MonkeyPatch,
        body: bytes,
    ) -> None:
        """A server goes on with a statement whose client has given its connection up."""
        late: list[Callable[[], None]] = []

        def away(upload: AbstractUpload, **given: Any) -> None:
            late.append(partial(insert_row, copy(upload), **given))
            raise DatabaseUnavailable

        monkeypatch.setattr("tusbridge.at_hand.insert_row", away)
        with pytest.raises(DatabaseUnavailable):
            create(service, body)
        late[0]()
        (upload,) = Upload.objects.all()
        Upload.objects.update(lease_until="2000-01-01T00:00Z")
        assert service.head(upload.upload_id, NOBODY).offset == len(body)
        if len(body) < len(CONTENT):
            append(service, upload, len(body), CONTENT[len(body) :])
        assert content(service, upload) == CONTENT

    def test_r12_the_bytes_of_an_insert_that_never_comes_are_orphans(
        self, service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(upload: AbstractUpload, **given: Any) -> None:
            raise DatabaseUnavailable

        monkeypatch.setattr("tusbridge.at_hand.insert_row", away)
        with pytest.raises(DatabaseUnavailable):
            create(service, CONTENT)
        (finding,) = Sweeper(service, grace_seconds=-1).orphans()
        assert (finding.kind, finding.size) == (Kind.ORPHAN, len(CONTENT))
        assert files(media) == []

    def test_a_crash_before_the_file_is_in_place_is_mended_by_the_sweep(
        self, service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(service, "finish_soon", killed)
            appending = service.begin_create(creation(), NOBODY, at_hand=True)
            appending.feed([CONTENT])
            with pytest.raises(KeyboardInterrupt):
                appending.end(BodyEnd.WHOLE)
        (found,) = Upload.objects.all()
        assert (found.offset, found.is_complete, bool(found.lease_token)) == (10, False, True)
        Upload.objects.update(lease_until="2000-01-01T00:00Z", progress_at="2000-01-01T00:00Z")
        assert service.sweep().completed == 1
        assert content(service, found) == CONTENT

    def test_a_crash_before_the_row_is_there_leaves_bytes_that_are_found(
        self, service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(upload: AbstractUpload, **_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("tusbridge.at_hand.insert_row", killed)
        appending = service.begin_create(creation(), NOBODY, at_hand=True)
        appending.feed([CONTENT])
        with pytest.raises(KeyboardInterrupt):
            appending.end(BodyEnd.WHOLE)
        assert Upload.objects.count() == 0
        store = service.store_of(appending.upload)
        (stray,) = store.strays(-1)
        assert (stray.key, stray.size) == (appending.upload.upload_id, 10)
        assert store.remove_stray(stray)
        assert files(media) == []

    def test_a_site_that_names_files_by_its_columns_has_the_row_first(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[Any] = []

        def by_date(upload: AbstractUpload, filename: str) -> str:
            seen.append((upload.pk, upload.created_on))
            return f"{upload.created_on:%Y}/{filename}"

        monkeypatch.setattr(Upload._meta.get_field("file"), "upload_to", by_date)
        appending = service.begin_create(creation(), NOBODY, at_hand=True)
        assert not isinstance(appending, CreationAtHand)
        appending.feed([CONTENT])
        upload = service.end_create(appending, BodyEnd.WHOLE)
        assert all(all(columns) for columns in seen)
        assert content(service, upload) == CONTENT


class TestAppend:
    def test_all_of_it_completes_the_upload(self, service: UploadService, media: Path) -> None:
        upload = make(service)
        assert isinstance(append(service, upload, 0, CONTENT), AppendAtHand)
        assert content(service, upload) == CONTENT
        assert files(media) == [upload.upload_id]

    def test_it_is_two_statements_behind_the_look_at_the_row(
        self, service: UploadService, django_assert_num_queries: Any
    ) -> None:
        upload = make(service)
        with django_assert_num_queries(3):
            append(service, upload, 0, CONTENT)

    def test_what_follows_is_locked_and_fenced(self, service: UploadService) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        assert row(upload).lease_token is None
        assert not isinstance(append(service, upload, 5, b"world"), AppendAtHand)
        assert content(service, upload) == CONTENT

    def test_of_two_at_once_one_counts(self, service: UploadService, media: Path) -> None:
        upload = make(service)
        one, two = begin(service, upload), begin(service, upload)
        one.feed([b"hello"])
        two.feed([b"HELLO"])
        one.end(BodyEnd.WHOLE)
        with pytest.raises(UploadBusy):
            two.end(BodyEnd.WHOLE)
        with pytest.raises(OffsetMismatch):
            begin(service, upload)
        assert len(files(media)) == 1
        append(service, upload, 5, b"world")
        assert content(service, upload) == CONTENT

    def test_beside_a_holder_it_waits_its_turn(self, service: UploadService) -> None:
        upload = make(service)
        token = leases.new_token()
        assert leases.acquire(Upload, upload.pk, offset=0, token=token, ttl=60)
        with pytest.raises(UploadBusy):
            begin(service, upload)

    def test_a_holder_that_came_meanwhile_is_not_disturbed(
        self, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        late = begin(service, upload)
        late.feed([CONTENT])
        token = leases.new_token()
        assert leases.acquire(Upload, upload.pk, offset=0, token=token, ttl=60)
        with pytest.raises(UploadBusy):
            late.end(BodyEnd.WHOLE)
        assert (row(upload).lease_token, files(media)) == (token, [])

    def test_an_upload_that_was_ended_meanwhile_gets_nothing(
        self, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        late = begin(service, upload)
        late.feed([CONTENT])
        service.terminate(row(upload))
        with pytest.raises(UploadBusy):
            late.end(BodyEnd.WHOLE)
        with pytest.raises(UploadNotFound):
            begin(service, upload)
        assert files(media) == []

    def test_r12_a_commit_that_takes_effect_later_finds_its_bytes(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = make(service)
        late = begin(service, upload)
        late.feed([b"hello"])
        run: Callable[..., int] = Update.run
        asked: list[Callable[[], int]] = []

        def away(*args: Any, **given: Any) -> int:
            asked.append(partial(run, *args, **given))
            raise DatabaseUnavailable

        with monkeypatch.context() as patched, pytest.raises(DatabaseUnavailable):  # noqa: PT012
            patched.setattr(Update, "run", away)
            late.end(BodyEnd.WHOLE)
        assert asked[0]() == 1
        assert service.head(upload.upload_id, NOBODY).offset == 5
        append(service, upload, 5, b"world")
        assert content(service, upload) == CONTENT

    def test_r12_a_commit_that_was_refused_leaves_nothing(
        self, service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = make(service)
        late = begin(service, upload)
        late.feed([b"hello"])

        def locked(*args: Any, **given: Any) -> int:
            raise DatabaseUnavailable(is_refused=True)

        with monkeypatch.context() as patched, pytest.raises(DatabaseUnavailable):  # noqa: PT012
            patched.setattr(Update, "run", locked)
            late.end(BodyEnd.WHOLE)
        assert files(media) == []

    @pytest.mark.parametrize("is_done", [False, True], ids=["failed", "lost-answer"])
    def test_R12_a_commit_that_tells_nothing_loses_nothing(  # noqa: N802
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch, is_done: bool
    ) -> None:
        upload = make(service)
        late = begin(service, upload)
        late.feed([b"hello"])
        run: Callable[..., int] = Update.run

        def away(*args: Any, **given: Any) -> int:
            if is_done:
                run(*args, **given)
            raise DatabaseUnavailable

        with monkeypatch.context() as patched, pytest.raises(DatabaseUnavailable):  # noqa: PT012
            patched.setattr(Update, "run", away)
            late.end(BodyEnd.WHOLE)
        offset = service.head(upload.upload_id, NOBODY).offset
        assert offset == (5 if is_done else 0)
        append(service, upload, offset, CONTENT[offset:])
        assert content(service, upload) == CONTENT

    def test_a_checksum_that_does_not_agree_leaves_nothing(
        self, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        request = AppendRequest(offset=0, content_length=10, checksum=sha1(b"another"))
        found = service.find_to_append(upload.upload_id, NOBODY)
        appending = service.begin_append(found, request, NOBODY, wait=0, at_hand=True)
        assert isinstance(appending, AppendAtHand)
        appending.feed([CONTENT])
        with pytest.raises(ChecksumMismatch):
            appending.end(BodyEnd.WHOLE)
        assert (row(upload).offset, files(media)) == (0, [])
