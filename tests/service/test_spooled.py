"""Uploads for a storage that is no folder: the same from the first byte to the download."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, storages
from django.db import connections
from django.test import Client
from django.utils import timezone

from tests.gallery.models import Video
from tests.service.leftovers import put_orphan
from tests.service.test_concatenating import TEXTS, join, make_part
from tests.service.test_service import CONTENT, NOBODY, append, content, files, make, row
from tusbridge import completing
from tusbridge.errors import LeaseLost, StoreError, UploadBusy, UploadNotFound
from tusbridge.models import AbstractUpload, Upload
from tusbridge.service import UploadService
from tusbridge.stores import spooled
from tusbridge.stores.spooled import SpooledStore
from tusbridge.sweeping import Fate, Kind, Sweeper

pytestmark = pytest.mark.django_db(transaction=True)

TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
def storage(settings: Any, media: Path) -> InMemoryStorage:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    found = storages["default"]
    assert isinstance(found, InMemoryStorage)
    return found


@pytest.fixture
def service(storage: InMemoryStorage, db: None) -> UploadService:
    return UploadService()


def finish(service: UploadService, data: bytes = CONTENT) -> AbstractUpload:
    upload = make(service, len(data))
    append(service, upload, 0, data)
    return row(upload)


def refuse(*args: object, **kwargs: object) -> Any:
    raise ConnectionResetError("the object store is away")


class TestFromFirstByteToDownload:
    def test_pieces_come_and_become_the_storages_file(
        self, service: UploadService, storage: InMemoryStorage, media: Path
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        assert upload.upload_id in files(media)
        assert service.head(upload.upload_id, NOBODY).offset == 5
        append(service, upload, 5, b"world")
        assert row(upload).is_complete
        assert storage.open(row(upload).file.name).read() == CONTENT
        assert content(service, upload) == CONTENT
        assert files(media) == []

    def test_over_tus_with_ranges(self, storage: InMemoryStorage, client: Client) -> None:
        body_type = "application/offset+octet-stream"
        fields = {**TUS, "Upload-Length": "10"}
        url = client.post("/files/", b"", content_type=body_type, headers=fields)["Location"]
        for offset in (0, 5):
            answer = client.patch(
                url,
                CONTENT[offset : offset + 5],
                content_type=body_type,
                headers={**TUS, "Upload-Offset": str(offset)},
            )
            assert answer.status_code == 204
        whole = client.get(url)
        assert (whole.status_code, b"".join(whole)) == (200, CONTENT)
        for wanted, expected in {"2-4": b"llo", "7-": b"rld", "-2": b"ld", "0-99": CONTENT}.items():
            part = client.get(url, headers={"Range": f"bytes={wanted}"})
            assert (part.status_code, b"".join(part)) == (206, expected)
        assert client.get(url, headers={"Range": "bytes=10-"}).status_code == 416
        storage.delete(str(Upload.objects.get().file.name))
        assert client.get(url).status_code == 404

    def test_final_uploads_are_joined(self, service: UploadService, media: Path) -> None:
        final = join(service, [make_part(service, text) for text in TEXTS])
        assert content(service, final) == b"".join(TEXTS)

    def test_terminating_takes_the_file_along(
        self, service: UploadService, storage: InMemoryStorage
    ) -> None:
        upload = finish(service)
        name = str(upload.file.name)
        service.terminate(upload)
        assert not storage.exists(name)
        assert not Upload.objects.exists()

    def test_bytes_that_another_program_left_are_gone_on_with(
        self, service: UploadService, storage: InMemoryStorage
    ) -> None:
        storage.save("old/left.part", ContentFile(b"hello-and-more"))
        upload = make(service)
        Upload.objects.update(offset=5, store_state={"found": "old/left.part"})
        assert service.head(upload.upload_id, NOBODY).offset == 5
        append(service, upload, 5, b"world")
        assert content(service, upload) == CONTENT
        assert not storage.exists("old/left.part")


class TestCompleting:
    def test_a_storage_that_is_away_costs_nothing_but_time(
        self, service: UploadService, storage: InMemoryStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = make(service)
        with monkeypatch.context() as patched:
            patched.setattr(storage, "save", refuse)
            with pytest.raises(StoreError):
                append(service, upload, 0, CONTENT)
        assert not row(upload).is_complete
        assert service.head(upload.upload_id, NOBODY).is_complete
        assert content(service, upload) == CONTENT

    def test_what_takes_long_is_saved_behind_the_answer(
        self,
        service: UploadService,
        storage: InMemoryStorage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(completing, "COPY_WHILE_WAITING", 9)
        go, done = threading.Event(), threading.Event()
        save, settle = storage.save, UploadService.settle

        def slowly(*args: Any, **kwargs: Any) -> str:
            assert go.wait(20)
            return save(*args, **kwargs)

        def noted(self: UploadService, upload: AbstractUpload) -> AbstractUpload:
            try:
                return settle(self, upload)
            finally:
                connections.close_all()
                done.set()

        monkeypatch.setattr(storage, "save", slowly)
        monkeypatch.setattr(UploadService, "settle", noted)
        upload = make(service)
        append(service, upload, 0, CONTENT)
        head = service.head(upload.upload_id, NOBODY)
        assert (head.offset, head.is_complete) == (10, False)
        with pytest.raises(UploadBusy):
            service.read(upload.upload_id, NOBODY)
        go.set()
        assert done.wait(20)
        assert content(service, upload) == CONTENT

    def test_what_a_crash_left_of_that_the_sweep_makes_up_for(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(completing, "COPY_WHILE_WAITING", 9)
        monkeypatch.setattr(completing, "in_background", lambda *args: None)
        upload = make(service)
        append(service, upload, 0, CONTENT)
        assert not row(upload).is_complete
        later = UploadService(clock=lambda: timezone.now() + timedelta(minutes=3))
        assert later.sweep().completed == 1
        assert content(service, upload) == CONTENT

    def test_a_storage_that_sends_for_long_keeps_the_lease_and_no_connection(
        self,
        service: UploadService,
        storage: InMemoryStorage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The lease is renewed from another thread, which gives its connections back."""
        monkeypatch.setattr(spooled, "BEAT_SECONDS", 0.01)
        renewed = threading.Event()
        left: list[int] = []
        release, save, owner = completing.release_connections, storage.save, threading.get_ident()

        def released() -> None:
            release()
            if threading.get_ident() != owner:
                left.append(sum(one.connection is not None for one in connections.all()))
                renewed.set()

        def send(*args: Any, **kwargs: Any) -> str:
            assert renewed.wait(20)
            return save(*args, **kwargs)

        monkeypatch.setattr(completing, "release_connections", released)
        monkeypatch.setattr(storage, "save", send)
        upload = finish(service)
        assert upload.is_complete
        assert set(left) == {0}

    def test_who_is_overtaken_in_mid_save_leaves_the_upload_to_the_other(
        self,
        service: UploadService,
        storage: InMemoryStorage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        upload = make(service)
        save = storage.save

        def overtaken(name: str, *args: Any, **kwargs: Any) -> str:
            monkeypatch.undo()
            Upload.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
            Upload.objects.update(progress_at=timezone.now() - timedelta(minutes=1))
            assert service.head(upload.upload_id, NOBODY).is_complete
            return save(name, *args, **kwargs)

        monkeypatch.setattr(storage, "save", overtaken)
        with pytest.raises(LeaseLost):
            append(service, upload, 0, CONTENT)
        assert content(service, upload) == CONTENT
        name = str(row(upload).file.name)
        assert storage.listdir(str(Path(name).parent)) == ([], [Path(name).name])


class TestAttaching:
    @pytest.mark.parametrize("target", ["local", "memory"])
    def test_the_file_is_copied_in_pieces(
        self,
        service: UploadService,
        storage: InMemoryStorage,
        monkeypatch: pytest.MonkeyPatch,
        target: str,
        tmp_path: Path,
    ) -> None:
        field = Video._meta.get_field("file")
        own = FileSystemStorage(location=tmp_path / "videos") if target == "local" else storage
        monkeypatch.setattr(field, "storage", own)
        data = bytes(range(256)) * 2000
        upload = finish(service, data)
        source = str(upload.file.name)
        sizes: list[int] = []
        real = storage.open

        def watch(name: str, mode: str = "rb") -> Any:
            file = real(name, mode)
            read = file.file.read

            def measured(size: int = -1) -> bytes:
                piece: bytes = read(size)
                sizes.append(len(piece))
                return piece

            if name == source:
                return _Watched(file, measured)
            return file

        monkeypatch.setattr(storage, "open", watch)
        video = Video()
        upload.attach(video.file)
        assert max(sizes) <= 65536
        with Video.objects.get(pk=video.pk).file.open("rb") as file:
            assert file.read() == data
        assert not storage.exists(source)
        with pytest.raises(UploadNotFound):
            service.read(upload.upload_id, NOBODY)

    def test_a_file_that_is_gone_is_told(
        self, service: UploadService, storage: InMemoryStorage
    ) -> None:
        upload = finish(service)
        storage.delete(str(upload.file.name))
        with pytest.raises(UploadNotFound):
            upload.attach(Video().file)


class _Watched(ContentFile):  # type: ignore[type-arg]
    """A file whose reads are measured."""

    def __init__(self, file: Any, read: Callable[[int], bytes]) -> None:
        super().__init__(b"")
        self.file = file.file
        self.size = file.size
        self._read = read

    def read(self, size: int = -1) -> bytes:
        return self._read(size)


class TestSweeping:
    def test_orphans_in_the_folder_are_found(self, service: UploadService, media: Path) -> None:
        upload = finish(service)
        put_orphan(media.with_name("media.partial"))
        (found,) = Sweeper(service).orphans()
        assert (found.kind, found.fate) == (Kind.ORPHAN, Fate.SWEPT)
        assert content(service, upload) == CONTENT

    def test_a_file_that_is_gone_is_told(
        self, service: UploadService, storage: InMemoryStorage
    ) -> None:
        upload = finish(service)
        storage.delete(str(upload.file.name))
        (found,) = Sweeper(service).missing(remove=False)
        assert (found.kind, found.what) == (Kind.MISSING, upload.upload_id)

    @pytest.mark.parametrize("alias", ["archive", "zoo"])
    def test_a_folder_that_is_shared_hides_no_copies_beside_finished_files(
        self, settings: Any, media: Path, db: None, alias: str
    ) -> None:
        """A local storage and one that is not have their unfinished bytes in the same folder."""
        settings.STORAGES = {
            **settings.STORAGES,
            alias: {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        }
        service = UploadService()
        upload = finish(service)
        make(service)
        Upload.objects.exclude(pk=upload.pk).update(storage_alias=alias)
        copy = put_orphan(media, f"{'0' * 32}.{'1' * 32}.part")
        (found,) = Sweeper(service).orphans()
        assert found.what == str(copy)
        assert not copy.exists()


def test_the_store_is_the_spooled_one(service: UploadService) -> None:
    assert isinstance(service.store_of(make(service)), SpooledStore)
