"""Final uploads by the service: what they are made of, and when."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.utils import timezone

from tests.service.test_service import NOBODY, append, content, create_request, files, row
from tusbridge import completing, concatenating
from tusbridge.errors import (
    FinalUpload,
    InvalidField,
    PartialUpload,
    QuotaExceeded,
    StoreFull,
    TooLarge,
    UploadBusy,
    UploadGone,
    UploadIncomplete,
    UploadNotFound,
)
from tusbridge.models import AbstractUpload, Status, Upload
from tusbridge.policy import Actor
from tusbridge.protocol.rules import AppendRequest, CreateRequest
from tusbridge.service import UploadService
from tusbridge.signals import upload_completed
from tusbridge.stores.local import LocalStore

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = (b"one", b"twotwo", b"three")


def concat_request(
    kind: str, length: int | None = None, metadata: str = "", field: str = ""
) -> CreateRequest:
    return CreateRequest(
        length=length,
        metadata=metadata,
        filename="",
        content_type="",
        has_body=False,
        content_length=0,
        concat=kind,
        concat_field=field or kind,
    )


def make_part(
    service: UploadService, text: bytes, sent: bytes | None = None, actor: Actor = NOBODY
) -> AbstractUpload:
    """A partial upload that has got all of its text, or what is said."""
    part = service.create(concat_request("partial", len(text)), actor)
    body = text if sent is None else sent
    if not body:
        return part
    request = AppendRequest(offset=0, content_length=len(body))
    return service.append(part.upload_id, request, [[body]], actor)


@pytest.fixture
def parts(service: UploadService) -> list[AbstractUpload]:
    return [make_part(service, text) for text in TEXTS]


def ids(parts: list[AbstractUpload]) -> list[str]:
    return [part.upload_id for part in parts]


def join(
    service: UploadService, parts: list[AbstractUpload], metadata: str = "", actor: Actor = NOBODY
) -> AbstractUpload:
    field = "final;" + " ".join(f"/files/{upload_id}" for upload_id in ids(parts))
    request = concat_request("final", metadata=metadata, field=field)
    return service.concatenate(request, ids(parts), actor)


def finish(service: UploadService, part: AbstractUpload, rest: bytes) -> AbstractUpload:
    return append(service, part, row(part).offset, rest)


@pytest.fixture
def completed() -> Any:
    """The ids that receivers of upload_completed were told of."""
    told: list[str] = []

    def receive(upload: AbstractUpload, **_: object) -> None:
        told.append(upload.upload_id)

    upload_completed.connect(receive)
    yield told
    upload_completed.disconnect(receive)


class TestFinished:
    def test_row_107_offset_and_length_are_the_sum(
        self, service: UploadService, parts: list[AbstractUpload]
    ) -> None:
        final = join(service, parts)
        assert (final.offset, final.length, final.status) == (14, 14, Status.COMPLETE)
        assert content(service, final) == b"".join(TEXTS)

    def test_row_110_111_the_order_is_the_lists(
        self, service: UploadService, parts: list[AbstractUpload]
    ) -> None:
        one, two, three = parts
        assert content(service, join(service, [three, one, two, one])) == b"threeonetwotwoone"

    def test_row_112_a_part_may_serve_two(
        self, service: UploadService, parts: list[AbstractUpload]
    ) -> None:
        first, second = join(service, parts), join(service, parts[:2])
        assert first.upload_id != second.upload_id
        assert content(service, second) == b"onetwotwo"
        assert content(service, first) == b"".join(TEXTS)

    def test_row_106_only_the_final_upload_is_told_of(
        self, service: UploadService, completed: list[str], parts: list[AbstractUpload]
    ) -> None:
        assert completed == []
        final = join(service, parts)
        service.head(final.upload_id, NOBODY)
        assert completed == [final.upload_id]

    def test_a_part_lies_outside_the_storage_and_is_not_read_by_itself(
        self, service: UploadService, media: Path, parts: list[AbstractUpload]
    ) -> None:
        assert not media.exists()
        with pytest.raises(PartialUpload):
            service.read(parts[0].upload_id, NOBODY)

    def test_R50_its_bytes_are_judged_once_as_those_of_its_parts(  # noqa: N802
        self, parts: list[AbstractUpload], tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(USER_MAX_BYTES=14)
        bounded = UploadService()
        with pytest.raises(QuotaExceeded):
            make_part(bounded, b"more")
        assert join(bounded, parts).is_complete

    def test_row_117_metadata_is_the_final_uploads_own(
        self, service: UploadService, parts: list[AbstractUpload]
    ) -> None:
        assert join(service, parts, metadata="filename YQ==").metadata == "filename YQ=="

    def test_row_123_the_same_request_again_gives_the_same_upload(
        self, service: UploadService, parts: list[AbstractUpload]
    ) -> None:
        final = join(service, parts, metadata="a")
        assert join(service, parts, metadata="a").upload_id == final.upload_id
        assert join(service, parts, metadata="b").upload_id != final.upload_id
        assert join(service, parts[:2], metadata="a").upload_id != final.upload_id

    def test_row_123_also_when_the_parts_are_gone_but_not_when_the_upload_is(
        self, service: UploadService, parts: list[AbstractUpload]
    ) -> None:
        final = join(service, parts)
        for part in parts:
            service.terminate(row(part))
        assert join(service, parts).upload_id == final.upload_id
        assert content(service, final) == b"".join(TEXTS)
        service.terminate(row(final))
        with pytest.raises(UploadNotFound):
            join(service, parts)

    def test_row_123_two_at_once_make_one(
        self, service: UploadService, parts: list[AbstractUpload], media: Path
    ) -> None:
        made: list[str] = []

        def run() -> None:
            try:
                made.append(join(UploadService(), parts).upload_id)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 4
        assert len(set(made)) == 1
        assert content(service, row_of(made[0])) == b"".join(TEXTS)
        left = [name for name in files(media) if name.split(".")[0] not in {*ids(parts), made[0]}]
        assert left == []

    def test_empty_parts_make_an_empty_file(self, service: UploadService) -> None:
        final = join(service, [make_part(service, b""), make_part(service, b"")])
        assert final.is_complete
        assert content(service, final) == b""

    def test_parts_go_after_a_grace_time_and_the_file_stays(
        self, service: UploadService, parts: list[AbstractUpload], media: Path
    ) -> None:
        final = join(service, parts)
        grace = concatenating.PARTS_GRACE
        for part in parts:
            left = row(part).expires_at - timezone.now()
            assert timedelta() < grace - left < timedelta(minutes=1)
        later = UploadService(clock=lambda: timezone.now() + grace + timedelta(minutes=1))
        assert later.sweep().removed == 3
        assert Upload.objects.count() == 1
        assert files(media) == [final.upload_id]
        assert content(service, final) == b"".join(TEXTS)


def row_of(upload_id: str) -> AbstractUpload:
    return Upload.objects.get(upload_id=upload_id)  # type: ignore[no-any-return]


class TestRefused:
    def test_row_113_a_final_upload_takes_no_bytes(
        self, service: UploadService, parts: list[AbstractUpload]
    ) -> None:
        final = join(service, parts)
        with pytest.raises(FinalUpload):
            append(service, final, 14, b"")

    @pytest.mark.parametrize("kind", ["unknown", "terminated"])
    def test_row_115_a_part_that_is_not_there(
        self, service: UploadService, parts: list[AbstractUpload], kind: str
    ) -> None:
        other = make_part(service, b"x")
        service.terminate(row(other))
        wanted = [*ids(parts), other.upload_id if kind == "terminated" else "0" * 32]
        with pytest.raises(UploadNotFound):
            service.concatenate(concat_request("final"), wanted, NOBODY)
        assert not Upload.objects.filter(concat="final").exists()

    def test_row_116_a_part_that_is_none(
        self, service: UploadService, parts: list[AbstractUpload]
    ) -> None:
        with pytest.raises(InvalidField):
            join(service, [*parts, service.create(create_request(), NOBODY)])

    def test_row_119_together_too_large(
        self, parts: list[AbstractUpload], tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(MAX_LENGTH=13)
        with pytest.raises(TooLarge):
            join(UploadService(), parts)
        assert not Upload.objects.filter(concat="final").exists()

    def test_row_120_somebody_elses_part(
        self, service: UploadService, parts: list[AbstractUpload]
    ) -> None:
        user = get_user_model().objects.create_user("somebody")
        mine = make_part(service, b"mine", actor=Actor(user_id=user.pk))
        for actor in (NOBODY, Actor(user_id=user.pk)):
            with pytest.raises(UploadNotFound):
                join(service, [*parts, mine], actor=actor)

    def test_an_expired_part(self, service: UploadService, parts: list[AbstractUpload]) -> None:
        later = UploadService(clock=lambda: timezone.now() + timedelta(days=2))
        with pytest.raises(UploadGone):
            join(later, parts)

    def test_parts_of_two_storages(
        self, service: UploadService, parts: list[AbstractUpload]
    ) -> None:
        Upload.objects.filter(pk=parts[0].pk).update(storage_alias="other")
        with pytest.raises(InvalidField):
            join(service, parts)

    def test_R11_a_full_disk_leaves_no_upload(  # noqa: N802
        self,
        service: UploadService,
        parts: list[AbstractUpload],
        monkeypatch: pytest.MonkeyPatch,
        media: Path,
    ) -> None:
        def refuse(*args: object) -> None:
            raise StoreFull

        with monkeypatch.context() as patched:
            patched.setattr(LocalStore, "concat", refuse)
            with pytest.raises(StoreFull):
                join(service, parts)
        assert not Upload.objects.filter(concat="final").exists()
        assert join(service, parts).is_complete

    def test_r16_a_part_that_goes_meanwhile_is_not_found(
        self,
        service: UploadService,
        parts: list[AbstractUpload],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Its row was read, then came the DELETE: no failure of the store, and nothing is left."""
        concat = LocalStore.concat

        def too_late(self: LocalStore, *args: Any) -> Any:
            service.terminate(parts[1])
            return concat(self, *args)

        monkeypatch.setattr(LocalStore, "concat", too_late)
        with pytest.raises(UploadNotFound):
            join(service, parts)
        assert not Upload.objects.filter(concat="final").exists()
        assert not [record for record in caplog.records if record.levelname == "ERROR"]


class TestUnfinished:
    def test_r16_only_so_many_may_wait_for_one_part(self, service: UploadService) -> None:
        """Its last byte has all of them made. Those that were given up do not count."""
        part = make_part(service, b"part", b"")
        most = concatenating.MAX_WAITING
        finals = [join(service, [part], metadata=f"k{number}") for number in range(most)]
        with pytest.raises(InvalidField, match="too many wait"):
            join(service, [part], metadata="more")
        service.terminate(finals.pop())
        finals.append(join(service, [part], metadata="instead"))
        assert len(row(part).parts["finals"]) == most
        finish(service, part, b"part")
        assert {row(final).status for final in finals} == {Status.COMPLETE}
        # a part that is complete is waited for by nobody
        assert join(service, [part], metadata="late").is_complete

    def test_row_125_it_waits_for_its_parts_and_is_told_of_once(
        self, service: UploadService, completed: list[str]
    ) -> None:
        whole, half = make_part(service, b"whole"), make_part(service, b"halves", b"hal")
        final = join(service, [whole, half, whole])
        assert (final.is_waiting, final.length) == (True, 16)
        assert service.head(final.upload_id, NOBODY).is_waiting
        with pytest.raises(UploadIncomplete):
            service.read(final.upload_id, NOBODY)
        finish(service, half, b"ves")
        assert completed == [final.upload_id]
        assert row(final).is_complete
        assert content(service, final) == b"wholehalveswhole"

    def test_the_length_is_told_once_that_of_every_part_is(self, service: UploadService) -> None:
        deferred = service.create(concat_request("partial"), NOBODY)
        final = join(service, [make_part(service, b"one"), deferred])
        assert final.length is None
        told = AppendRequest(offset=0, content_length=1, length=4)
        service.append(deferred.upload_id, told, [[b"f"]], NOBODY)
        seen = service.head(final.upload_id, NOBODY)
        assert (seen.is_waiting, seen.length) == (True, 7)
        finish(service, deferred, b"our")
        assert content(service, final) == b"onefour"

    def test_two_that_wait_for_one_part_both_go_on(self, service: UploadService) -> None:
        part = make_part(service, b"part", b"")
        first, second = join(service, [part]), join(service, [part, part])
        finish(service, part, b"part")
        assert content(service, first) == b"part"
        assert content(service, second) == b"partpart"
        assert row(part).parts is None

    def test_a_part_that_another_waits_with_is_kept(self, service: UploadService) -> None:
        done, open_part = make_part(service, b"done"), make_part(service, b"open", b"")
        before = row(done).expires_at
        waiting = join(service, [open_part, done])
        finish(service, open_part, b"open")
        assert content(service, waiting) == b"opendone"
        assert row(done).expires_at < before

    def test_head_makes_up_for_a_wake_that_was_lost(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        part = make_part(service, b"part", b"")
        final = join(service, [part])
        with monkeypatch.context() as patched:
            patched.setattr(concatenating.Concatenation, "completed", lambda *args: None)
            finish(service, part, b"part")
        assert row(final).is_waiting
        assert service.head(final.upload_id, NOBODY).is_complete

    def test_it_waits_in_vain_for_a_part_that_is_gone_and_expires(
        self, service: UploadService
    ) -> None:
        part = make_part(service, b"part", b"")
        final = join(service, [part])
        service.terminate(row(part))
        assert service.head(final.upload_id, NOBODY).is_waiting
        later = UploadService(clock=lambda: timezone.now() + timedelta(days=2))
        assert later.sweep().removed == 1

    def test_parts_that_grow_too_large_together_never_make_a_file(
        self, service: UploadService, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(MAX_LENGTH=10)
        bounded = UploadService()
        parts = [bounded.create(concat_request("partial"), NOBODY) for _ in range(2)]
        final = join(bounded, parts)
        for part in parts:
            told = AppendRequest(offset=0, content_length=6, length=6)
            bounded.append(part.upload_id, told, [[b"sixsix"]], NOBODY)
        assert bounded.head(final.upload_id, NOBODY).is_waiting

    def test_terminated_while_waiting_it_stays_gone(
        self, service: UploadService, media: Path
    ) -> None:
        part = make_part(service, b"part", b"")
        final = join(service, [part])
        service.terminate(row(final))
        finish(service, part, b"part")
        with pytest.raises(UploadNotFound):
            service.head(final.upload_id, NOBODY)
        assert not [name for name in files(media) if name.startswith(final.upload_id)]


class TestLongCopies:
    @pytest.fixture(autouse=True)
    def _everything_is_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(completing, "COPY_WHILE_WAITING", 0)

    def test_the_answer_comes_before_the_copy(
        self,
        service: UploadService,
        parts: list[AbstractUpload],
        monkeypatch: pytest.MonkeyPatch,
        completed: list[str],
    ) -> None:
        go, done = threading.Event(), threading.Event()
        settle = UploadService.settle

        def slowly(self: UploadService, upload: AbstractUpload) -> AbstractUpload:
            assert go.wait(20)
            try:
                return settle(self, upload)
            finally:
                connections.close_all()
                done.set()

        with monkeypatch.context() as patched:
            patched.setattr(UploadService, "settle", slowly)
            final = join(service, parts)
            assert (final.offset, final.length, final.is_complete) == (14, 14, False)
            assert not service.head(final.upload_id, NOBODY).is_waiting
            with pytest.raises(UploadBusy):
                service.read(final.upload_id, NOBODY)
            go.set()
            assert done.wait(20)
        assert content(service, final) == b"".join(TEXTS)
        assert completed == [final.upload_id]

    def test_a_copy_that_a_crash_ended_is_made_up_for_by_the_sweep(
        self,
        service: UploadService,
        parts: list[AbstractUpload],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(completing, "in_background", lambda *args: None)
        final = join(service, parts)
        assert not final.is_complete
        later = UploadService(clock=lambda: timezone.now() + timedelta(minutes=3))
        assert later.sweep().completed == 1
        assert content(service, final) == b"".join(TEXTS)
