"""A request that completes an upload dies, is overtaken, or loses its answer, and others come."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.service.held import let_leases_run_out
from tests.service.test_concatenating import TEXTS, join, make_part
from tests.service.test_service import (
    CONTENT,
    NOBODY,
    append,
    begin,
    content,
    create_request,
    files,
    row,
)
from tusbridge import leases
from tusbridge.body import BodyEnd
from tusbridge.chunks import FirstChunk
from tusbridge.errors import (
    AlreadyComplete,
    DatabaseUnavailable,
    LeaseLost,
    NameBusy,
    StoreError,
    TooLarge,
    UploadBusy,
)
from tusbridge.models import AbstractUpload, Protocol, Status, Upload
from tusbridge.protocol.rules import AppendRequest
from tusbridge.service import UploadService
from tusbridge.stores.local import LocalStore
from tusbridge.stores.spooled import Heartbeat

pytestmark = pytest.mark.django_db(transaction=True)


class Died(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def process(tusbridge_settings: Callable[..., None], media: Path) -> UploadService:
    """With the durability that a power cut may take bytes of."""
    tusbridge_settings(DURABILITY="process")
    return UploadService()


@pytest.fixture
def dies_recording(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Runs something whose process dies before the row says that the upload is complete."""

    def run(work: Callable[[], Any]) -> None:
        def die(*args: Any, **kwargs: Any) -> bool:
            raise Died

        with monkeypatch.context() as patched:
            patched.setattr("tusbridge.leases.complete", die)
            with pytest.raises(Died):
                work()

    return run


def of_chunks(service: UploadService, text: bytes = b"hello") -> AbstractUpload:
    """An upload that completes when its client says so."""
    made = Upload(completes_itself=False, protocol=Protocol.LEGACY)
    chunk: FirstChunk = service.begin_first_chunk(made, 100, NOBODY)
    chunk.feed([text])
    chunk.commit({"length": None})
    return row(chunk.upload)


def begin_chunk(service: UploadService, upload: AbstractUpload, offset: int = 5) -> Any:
    return service.begin_chunk(upload, offset, 100, wait=1, again=lambda: row(upload))


@pytest.fixture
def cut(process: UploadService, media: Path, dies_recording: Callable[..., None]) -> AbstractUpload:
    """Its client has completed it at five bytes, of which a power cut left two."""
    upload = of_chunks(process)
    dies_recording(lambda: process.complete(row(upload)))
    (published,) = media.rglob(upload.upload_id)
    published.write_bytes(b"he")
    let_leases_run_out()
    with pytest.raises(StoreError):
        process.head(upload.upload_id, NOBODY)
    return row(upload)


class TestABodyBehindTheEnd:
    def test_a_chunk_behind_the_word_of_its_client_is_refused(
        self, service: UploadService, dies_recording: Callable[..., None], media: Path
    ) -> None:
        upload = of_chunks(service)
        stale = row(upload)
        dies_recording(lambda: service.complete(row(upload)))
        let_leases_run_out()
        # as read before that, and as it is now
        for known in (stale, row(upload)):
            with pytest.raises(AlreadyComplete):
                begin_chunk(service, known)
        assert service.head(upload.upload_id, NOBODY).is_complete
        assert content(service, upload) == b"hello"
        assert files(media) == [upload.upload_id]

    @pytest.mark.parametrize("at_hand", [False, True])
    def test_a_body_of_an_upload_whose_length_was_told_meanwhile(
        self, service: UploadService, at_hand: bool
    ) -> None:
        upload = service.create(create_request(None), NOBODY)
        stale = row(upload)
        Upload.objects.filter(pk=upload.pk).update(length=3)
        with pytest.raises((UploadBusy, TooLarge)):
            self.append_hello(service, stale, at_hand)
        assert row(upload).offset == 0

    def append_hello(self, service: UploadService, upload: AbstractUpload, at_hand: bool) -> None:
        request = AppendRequest(offset=0, content_length=5)
        appending = service.begin_append(upload, request, NOBODY, wait=0, at_hand=at_hand)
        assert appending is not None
        appending.feed([b"hello"])
        appending.end(BodyEnd.WHOLE)

    def test_a_chunk_after_bytes_were_lost_ends_where_the_client_said(
        self, process: UploadService, cut: AbstractUpload
    ) -> None:
        from legacy.exchange import limit_of

        assert (cut.offset, limit_of(cut, None)) == (2, 5)
        chunk = begin_chunk(process, cut, 2)
        chunk.feed([b"llo"])
        chunk.commit({})
        assert process.head(cut.upload_id, NOBODY).is_complete
        assert content(process, cut) == b"hello"

    def test_a_client_may_end_it_where_it_is_after_bytes_were_lost(
        self, process: UploadService, cut: AbstractUpload
    ) -> None:
        process.complete(cut)
        done = row(cut)
        assert (done.status, done.offset, done.length) == (Status.COMPLETE, 2, 2)
        assert content(process, cut) == b"he"


class TestWhatIsTold:
    def test_head_tells_no_bytes_that_a_power_cut_took(
        self, process: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The lease of a completer that died with it lasts for some seconds."""
        upload = of_chunks(process)

        def die(*args: Any, **kwargs: Any) -> None:
            raise Died

        with monkeypatch.context() as patched:
            patched.setattr(LocalStore, "complete", die)
            with pytest.raises(Died):
                process.complete(row(upload))
        (unfinished,) = media.with_name("media.partial").rglob(upload.upload_id)
        assert process.head(upload.upload_id, NOBODY).offset == 5
        unfinished.unlink()
        with pytest.raises(UploadBusy):
            process.head(upload.upload_id, NOBODY)

    def test_head_finds_them_where_they_are_published(
        self, process: UploadService, dies_recording: Callable[..., None]
    ) -> None:
        upload = of_chunks(process)
        dies_recording(lambda: process.complete(row(upload)))
        assert process.head(upload.upload_id, NOBODY).offset == 5


def test_one_that_is_overtaken_publishes_between_two_looks(
    process: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not where it was is not lost."""
    upload = of_chunks(process)
    whole = LocalStore._whole_file

    def overtaken(self: LocalStore, *args: Any) -> str:
        source = whole(self, *args)
        target = media / row(upload).recorded_name
        target.parent.mkdir(parents=True)
        os.rename(source, target)
        return whole(self, *args)

    monkeypatch.setattr(LocalStore, "_whole_file", overtaken)
    process.complete(row(upload))
    assert row(upload).is_complete
    assert content(process, upload) == b"hello"


def test_a_name_of_its_own_does_not_grow(
    service: UploadService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try of a completion may find the name before it taken."""
    upload = of_chunks(service)
    complete = LocalStore.complete

    def busy(self: LocalStore, blob: Any, name: str, *args: Any, **kwargs: Any) -> None:
        names.append(name)
        if len(names) < 4:
            raise NameBusy
        complete(self, blob, name, *args, **kwargs)

    names: list[str] = []
    monkeypatch.setattr(LocalStore, "complete", busy)
    with pytest.raises(NameBusy):
        service.complete(row(upload))
    service.complete(row(upload))
    assert [len(name) - len(names[0]) for name in names] == [0, 33, 33, 33]
    assert names[1] == names[2] != names[3]
    assert content(service, upload) == b"hello"


class TestALostAnswer:
    @pytest.fixture
    def lost_once(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """The next statement of that name has its effect, and its answer is lost."""

        def lose(name: str) -> None:
            statement = getattr(leases, name)
            run = leases._run

            def lost(given: Any, *args: Any, **kwargs: Any) -> bool:
                done = run(given, *args, **kwargs)
                if given is statement and done:
                    raise DatabaseUnavailable
                return done

            monkeypatch.setattr(leases, "_run", lost)

        return lose

    def test_the_last_commit(self, service: UploadService, lost_once: Callable[..., None]) -> None:
        upload = service.create(create_request(10), NOBODY)
        appending = begin(service, upload)
        appending.feed([b"hello"])
        lost_once("_COMMIT_LAST")
        with pytest.raises(DatabaseUnavailable):
            appending.end(BodyEnd.WHOLE)
        assert row(upload).offset == 5

    def test_of_a_final_upload_that_has_its_bytes_now(
        self, service: UploadService, lost_once: Callable[..., None]
    ) -> None:
        parts = [make_part(service, TEXTS[0]), make_part(service, TEXTS[1], b"two")]
        final = join(service, parts)
        assert final.is_waiting
        lost_once("_COMMIT_LAST")
        append(service, parts[1], 3, b"two")
        let_leases_run_out()
        assert service.head(final.upload_id, NOBODY).is_complete
        assert content(service, final) == b"onetwotwo"

    def test_completing(self, service: UploadService, lost_once: Callable[..., None]) -> None:
        upload = service.create(create_request(10), NOBODY)
        lost_once("_COMPLETE")
        with pytest.raises((DatabaseUnavailable, LeaseLost)):
            append(service, upload, 0, CONTENT)
        assert row(upload).is_complete
        assert content(service, upload) == CONTENT


def test_no_thread_for_a_heartbeat_is_the_stores_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", refuse)
    with pytest.raises(StoreError), Heartbeat(lambda: True):
        pass


class TestWhatAnotherProgramLeft:
    def test_it_is_taken_durably_whatever_is_promised(
        self, process: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = process.create(create_request(10), NOBODY)
        media.mkdir()
        (media / "left").write_bytes(CONTENT)
        Upload.objects.filter(pk=upload.pk).update(store_state={"found": "left"}, offset=10)
        synced: list[str] = []
        monkeypatch.setattr("tusbridge.stores.local.sync_path", synced.append)
        recorded: list[Any] = []
        commit = leases.commit

        def seen(*args: Any, values: Any, **kwargs: Any) -> bool:
            recorded.append((list(synced), values.get("store_state")))
            return commit(*args, values=values, **kwargs)

        monkeypatch.setattr("tusbridge.leases.commit", seen)
        assert process.head(upload.upload_id, NOBODY).is_complete
        before, state = next(entry for entry in recorded if entry[1] is not None)
        folder = str(media.with_name("media.partial") / upload.upload_id[:2])
        assert {folder, f"{folder}/{upload.upload_id}"} <= set(before)
        # so that bytes that are gone can be told from a folder that is
        assert "found" not in state
        assert state["folder"]
