"""Rows whose bytes are gone, or seem to be: what is taken down, what waits, and what is swept."""

import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from tests.service.held import let_leases_run_out
from tests.service.leftovers import finish, later, leave_uncompleted
from tests.service.test_concatenating import TEXTS, ids, join, make_part
from tests.service.test_service import CONTENT, NOBODY, append, begin, content, files, make, row
from tusbridge.body import BodyEnd
from tusbridge.errors import BlobTruncated, StoreError, UploadError
from tusbridge.models import AbstractUpload, Protocol, Upload
from tusbridge.protocol.rules import AppendRequest
from tusbridge.service import UploadService
from tusbridge.stores.local import LocalStore
from tusbridge.sweeping import Fate, Kind, Sweeper

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["later"]


@pytest.fixture
def partials(media: Path) -> Path:
    return media.with_name("media.partial")


@pytest.fixture(params=["power", "process"])
def durability(request: pytest.FixtureRequest, tusbridge_settings: Callable[..., None]) -> str:
    tusbridge_settings(DURABILITY=request.param)
    return str(request.param)


@pytest.fixture
def process(tusbridge_settings: Callable[..., None], media: Path) -> UploadService:
    """With the durability that a power cut may take bytes of."""
    tusbridge_settings(DURABILITY="process")
    return UploadService()


class TestAFolderThatIsNotThere:
    """Point 9: it looks like a power cut that took every file."""

    @pytest.mark.parametrize("present", [False, True], ids=["missing", "mount-point"])
    @pytest.mark.parametrize("at_hand", [False, True])
    def test_it_is_not_mounted(
        self, media: Path, partials: Path, durability: str, present: bool, at_hand: bool
    ) -> None:
        service = UploadService()
        upload = make(service)
        self.append_hello(service, upload, at_hand)
        away = partials.with_name("away")
        partials.rename(away)
        if present:
            (partials / "00").mkdir(parents=True)
        with pytest.raises(StoreError):
            service.head(upload.upload_id, NOBODY)
        with pytest.raises(UploadError):
            append(service, upload, 5, b"world")
        assert row(upload).offset == 5
        if partials.exists():
            partials.rename(partials.with_name("mount-point"))
        away.rename(partials)
        let_leases_run_out()
        assert service.head(upload.upload_id, NOBODY).offset == 5
        append(service, upload, 5, b"world")
        assert content(service, upload) == CONTENT

    def append_hello(self, service: UploadService, upload: AbstractUpload, at_hand: bool) -> None:
        request = AppendRequest(offset=0, content_length=5)
        appending = service.begin_append(upload, request, NOBODY, wait=0, at_hand=at_hand)
        assert appending is not None
        appending.feed([b"hello"])
        appending.end(BodyEnd.WHOLE)

    def test_the_setting_names_another_folder(
        self, durability: str, media: Path, tmp_path: Path, tusbridge_settings: Callable[..., None]
    ) -> None:
        service = UploadService()
        upload, other = make(service), make(service)
        append(service, upload, 0, b"hello")
        tusbridge_settings(DURABILITY=durability, PARTIALS_DIR=str(tmp_path / "elsewhere"))
        elsewhere = UploadService()
        append(elsewhere, other, 0, b"hello")  # which is in use
        with pytest.raises(StoreError):
            elsewhere.head(upload.upload_id, NOBODY)
        tusbridge_settings(DURABILITY=durability, PARTIALS_DIR=None)
        assert UploadService().head(upload.upload_id, NOBODY).offset == 5
        append(UploadService(), upload, 5, b"world")
        assert content(UploadService(), upload) == CONTENT

    def test_a_file_that_a_power_cut_took_is_begun_anew(
        self, process: UploadService, partials: Path
    ) -> None:
        upload = make(process)
        append(process, upload, 0, b"hello")
        lose(partials, upload.upload_id)
        assert process.head(upload.upload_id, NOBODY).offset == 0
        append(process, upload, 0, CONTENT)
        assert content(process, upload) == CONTENT


def lose(partials: Path, upload_id: str, bytes_left: int | None = None) -> None:
    """What a power cut does to files that were not synced."""
    for path in partials.rglob(f"{upload_id}*"):
        if path.suffix != ".lock":
            if bytes_left is None:
                path.unlink()
            else:
                path.write_bytes(path.read_bytes()[:bytes_left])


class TestTakenDown:
    """Point 10."""

    @pytest.mark.parametrize("left", [None, 3, 0])
    def test_below_its_last_segment_it_goes_on(
        self, process: UploadService, partials: Path, left: int | None
    ) -> None:
        upload = make(process)
        append(process, upload, 0, b"hello")
        stopped_in_mid_write(process, upload)
        append(process, upload, 5, b"wor")
        assert len(row(upload).store_state["segments"]) == 2
        (first,) = partials.rglob(upload.upload_id)
        if left is None:
            first.unlink()
        else:
            first.write_bytes(b"hello"[:left])
        let_leases_run_out()
        at = process.head(upload.upload_id, NOBODY).offset
        assert at == (left or 0)
        append(process, upload, at, CONTENT[at:7])
        assert process.head(upload.upload_id, NOBODY).offset == 7
        append(process, upload, 7, CONTENT[7:])
        assert content(process, upload) == CONTENT
        list(Sweeper(process, grace_seconds=-60).orphans())
        assert files(partials.with_name("media")) == [upload.upload_id]

    @pytest.mark.parametrize("left", [None, 1])
    def test_a_final_upload_goes_on_with_its_parts(
        self,
        process: UploadService,
        partials: Path,
        left: int | None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        parts = [make_part(process, text) for text in TEXTS]
        with monkeypatch.context() as patched:
            patched.setattr(UploadService, "settle_soon", lambda self, upload: upload)
            final = join(process, parts)
        if left is not None:
            # links and parts are the same files: as if the links had been copies
            for path in partials.rglob(f"{final.upload_id}*"):
                text = path.read_bytes()
                path.unlink()
                path.write_bytes(text)
        lose(partials, final.upload_id, left)
        for _ in range(3):
            let_leases_run_out()
            with suppress(BlobTruncated):
                process.head(final.upload_id, NOBODY)
        assert content(process, final) == b"".join(TEXTS)

    def test_one_without_its_parts_expires(
        self,
        process: UploadService,
        later: UploadService,
        partials: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        parts = [make_part(process, text) for text in TEXTS]
        with monkeypatch.context() as patched:
            patched.setattr(UploadService, "settle_soon", lambda self, upload: upload)
            final = join(process, parts)
        for upload_id in [final.upload_id, *ids(parts)]:
            lose(partials, upload_id)
        let_leases_run_out()
        for _ in range(2):
            let_leases_run_out()
            with suppress(StoreError):
                assert process.head(final.upload_id, NOBODY).is_waiting
        later.sweep()
        later.sweep()
        assert not Upload.objects.exists()

    @pytest.mark.parametrize("is_far", [False, True])
    def test_a_published_file_that_was_cut_goes_on(
        self, process: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch, is_far: bool
    ) -> None:
        """It was renamed, or copied, and a crash came before its row said so."""
        upload = make(process)

        def die(*args: object, **kwargs: object) -> bool:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("tusbridge.leases.complete", die)
            with pytest.raises(KeyboardInterrupt):
                append(process, upload, 0, CONTENT)
        let_leases_run_out()
        (published,) = media.rglob(upload.upload_id)
        published.write_bytes(CONTENT[:4])
        with monkeypatch.context() as patched:
            if is_far:
                patched.setattr(os, "rename", rename_within(media))
            with suppress(UploadError):
                process.head(upload.upload_id, NOBODY)
        assert process.head(upload.upload_id, NOBODY).offset == 4
        append(process, upload, 4, CONTENT[4:])
        assert content(process, upload) == CONTENT
        assert files(media) == [upload.upload_id]


def rename_within(media: Path) -> Callable[[str, str], None]:
    """As where finished files lie on another file system."""
    real = os.rename

    def rename(source: str, target: str) -> None:
        if Path(source).is_relative_to(media) != Path(target).is_relative_to(media):
            raise OSError(errno.EXDEV, "another file system")
        real(source, target)

    return rename


def stopped_in_mid_write(service: UploadService, upload: AbstractUpload) -> None:
    """A process that was stopped while it wrote; it holds the lock for as long as the test runs."""
    store: Any = service.store_of(upload)
    store.lock_patience = 0.01
    stopped = begin(service, upload, 5)
    stopped.feed([b"XX"])
    writer: Any = stopped._writer
    fcntl.flock(writer._lock, fcntl.LOCK_EX)
    kept.append(stopped)
    let_leases_run_out()


kept: list[Any] = []


@pytest.fixture(autouse=True)
def _let_the_stopped_go() -> Any:
    yield
    for stopped in kept:
        stopped.close()
    kept.clear()


class TestSweep:
    def test_a_row_with_all_bytes_whose_bytes_are_gone_is_swept(
        self,
        service: UploadService,
        later: UploadService,
        partials: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Point 11: once it has expired. Before that an operator may bring the bytes back."""
        upload = leave_uncompleted(service, monkeypatch)
        lose(partials, upload.upload_id)
        (partials / "00").mkdir()
        assert service.sweep().failed == 1
        assert row(upload).offset == 10
        assert later.sweep().removed == 1
        assert not Upload.objects.exists()
        with pytest.raises(UploadError):
            service.head(upload.upload_id, NOBODY)

    def test_not_while_the_folder_is_away(
        self,
        service: UploadService,
        later: UploadService,
        partials: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        upload = leave_uncompleted(service, monkeypatch)
        away = partials.rename(partials.with_name("away"))
        assert later.sweep().removed == 0
        away.rename(partials)
        let_leases_run_out()
        assert later.sweep().completed == 1
        assert content(service, upload) == CONTENT

    def test_one_that_never_expires_goes_on_request(
        self, service: UploadService, partials: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = finish(service)
        gone = leave_uncompleted(service, monkeypatch)
        left = leave_uncompleted(service, monkeypatch)
        lose(partials, gone.upload_id)
        Upload.objects.update(expires_at=None)
        found = list(Sweeper(service).missing(remove=False))
        assert [(f.kind, f.what, f.fate) for f in found] == [
            (Kind.MISSING, gone.upload_id, Fate.SPARED)
        ]
        assert [f.fate for f in Sweeper(service, dry_run=True).missing(remove=True)] == [Fate.SWEPT]
        assert [f.fate for f in Sweeper(service).missing(remove=True)] == [Fate.SWEPT]
        assert set(Upload.objects.values_list("pk", flat=True)) == {left.pk, kept.pk}

    @pytest.mark.parametrize("how", ["alias", "bytes", "terminated"])
    def test_uploads_that_fail_do_not_keep_it_from_the_others(
        self,
        service: UploadService,
        later: UploadService,
        partials: Path,
        how: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Point 8: they are first in every order."""
        bad = [make(service) for _ in range(7)]
        good = [make(service) for _ in range(3)]
        for upload in good:
            append(service, upload, 0, b"hello")
        if how == "alias":
            Upload.objects.filter(pk__in=[u.pk for u in bad]).update(storage_alias="gone")
        elif how == "bytes":
            Upload.objects.filter(pk__in=[u.pk for u in bad]).update(offset=10)
            partials.rename(partials.with_name("away"))
            partials.mkdir()
            let_leases_run_out()
        else:
            Upload.objects.filter(pk__in=[u.pk for u in bad]).update(
                storage_alias="gone", status=3, expires_at=None
            )
        for _ in range(6):
            later.sweep(limit=2)
        assert not Upload.objects.filter(pk__in=[u.pk for u in good]).exists()

    def test_an_error_of_the_sites_does_not_keep_it_from_the_others(
        self, later: UploadService, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = make(service), make(service)
        delete = LocalStore.delete

        def fail(self: LocalStore, blob: Any, name: str) -> None:
            if blob.key == first.upload_id:
                raise RuntimeError("a bug")
            delete(self, blob, name)

        monkeypatch.setattr(LocalStore, "delete", fail)
        result = later.sweep()
        assert (result.removed, result.failed) == (1, 1)
        assert list(Upload.objects.values_list("pk", flat=True)) == [first.pk]
        with pytest.raises(UploadError):
            later.head(second.upload_id, NOBODY)


class TestFound:
    """Point 6: the name of what another program left may be another file's once it is ours."""

    @pytest.fixture
    def upload(self, service: UploadService, media: Path) -> AbstractUpload:
        upload = make(service)
        Upload.objects.filter(pk=upload.pk).update(store_state={"found": "chunked/left"}, offset=5)
        self.put(media, b"hello")
        return row(upload)

    def put(self, media: Path, text: bytes) -> None:
        (media / "chunked").mkdir(parents=True, exist_ok=True)
        (media / "chunked" / "left").write_bytes(text)

    def others(self, media: Path) -> bytes:
        return (media / "chunked" / "left").read_bytes()

    @pytest.mark.parametrize("how", ["terminate", "expire", "delete"])
    @pytest.mark.parametrize("is_committed", [True, False])
    def test_another_files_bytes_stay(
        self,
        service: UploadService,
        later: UploadService,
        media: Path,
        upload: AbstractUpload,
        how: str,
        is_committed: bool,
    ) -> None:
        if is_committed:
            append(service, upload, 5, b"wo")
            assert "found" not in row(upload).store_state
        else:
            killed = begin(service, upload, 5)
            killed.feed([b"wo"])
            killed.close()
            let_leases_run_out()
        self.put(media, b"another's")
        self.end(service, later, upload, how)
        assert self.others(media) == b"another's"
        assert [name for name in files(media) if name != "left"] == []

    def end(
        self, service: UploadService, later: UploadService, upload: AbstractUpload, how: str
    ) -> None:
        if how == "terminate":
            service.terminate(row(upload))
        elif how == "expire":
            assert later.sweep().removed == 1
        else:
            row(upload).delete()
        assert not Upload.objects.exists()

    @pytest.mark.parametrize("how", ["terminate", "expire", "delete"])
    def test_what_was_never_made_ours_goes(
        self,
        service: UploadService,
        later: UploadService,
        media: Path,
        upload: AbstractUpload,
        how: str,
    ) -> None:
        self.end(service, later, upload, how)
        assert files(media) == []

    def test_a_crash_between_the_bytes_and_the_row(
        self,
        service: UploadService,
        media: Path,
        upload: AbstractUpload,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Then the name is given away, then the row is cleared up."""
        append(service, upload, 5, b"wo")
        Upload.objects.filter(pk=upload.pk).update(store_state={"found": "chunked/left"})

        def die(*args: object, **kwargs: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("django.db.models.query.QuerySet.delete", die)
            with pytest.raises(KeyboardInterrupt):
                service.terminate(row(upload))
        self.put(media, b"another's")
        service.sweep()
        assert not Upload.objects.exists()
        assert self.others(media) == b"another's"

    def test_two_requests_that_end_it_at_once(
        self,
        service: UploadService,
        media: Path,
        upload: AbstractUpload,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        take = LocalStore.take

        def held(self: LocalStore, *args: Any) -> Any:
            monkeypatch.undo()
            service.sweep()
            assert not Upload.objects.exists()
            put(media, b"another's")
            return take(self, *args)

        put = self.put
        monkeypatch.setattr(LocalStore, "take", held)
        service.terminate(row(upload))
        assert self.others(media) == b"another's"
        assert files(media) == ["left"]

    def test_a_crash_between_a_finished_file_and_its_row(
        self,
        service: UploadService,
        media: Path,
        upload: AbstractUpload,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Of an upload that was complete before it came to us, under a name that others may get."""
        Upload.objects.update(status=2, file="chunked/left", store_state={})

        def die(*args: object, **kwargs: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("django.db.models.query.QuerySet.delete", die)
            with pytest.raises(KeyboardInterrupt):
                service.terminate(row(upload))
        assert files(media) == []
        self.put(media, b"another's")
        service.sweep()
        assert not Upload.objects.exists()
        assert self.others(media) == b"another's"

    def test_a_crash_behind_the_publication(
        self,
        service: UploadService,
        media: Path,
        upload: AbstractUpload,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def die(*args: object, **kwargs: object) -> bool:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("tusbridge.leases.complete", die)
            with pytest.raises(KeyboardInterrupt):
                append(service, upload, 5, b"world")
        Upload.objects.update(
            store_state={"found": "chunked/left"},
            progress_at=timezone.now() - timedelta(minutes=10),
        )
        let_leases_run_out()
        self.put(media, b"another's")
        assert service.head(upload.upload_id, NOBODY).is_complete
        assert content(service, upload) == CONTENT
        assert self.others(media) == b"another's"


class TestWithinTheSitesTransaction:
    """What is rolled back has happened to no byte."""

    def test_a_completion_that_is_rolled_back_is_done_again(
        self, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        Upload.objects.update(protocol=Protocol.LEGACY)
        with suppress(ZeroDivisionError), transaction.atomic():
            service.complete(row(upload))
            assert row(upload).is_complete
            raise ZeroDivisionError
        assert not row(upload).is_complete
        assert service.head(upload.upload_id, NOBODY).offset == 5
        append(service, upload, 5, b"world")
        assert content(service, upload) == CONTENT
        assert [path.read_bytes() for path in media.rglob("*") if path.is_file()] == [CONTENT]

    def test_one_that_is_committed_leaves_nothing(
        self, service: UploadService, media: Path
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        Upload.objects.update(protocol=Protocol.LEGACY)
        with transaction.atomic():
            service.complete(row(upload))
        assert content(service, upload) == b"hello"
        assert files(media) == [upload.upload_id]

    @pytest.mark.parametrize("text", [b"hello", CONTENT], ids=["unfinished", "finished"])
    def test_an_end_that_is_rolled_back_takes_no_byte(
        self, service: UploadService, media: Path, text: bytes
    ) -> None:
        upload = make(service)
        append(service, upload, 0, text)
        with suppress(ZeroDivisionError), transaction.atomic():
            service.terminate(row(upload))
            raise ZeroDivisionError
        assert service.head(upload.upload_id, NOBODY).offset == len(text)
        if len(text) < 10:
            append(service, upload, len(text), CONTENT[len(text) :])
        assert content(service, upload) == CONTENT
        with transaction.atomic():
            service.terminate(row(upload))
        assert files(media) == []
        assert not Upload.objects.exists()

    def test_what_cannot_be_cleared_up_does_not_fail_the_completion(
        self, service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = make(service)

        def full(self: LocalStore, segment: Any) -> None:
            raise OSError(28, "full")

        with monkeypatch.context() as patched:
            patched.setattr(LocalStore, "_remove_segment", full)
            assert append(service, upload, 0, CONTENT).is_complete
        list(Sweeper(service, grace_seconds=-60).orphans())
        assert files(media) == [upload.upload_id]
