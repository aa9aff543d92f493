"""The service over the local store and the tests' database: what it keeps, and what it gives up."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.utils import timezone

from tusbridge import leases
from tusbridge.appending import Appending
from tusbridge.body import BodyEnd
from tusbridge.errors import (
    BodyIncomplete,
    DatabaseUnavailable,
    Forbidden,
    LeaseLost,
    OffsetMismatch,
    ServerStopping,
    StoreError,
    StoreFull,
    TooLarge,
    UploadBusy,
    UploadError,
    UploadGone,
    UploadIncomplete,
    UploadNotFound,
)
from tusbridge.models import AbstractUpload, Status, Upload
from tusbridge.policy import Actor
from tusbridge.protocol.rules import AppendRequest, CreateRequest
from tusbridge.service import SweepResult, UploadService
from tusbridge.statements import Update
from tusbridge.stores.local import LocalStore
from tusbridge.stores.local_writer import LocalWriter

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY = Actor()
CONTENT = b"helloworld"


def create_request(length: int = 10, *, has_body: bool = False) -> CreateRequest:
    return CreateRequest(
        length=length,
        metadata="filename aGVsbG8=",
        filename="hello",
        content_type="",
        has_body=has_body,
        content_length=None if has_body else 0,
    )


def make(service: UploadService, length: int = 10) -> AbstractUpload:
    return service.create(create_request(length), NOBODY)


def begin(service: UploadService, upload: AbstractUpload, offset: int = 0) -> Appending:
    found = service.find(upload.upload_id, NOBODY, service.policy.check_append)
    appending = service.begin_append(
        found, AppendRequest(offset=offset, content_length=None), NOBODY, wait=2
    )
    assert appending is not None
    return appending


def append(
    service: UploadService, upload: AbstractUpload, offset: int, *chunks: bytes
) -> AbstractUpload:
    length = sum(map(len, chunks))
    return service.append(
        upload.upload_id,
        AppendRequest(offset=offset, content_length=length),
        [chunks],
        NOBODY,
    )


def row(upload: AbstractUpload) -> AbstractUpload:
    return Upload.objects.get(pk=upload.pk)  # type: ignore[no-any-return]


def content(service: UploadService, upload: AbstractUpload) -> bytes:
    found = service.read(upload.upload_id, NOBODY)
    return b"".join(service.open(found, 0, found.offset))


def files(media: Path) -> list[str]:
    places = (media, media.with_name("media.partial"))
    return sorted(p.name for place in places for p in place.rglob("*") if p.is_file())


class TestAppend:
    @pytest.mark.parametrize("size", [1, 3, 7, 10], ids=lambda size: f"chunks-of-{size}")
    def test_bytes_of_any_chunking_are_the_upload(self, service: UploadService, size: int) -> None:
        upload = make(service)
        chunks = [CONTENT[i : i + size] for i in range(0, 10, size)]
        assert append(service, upload, 0, *chunks).is_complete
        assert content(service, upload) == CONTENT

    @pytest.mark.parametrize("end", range(11), ids=lambda end: f"cut-after-{end}")
    def test_R5_a_body_that_ends_after_any_byte_is_kept_so_far(  # noqa: N802
        self, service: UploadService, end: int
    ) -> None:
        upload = make(service)
        appending = begin(service, upload)
        for byte in CONTENT[:end]:
            appending.feed([bytes([byte])])
        with pytest.raises(BodyIncomplete):
            appending.end(BodyEnd.GONE)
        assert service.head(upload.upload_id, NOBODY).offset == end
        append(service, upload, end, CONTENT[end:])
        assert content(service, upload) == CONTENT

    def test_append_past_length_keeps_nothing(self, service: UploadService) -> None:
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([b"hello"])
        with pytest.raises(TooLarge):
            appending.feed([b"world!"])
        assert service.head(upload.upload_id, NOBODY).offset == 0
        append(service, upload, 0, CONTENT)
        assert content(service, upload) == CONTENT

    def test_a_commit_in_mid_body_does_not_reach_the_length(self, service: UploadService) -> None:
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([CONTENT], commit=True)
        assert row(upload).offset == 0
        with pytest.raises(TooLarge):
            appending.feed([b"!"])
        assert row(upload).offset == 0

    def test_a_commit_tells_the_offset_while_the_append_goes_on(
        self, service: UploadService
    ) -> None:
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([b"hello"], commit=True)
        assert service.head(upload.upload_id, NOBODY).offset == 5
        appending.feed([b"world"])
        appending.end(BodyEnd.WHOLE)
        assert content(service, upload) == CONTENT

    def test_commits_come_about_once_a_second(self, service: UploadService) -> None:
        upload = make(service)
        found = service.find(upload.upload_id, NOBODY, service.policy.check_append)
        now = [100.0]
        token = leases.new_token()
        assert leases.acquire(Upload, upload.pk, offset=0, token=token, ttl=60)
        plan = service_plan(found)
        appending = Appending(service, found, plan, token, clock=lambda: now[0])
        appending.feed([b"he"])
        assert row(upload).offset == 0
        now[0] += 1.0
        appending.feed([b"llo"])
        assert row(upload).offset == 5
        appending.end(BodyEnd.WHOLE)

    def test_an_empty_append_changes_nothing(self, service: UploadService) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        assert append(service, upload, 5).offset == 5
        assert row(upload).lease_token is None

    def test_a_complete_upload_takes_zero_bytes_more(self, service: UploadService) -> None:
        upload = make(service)
        append(service, upload, 0, CONTENT)
        assert append(service, upload, 10).is_complete
        whole = begin(service, upload, 10)
        whole.end(BodyEnd.WHOLE)
        with pytest.raises(TooLarge):
            begin(service, upload, 10).feed([b"x"])
        assert content(service, upload) == CONTENT

    def test_stopping_keeps_what_came_and_lets_go(self, service: UploadService) -> None:
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([b"hello"])
        with pytest.raises(ServerStopping):
            appending.end(BodyEnd.STOPPING)
        assert (row(upload).offset, row(upload).lease_token) == (5, None)

    def test_expiry_counts_from_the_last_byte(self, service: UploadService) -> None:
        upload = make(service)
        before = row(upload).expires_at
        append(service, upload, 0, b"hello")
        assert row(upload).expires_at > before


def service_plan(upload: AbstractUpload) -> Any:
    from tusbridge.protocol.rules import AppendPlan

    assert upload.length is not None
    return AppendPlan(offset=upload.offset, limit=upload.length - upload.offset)


class TestRaces:
    def test_R7_two_appends_at_one_offset_have_one_winner(  # noqa: N802
        self, service: UploadService
    ) -> None:
        upload = make(service)
        winner = begin(service, upload)
        loser = service.find(upload.upload_id, NOBODY, service.policy.check_append)
        request = AppendRequest(offset=0, content_length=5)
        with pytest.raises(UploadBusy):
            service.begin_append(loser, request, NOBODY, wait=0)
        winner.feed([b"hello"])
        winner.end(BodyEnd.WHOLE)
        with pytest.raises(OffsetMismatch) as caught:
            service.begin_append(loser, request, NOBODY, wait=0)
        assert caught.value.expected == 5

    def test_R8_a_silent_holder_is_robbed_and_writes_nothing_any_more(  # noqa: N802
        self, service: UploadService
    ) -> None:
        upload = make(service)
        silent = begin(service, upload)
        silent.feed([b"he"], commit=True)
        successor = begin(service, upload, 2)
        successor.feed([b"llo"], commit=True)
        with pytest.raises(LeaseLost):
            silent.feed([b"XXXXXX"])
        successor.feed([b"world"])
        successor.end(BodyEnd.WHOLE)
        assert content(service, upload) == CONTENT

    def test_interleaving_3_robbed_before_the_first_write(self, service: UploadService) -> None:
        upload = make(service)
        paused = begin(service, upload)
        successor = begin(service, upload)
        successor.feed([b"hello"])
        with pytest.raises(BodyIncomplete):
            successor.end(BodyEnd.GONE)
        with pytest.raises(LeaseLost):
            paused.feed([b"XXXXX"])
        append(service, upload, 5, b"world")
        assert content(service, upload) == CONTENT

    def test_interleaving_5_a_late_release_does_not_free_the_successors_lease(
        self, service: UploadService
    ) -> None:
        upload = make(service)
        late = begin(service, upload)
        successor = begin(service, upload)
        with pytest.raises(LeaseLost):
            late.end(BodyEnd.WHOLE)
        assert row(upload).lease_token == successor.token
        successor.end(BodyEnd.WHOLE)

    def test_interleaving_13_a_crash_before_the_commit_costs_only_what_was_not_told(
        self, service: UploadService
    ) -> None:
        upload = make(service)
        crashed = begin(service, upload)
        crashed.feed([b"hello"], commit=True)
        crashed.feed([b"wor"])
        crashed.close()
        assert service.head(upload.upload_id, NOBODY).offset == 5
        append(service, upload, 5, b"world")
        assert content(service, upload) == CONTENT

    def test_R15_terminate_ends_a_running_append(  # noqa: N802
        self, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([b"hello"])
        service.terminate(upload)
        with pytest.raises(LeaseLost):
            appending.feed([b"world"])
        service.terminate(upload)
        with pytest.raises(UploadNotFound):
            service.head(upload.upload_id, NOBODY)
        assert files(media) == []
        assert not Upload.objects.exists()

    def test_terminate_right_before_the_first_byte(
        self, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        appending = begin(service, upload)
        service.terminate(upload)
        with pytest.raises(LeaseLost):
            appending.feed([b"hello"])
        assert files(media) == []

    def test_two_that_complete_at_once_complete_once(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch, media: Path
    ) -> None:
        upload = make(service)
        complete = leases.complete

        def robbed(model: Any, pk: Any, *, token: str, values: Any) -> bool:
            monkeypatch.setattr(leases, "complete", complete)
            Upload.objects.filter(pk=pk).update(lease_token=None)
            assert service.head(upload.upload_id, NOBODY).is_complete
            return complete(model, pk, token=token, values=values)

        monkeypatch.setattr(leases, "complete", robbed)
        with pytest.raises(LeaseLost):
            append(service, upload, 0, CONTENT)
        assert content(service, upload) == CONTENT
        assert files(media) == [upload.upload_id]


class TestCompletion:
    @pytest.mark.parametrize("mended_by", ["head", "empty-append", "sweep", "read"])
    @pytest.mark.parametrize("step", ["store", "row"])
    def test_R10_a_crash_in_mid_completion_is_mended(  # noqa: N802
        self,
        service: UploadService,
        monkeypatch: pytest.MonkeyPatch,
        mended_by: str,
        step: str,
    ) -> None:
        upload = make(service)

        def crash(*args: Any, **kwargs: Any) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            if step == "store":
                patched.setattr(LocalStore, "complete", crash)
            else:
                patched.setattr(leases, "complete", crash)
            with pytest.raises(KeyboardInterrupt):
                append(service, upload, 0, CONTENT)
        # the dead holder's lease has run out
        long_ago = timezone.now() - timedelta(minutes=5)
        Upload.objects.update(lease_until=long_ago, progress_at=long_ago)
        mend: dict[str, Callable[[], object]] = {
            "head": lambda: service.head(upload.upload_id, NOBODY),
            "empty-append": lambda: append(service, upload, 10),
            "sweep": service.sweep,
            "read": lambda: service.read(upload.upload_id, NOBODY),
        }
        mend[mended_by]()
        assert row(upload).status == Status.COMPLETE
        assert content(service, upload) == CONTENT

    def test_a_store_that_refuses_leaves_the_upload_to_a_later_try(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = make(service)
        with monkeypatch.context() as patched:
            patched.setattr(LocalStore, "complete", raising(StoreFull()))
            with pytest.raises(StoreFull):
                append(service, upload, 0, CONTENT)
            assert service.head(upload.upload_id, NOBODY).offset == 10
        assert service.head(upload.upload_id, NOBODY).is_complete

    def test_length_zero_is_complete_at_once(self, service: UploadService) -> None:
        upload = make(service, 0)
        assert upload.is_complete
        assert content(service, upload) == b""

    def test_the_storages_name_comes_from_the_id_alone(self, service: UploadService) -> None:
        upload = make(service)
        append(service, upload, 0, CONTENT)
        name = row(upload).file.name
        assert name == f"uploads/{upload.upload_id[:2]}/{upload.upload_id}"

    def test_a_name_without_the_id_gets_it(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        field: Any = Upload._meta.get_field("file")
        monkeypatch.setattr(field, "upload_to", lambda upload, filename: "same/name.bin")
        first, second = make(service), make(service)
        for upload in (first, second):
            append(service, upload, 0, CONTENT)
        assert row(first).file.name == f"same/name_{first.upload_id}.bin"
        assert row(first).file.name != row(second).file.name

    def test_unfinished_uploads_cannot_be_read(self, service: UploadService) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        with pytest.raises(UploadIncomplete):
            service.read(upload.upload_id, NOBODY)

    def test_a_finished_file_that_the_site_removed_is_not_found(
        self, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        append(service, upload, 0, CONTENT)
        (media / row(upload).file.name).unlink()
        with pytest.raises(UploadNotFound):
            content(service, upload)


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    return fail


class TestFaults:
    @pytest.mark.parametrize("nth", range(6))
    @pytest.mark.parametrize("error", [StoreFull(), StoreError()], ids=["full", "broken"])
    def test_R11_a_store_that_fails_at_the_nth_write_loses_nothing_told(  # noqa: N802
        self,
        service: UploadService,
        monkeypatch: pytest.MonkeyPatch,
        nth: int,
        error: UploadError,
    ) -> None:
        upload = make(service)
        write = LocalWriter.write
        calls = iter(range(100))

        def failing(writer: LocalWriter, chunks: Sequence[bytes]) -> None:
            if next(calls) == nth:
                raise error
            write(writer, chunks)

        with monkeypatch.context() as patched:
            patched.setattr(LocalWriter, "write", failing)
            appending = begin(service, upload)
            with pytest.raises(type(error)):  # noqa: PT012 the n-th of six is to fail
                for start in range(0, 12, 2):
                    appending.feed([CONTENT[start : start + 2]])
                raise error
        kept = service.head(upload.upload_id, NOBODY).offset
        assert kept == min(2 * nth, 10)
        append(service, upload, kept, CONTENT[kept:])
        assert content(service, upload) == CONTENT

    def test_R12_a_commit_is_tried_again(  # noqa: N802
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leases, "_RETRY_WAITS", (0, 0))
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([b"hello"])
        with database_away(monkeypatch, times=2):
            appending.feed([], commit=True)
        assert row(upload).offset == 5
        appending.end(BodyEnd.WHOLE)

    def test_R12_a_database_that_stays_away_costs_only_what_was_not_told(  # noqa: N802
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leases, "_RETRY_WAITS", ())
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([b"hello"], commit=True)
        appending.feed([b"wor"])
        with database_away(monkeypatch, times=100), pytest.raises(DatabaseUnavailable):
            appending.end(BodyEnd.WHOLE)
        assert service.head(upload.upload_id, NOBODY).offset == 5
        append(service, upload, 5, b"world")
        assert content(service, upload) == CONTENT

    def test_R12_a_database_whose_words_say_full_is_away_all_the_same(  # noqa: N802
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leases, "_RETRY_WAITS", ())
        with (
            database_away(monkeypatch, times=1, text="database or disk is full"),
            pytest.raises(DatabaseUnavailable),
        ):
            leases.acquire(Upload, 1, offset=0, token="x", ttl=1)

    def test_R2_a_file_shorter_than_the_row_takes_the_row_down(  # noqa: N802
        self, service: UploadService, media: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        path = media.with_name("media.partial") / upload.upload_id[:2] / upload.upload_id
        path.write_bytes(b"hel")
        assert service.head(upload.upload_id, NOBODY).offset == 3
        assert row(upload).offset == 3
        assert "offset-taken-down" in caplog.text
        append(service, upload, 3, b"loworld")
        assert content(service, upload) == CONTENT

    def test_R2_an_append_that_finds_the_file_short_says_where_to_go_on(  # noqa: N802
        self, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        path = media.with_name("media.partial") / upload.upload_id[:2] / upload.upload_id
        path.write_bytes(b"hel")
        with pytest.raises(OffsetMismatch) as caught:
            append(service, upload, 5, b"world")
        assert caught.value.expected == 3
        assert (row(upload).offset, row(upload).lease_token) == (3, None)

    def test_R2_a_live_holder_is_not_taken_down_under_its_hands(  # noqa: N802
        self, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        holder = begin(service, upload, 5)
        path = media.with_name("media.partial") / upload.upload_id[:2] / upload.upload_id
        path.write_bytes(b"hel")
        with pytest.raises(UploadBusy):
            service.head(upload.upload_id, NOBODY)
        holder.close()


@contextmanager
def database_away(
    monkeypatch: pytest.MonkeyPatch, *, times: int, text: str = "gone away"
) -> Iterator[None]:
    """The first statements of leases fail, as they do when the server is away."""
    run = Update.run
    failed = 0

    def failing(*args: Any, **given: Any) -> int:
        nonlocal failed
        if failed < times:
            failed += 1
            raise OperationalError(text)
        return run(*args, **given)

    with monkeypatch.context() as patched:
        patched.setattr(Update, "run", failing)
        yield
    assert failed, "no statement was run"


class TestCreate:
    def test_too_large_is_refused_before_a_row_exists(
        self, media: Path, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(MAX_LENGTH=9)
        with pytest.raises(TooLarge):
            make(UploadService())
        assert not Upload.objects.exists()

    def test_R11_no_room_leaves_no_row(  # noqa: N802
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(LocalStore, "create", raising(StoreFull()))
        with pytest.raises(StoreFull):
            make(service)
        assert not Upload.objects.exists()

    def test_R51_a_promise_costs_no_disk(  # noqa: N802
        self, service: UploadService, media: Path
    ) -> None:
        for _ in range(20):
            make(service, 2**40)
        assert files(media) == []

    def test_a_creation_that_breaks_off_leaves_nothing(
        self, service: UploadService, media: Path
    ) -> None:
        appending = service.begin_create(create_request(has_body=True), NOBODY)
        appending.feed([b"hello"])
        with pytest.raises(BodyIncomplete):
            service.end_create(appending, BodyEnd.GONE)
        service.drop_create(appending)
        assert not Upload.objects.exists()
        assert files(media) == []

    def test_a_creation_under_a_stopping_server_tells_how_far_it_came(
        self, service: UploadService
    ) -> None:
        appending = service.begin_create(create_request(has_body=True), NOBODY)
        appending.feed([b"hello"])
        upload = service.end_create(appending, BodyEnd.STOPPING)
        append(service, upload, 5, b"world")
        assert content(service, upload) == CONTENT

    def test_a_policy_may_refuse(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service.policy, "check_create", raising(Forbidden()))
        with pytest.raises(Forbidden):
            make(service)
        assert not Upload.objects.exists()


class TestFind:
    @pytest.mark.parametrize(
        "upload_id",
        ["", "nope", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 33, "\x00" * 32, "\u0660" * 32],
    )
    def test_R22_ids_that_are_none_are_not_found(  # noqa: N802
        self, service: UploadService, upload_id: str
    ) -> None:
        with pytest.raises(UploadNotFound):
            service.head(upload_id, NOBODY)

    def test_R40_others_uploads_are_not_found(self, service: UploadService) -> None:  # noqa: N802
        one, two = (get_user_model().objects.create(username=name) for name in ("one", "two"))
        upload = service.create(create_request(), Actor(user_id=one.pk))
        assert service.head(upload.upload_id, Actor(user_id=one.pk)).user_id == one.pk
        for stranger in (Actor(user_id=two.pk), NOBODY):
            with pytest.raises(UploadNotFound):
                service.head(upload.upload_id, stranger)


class TestExpiry:
    @pytest.fixture
    def later(self, service: UploadService) -> UploadService:
        return UploadService(clock=lambda: timezone.now() + timedelta(days=2))

    def test_R14_expired_is_gone_at_once_and_swept_later(  # noqa: N802
        self, service: UploadService, later: UploadService, media: Path
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        with pytest.raises(UploadGone):
            later.head(upload.upload_id, NOBODY)
        assert later.sweep() == SweepResult(removed=1)
        with pytest.raises(UploadNotFound):
            later.head(upload.upload_id, NOBODY)
        assert files(media) == []

    def test_R14_finished_uploads_are_never_swept(  # noqa: N802
        self, service: UploadService, later: UploadService
    ) -> None:
        upload = make(service)
        append(service, upload, 0, CONTENT)
        assert later.sweep() == SweepResult()
        assert content(later, upload) == CONTENT

    def test_R14_an_upload_being_written_is_never_swept(  # noqa: N802
        self, service: UploadService, later: UploadService
    ) -> None:
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([b"hello"])
        assert later.sweep() == SweepResult()
        appending.feed([b"world"])
        appending.end(BodyEnd.WHOLE)
        assert content(service, upload) == CONTENT

    def test_what_a_crashed_terminate_left_is_swept(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch, media: Path
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        with monkeypatch.context() as patched:
            patched.setattr(LocalStore, "delete", raising(StoreError()))
            service.terminate(upload)
            assert service.sweep() == SweepResult(failed=1)
        with pytest.raises(UploadNotFound):
            service.head(upload.upload_id, NOBODY)
        assert service.sweep() == SweepResult(removed=1)
        assert files(media) == []
        assert not Upload.objects.exists()

    def test_never_is_never(self, media: Path, tusbridge_settings: Callable[..., None]) -> None:
        tusbridge_settings(EXPIRE_AFTER=None)
        upload = make(UploadService())
        assert upload.expires_at is None
        late = UploadService(clock=lambda: timezone.now() + timedelta(days=9999))
        assert late.sweep() == SweepResult()


def test_R2_an_upload_whose_bytes_are_short_at_completion_is_taken_down(  # noqa: N802
    service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = make(service)
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "complete", raising(StoreFull()))
        with pytest.raises(StoreFull):
            append(service, upload, 0, CONTENT)
    path = media.with_name("media.partial") / upload.upload_id[:2] / upload.upload_id
    path.write_bytes(b"hel")
    with pytest.raises(StoreError):
        service.head(upload.upload_id, NOBODY)
    assert service.head(upload.upload_id, NOBODY).offset == 3
    append(service, upload, 3, b"loworld")
    assert content(service, upload) == CONTENT


def test_r15_an_upload_that_goes_while_it_is_asked_for_is_not_found(
    service: UploadService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The row was read, then came the DELETE: no bytes are missing, and nobody is told so."""
    upload = make(service)
    append(service, upload, 0, b"hello")
    available = LocalStore.available

    def too_late(self: LocalStore, *args: Any) -> int:
        monkeypatch.setattr(LocalStore, "available", available)
        service.terminate(upload)
        return available(self, *args)

    monkeypatch.setattr(LocalStore, "available", too_late)
    with pytest.raises(UploadNotFound):
        service.head(upload.upload_id, NOBODY)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_bytes_that_are_really_missing_are_told_to_whoever_reads_the_log(
    service: UploadService, media: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upload = make(service)
    append(service, upload, 0, b"hello")
    next(media.with_name("media.partial").rglob(upload.upload_id)).unlink()
    with pytest.raises(StoreError):
        service.head(upload.upload_id, NOBODY)
    with pytest.raises(StoreError):
        append(service, upload, 5, b"world")
    told = [r.message for r in caplog.records if r.levelname == "ERROR"]
    assert told.count("bytes-missing") == 2


def test_r2_a_head_follows_the_bytes_into_the_storage(
    service: UploadService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Between a HEAD's look at the row and its look at the file, the last bytes complete it."""
    upload = make(service)
    append(service, upload, 0, b"hello")
    look = LocalStore.available

    def complete_then_look(store: LocalStore, blob: Any, offset: int) -> int:
        monkeypatch.setattr(LocalStore, "available", look)
        append(service, upload, 5, b"world")
        return look(store, blob, offset)

    monkeypatch.setattr(LocalStore, "available", complete_then_look)
    told = service.head(upload.upload_id, NOBODY)
    assert told.is_complete
    assert told.offset == 10
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
