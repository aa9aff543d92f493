"""``upload.attach(video.file)``: whose the bytes are at every step, and what a crash leaves."""

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test import Client
from django.utils import timezone

from tests.gallery.models import Video
from tests.service.leftovers import finish
from tests.service.test_service import CONTENT, NOBODY, append, files, make
from tusbridge.errors import (
    AlreadyAttached,
    PartialUpload,
    UploadIncomplete,
    UploadNotFound,
)
from tusbridge.models import AbstractUpload, Concat, Status, Upload
from tusbridge.service import UploadService
from tusbridge.sweeping import Fate, Kind, Sweeper

ATTACHED_TO = {"model": "gallery.video", "field": "file", "name": "videos/hello"}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def upload(service: UploadService) -> AbstractUpload:
    return finish(service)


def read(video: Video) -> bytes:
    with Video.objects.get(pk=video.pk).file.open("rb") as file:
        content: bytes = file.read()
        return content


def row(upload: AbstractUpload) -> AbstractUpload:
    found: AbstractUpload = Upload.objects.get(pk=upload.pk)
    return found


class TestHandingOver:
    def test_the_file_is_the_instances_and_the_upload_stays_complete(
        self, upload: AbstractUpload, service: UploadService, media: Path
    ) -> None:
        video = Video()
        name = upload.attach(video.file)
        assert name == video.file.name == "videos/hello"
        assert read(video) == CONTENT
        assert files(media) == ["hello"]
        for seen in (upload, row(upload)):
            assert (seen.is_complete, seen.file.name, seen.is_attached) == (True, "", True)
            assert seen.store_state == {"attached": ATTACHED_TO}
        head = service.head(upload.upload_id, NOBODY)
        assert (head.offset, head.length) == (10, 10)
        with pytest.raises(UploadNotFound):
            service.read(upload.upload_id, NOBODY)

    def test_over_tus_head_tells_the_length_and_get_is_404(
        self, upload: AbstractUpload, client: Client
    ) -> None:
        url = f"/files/{upload.upload_id}"
        assert client.get(url).status_code == 200
        upload.attach(Video().file)
        head = client.head(url, headers={"tus-resumable": "1.0.0"})
        assert (head.status_code, head["Upload-Offset"]) == (200, "10")
        assert client.get(url).status_code == 404

    def test_on_a_local_storage_no_byte_is_copied(
        self, upload: AbstractUpload, media: Path
    ) -> None:
        before = (media / upload.file.name).stat()
        video = Video()
        upload.attach(video.file)
        after = Path(video.file.path).stat()
        assert (after.st_ino, after.st_nlink) == (before.st_ino, 1)

    def test_permissions_are_the_fields_storages(
        self, upload: AbstractUpload, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        storage = FileSystemStorage(location=tmp_path / "else", file_permissions_mode=0o604)
        monkeypatch.setattr(Video._meta.get_field("file"), "storage", storage)
        video = Video()
        upload.attach(video.file)
        assert Path(storage.path(video.file.name)).stat().st_mode & 0o777 == 0o604
        assert read(video) == CONTENT

    def test_to_another_storage_it_is_copied_in_pieces(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch, media: Path
    ) -> None:
        storage = InMemoryStorage()
        monkeypatch.setattr(Video._meta.get_field("file"), "storage", storage)
        sizes = []
        save = storage._save

        def look(name: str, content: Any) -> str:
            assert not hasattr(content, "temporary_file_path")
            sizes.extend(len(chunk) for chunk in content.chunks())
            content.seek(0)
            return save(name, content)

        monkeypatch.setattr(storage, "_save", look)
        upload = make(service, 300_000)
        append(service, upload, 0, bytes(300_000))
        video = Video()
        upload.attach(video.file)
        assert len(read(video)) == 300_000
        assert max(sizes) <= 65536
        assert files(media) == []

    def test_over_file_systems_it_is_copied(
        self, upload: AbstractUpload, monkeypatch: pytest.MonkeyPatch, media: Path
    ) -> None:
        rename = os.rename

        def refuse(source: str, target: str) -> None:
            if "/videos/" in target:
                raise OSError(errno.EXDEV, "another file system")
            rename(source, target)

        monkeypatch.setattr(os, "rename", refuse)
        video = Video()
        upload.attach(video.file)
        assert read(video) == CONTENT
        assert files(media) == ["hello"]

    def test_without_hard_links_it_is_copied(
        self, upload: AbstractUpload, monkeypatch: pytest.MonkeyPatch, media: Path
    ) -> None:
        def refuse(source: str, target: str) -> None:
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", refuse)
        video = Video()
        upload.attach(video.file)
        assert read(video) == CONTENT
        assert files(media) == ["hello"]

    def test_a_storage_that_reads_instead_of_moving_leaves_nothing_behind(
        self, upload: AbstractUpload, monkeypatch: pytest.MonkeyPatch, media: Path
    ) -> None:
        class Reading(FileSystemStorage):
            def _save(self, name: str, content: Any) -> str:
                return super()._save(name, ContentFile(content.read()))

        monkeypatch.setattr(Video._meta.get_field("file"), "storage", Reading(location=media))
        video = Video()
        upload.attach(video.file)
        assert read(video) == CONTENT
        assert files(media) == [Path(video.file.name).name]

    def test_a_saved_instance_is_saved_again(self, upload: AbstractUpload) -> None:
        video = Video.objects.create(title="before")
        upload.attach(video.file)
        assert Video.objects.get().file.name == video.file.name

    def test_the_upload_at_hand_may_be_old(self, upload: AbstractUpload) -> None:
        old = row(upload)
        old.status, old.file = Status.UPLOADING, ""
        assert old.attach(Video().file)

    def test_the_storage_is_the_one_the_upload_went_to(
        self,
        service: UploadService,
        settings: Any,
        tmp_path: Path,
        tusbridge_settings: Callable[..., None],
    ) -> None:
        settings.STORAGES = {
            **settings.STORAGES,
            "archive": {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": str(tmp_path / "archive")},
            },
        }
        tusbridge_settings(STORAGE="archive")
        upload = finish(UploadService())
        tusbridge_settings(STORAGE="default")
        video = Video()
        upload.attach(video.file)
        assert read(video) == CONTENT
        assert files(tmp_path / "archive") == []


class TestNames:
    @pytest.mark.parametrize(
        ("filename", "name"),
        [
            ("clip.mp4", "clip.mp4"),
            ("häuser ☃.bin", "häuser_.bin"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\clip.mp4", "clip.mp4"),
            ("fdp.\u202egnp.exe", "fdp.gnp.exe"),
            ("two\nlines", "twolines"),
            ("", None),
            ("..", None),
            ("/", None),
            ("\u2028", None),
            (f"x.{'e' * 200}", None),
        ],
    )
    def test_R23_the_clients_name_is_data_and_never_a_path(  # noqa: N802
        self, upload: AbstractUpload, filename: str, name: str | None
    ) -> None:
        Upload.objects.update(filename=filename)
        video = Video()
        assert upload.attach(video.file) == f"videos/{name or upload.upload_id}"
        assert read(video) == CONTENT

    def test_a_long_name_is_cut_as_the_field_needs_it(self, upload: AbstractUpload) -> None:
        Upload.objects.update(filename="n" * 250 + ".mp4")
        video = Video()
        name = upload.attach(video.file)
        assert len(name) == 100
        assert name.endswith(".mp4")

    def test_a_name_that_is_taken_gets_a_suffix(self, service: UploadService) -> None:
        first, second = Video(), Video()
        names = {finish(service).attach(video.file) for video in (first, second)}
        assert len(names) == 2
        assert read(first) == read(second) == CONTENT

    def test_a_name_may_be_given(self, upload: AbstractUpload) -> None:
        assert upload.attach(Video().file, name="own.mp4") == "videos/own.mp4"

    def test_a_name_that_is_given_is_checked_by_django(
        self, upload: AbstractUpload, service: UploadService
    ) -> None:
        with pytest.raises(SuspiciousFileOperation):
            upload.attach(Video().file, name="..")
        assert service.read(upload.upload_id, NOBODY)


class TestRefusals:
    def test_an_unfinished_upload_is_refused(self, service: UploadService) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        with pytest.raises(UploadIncomplete) as caught:
            upload.attach(Video().file)
        assert (caught.value.offset, caught.value.length) == (5, 10)

    def test_a_second_time_is_refused_and_takes_nothing(self, upload: AbstractUpload) -> None:
        video = Video()
        upload.attach(video.file)
        for seen in (upload, row(upload)):
            with pytest.raises(AlreadyAttached):
                seen.attach(Video().file)
        assert read(video) == CONTENT

    def test_a_part_of_a_concatenation_is_refused(self, upload: AbstractUpload) -> None:
        Upload.objects.update(concat=Concat.PARTIAL)
        with pytest.raises(PartialUpload):
            upload.attach(Video().file)

    @pytest.mark.parametrize("gone", ["row", "terminated", "file"])
    def test_what_is_not_there_any_more_is_told(
        self, upload: AbstractUpload, media: Path, gone: str
    ) -> None:
        if gone == "row":
            Upload.objects.all().delete()
        elif gone == "terminated":
            Upload.objects.update(status=Status.TERMINATED)
        else:
            (media / upload.file.name).unlink()
        with pytest.raises(UploadNotFound):
            upload.attach(Video().file)
        assert not Video.objects.exists()

    def test_a_file_that_is_gone_is_told_where_it_would_be_copied(
        self, upload: AbstractUpload, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Video._meta.get_field("file"), "storage", InMemoryStorage())
        (media / upload.file.name).unlink()
        with pytest.raises(UploadNotFound):
            upload.attach(Video().file)

    def test_only_a_field_of_something_else_will_do(self, upload: AbstractUpload) -> None:
        for target in (Video(), "videos/x", upload.file):
            with pytest.raises(TypeError):
                upload.attach(target)  # type: ignore[arg-type]

    def test_saving_later_needs_a_transaction(self, upload: AbstractUpload) -> None:
        with pytest.raises(TransactionManagementError):
            upload.attach(Video().file, save=False)
        assert row(upload).file.name


class TestTransactions:
    def test_with_save_later_both_are_committed_at_once(
        self, upload: AbstractUpload, media: Path
    ) -> None:
        video = Video(title="mine")
        former = media / upload.file.name
        with transaction.atomic():
            upload.attach(video.file, save=False)
            assert former.exists()
            video.save()
        assert not former.exists()
        assert read(video) == CONTENT

    @pytest.mark.parametrize("save", [True, False])
    def test_a_transaction_that_is_rolled_back_leaves_the_upload_as_it_was(
        self, upload: AbstractUpload, service: UploadService, save: bool
    ) -> None:
        video = Video()
        with pytest.raises(ValueError, match="later"), transaction.atomic():  # noqa: PT012
            upload.attach(video.file, save=save)
            raise ValueError("something later went wrong")
        assert not Video.objects.exists()
        again = row(upload)
        assert b"".join(service.open(again, 0, 10)) == CONTENT
        another = Video()
        again.attach(another.file)
        assert read(another) == CONTENT

    def test_an_instance_that_cannot_be_saved_leaves_nothing(
        self, upload: AbstractUpload, service: UploadService, media: Path
    ) -> None:
        video = Video(title=None)  # type: ignore[misc]
        with pytest.raises(DatabaseError):
            upload.attach(video.file)
        assert video.file.name == ""
        assert files(media) == [upload.upload_id]
        assert b"".join(service.open(row(upload), 0, 10)) == CONTENT
        video.title = "now"
        row(upload).attach(video.file)
        assert read(video) == CONTENT

    def test_a_commit_without_an_answer_costs_no_byte(
        self, upload: AbstractUpload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was carried out, and the connection was lost before its answer."""
        video = Video()
        commit = connection._commit  # type: ignore[attr-defined]

        def lose() -> None:
            commit()
            raise OperationalError("server closed the connection unexpectedly")

        with monkeypatch.context() as patched:
            patched.setattr(connection, "_commit", lose)
            with pytest.raises(OperationalError):
                upload.attach(video.file)
        saved = Video.objects.first()
        if saved is None:
            assert row(upload).attach(Video().file)
        else:
            list(Sweeper(UploadService()).orphans())
            assert read(saved) == CONTENT

    @pytest.mark.parametrize("meet", ["looking-for-a-name", "with-a-copy-each"])
    @pytest.mark.parametrize("share", ["one-upload", "one-name"])
    @pytest.mark.parametrize("where", ["linked", "copied"])
    def test_of_two_at_once_each_has_its_own_or_is_refused(
        self,
        service: UploadService,
        media: Path,
        monkeypatch: pytest.MonkeyPatch,
        meet: str,
        share: str,
        where: str,
    ) -> None:
        """Django looks for a free name, then takes it: both have found the same one by then."""
        if where == "copied":
            monkeypatch.setattr(os, "link", raise_no_links)
        first = finish(service)
        second = first if share == "one-upload" else make(service)
        if second is not first:
            append(service, second, 0, b"HELLOWORLD")
        barrier = threading.Barrier(2, timeout=20)
        met = threading.local()
        method = "get_available_name" if meet == "looking-for-a-name" else "save"
        real = getattr(Storage, method)

        def together(*args: Any, **options: Any) -> str:
            name: str = real(*args, **options)
            if not hasattr(met, "once"):
                met.once = barrier.wait()
            return name

        monkeypatch.setattr(Storage, method, together)
        outcomes: list[str] = []

        def run(upload: AbstractUpload, title: str) -> None:
            try:
                row(upload).attach(Video(title=title).file)
                outcomes.append("attached")
            except AlreadyAttached:
                outcomes.append("refused")
            finally:
                connection.close()

        threads = [
            threading.Thread(target=run, args=(upload, title))
            for upload, title in ((first, "first"), (second, "second"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        if share == "one-upload":
            assert sorted(outcomes) == ["attached", "refused"]
            assert read(Video.objects.get()) == CONTENT
        else:
            assert outcomes == ["attached"] * 2
            videos = {video.title: read(video) for video in Video.objects.all()}
            assert videos == {"first": CONTENT, "second": b"HELLOWORLD"}
        assert len(files(media)) == Video.objects.count()

    def test_an_upload_that_is_terminated_meanwhile_leaves_nothing(
        self,
        upload: AbstractUpload,
        service: UploadService,
        media: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        import tusbridge.attaching as attaching

        monkeypatch.setattr(attaching, "_make_durable", lambda *args: service.terminate(upload))
        with pytest.raises(UploadNotFound):
            upload.attach(Video().file)
        assert not Video.objects.exists()
        assert files(media) == []

    @pytest.mark.parametrize("kind", ["allow_overwrite", "own_names"])
    def test_where_names_are_given_twice_a_refusal_takes_no_file_back(
        self,
        upload: AbstractUpload,
        media: Path,
        monkeypatch: pytest.MonkeyPatch,
        kind: str,
    ) -> None:
        """Such storages have one file for both, and it is the other one's."""

        class OwnNames(FileSystemStorage):
            def get_available_name(self, name: str, max_length: int | None = None) -> str:
                self.delete(name)
                return name

        plain = FileSystemStorage(location=media, allow_overwrite=True)
        storage = plain if kind == "allow_overwrite" else OwnNames(location=media)
        monkeypatch.setattr(Video._meta.get_field("file"), "storage", storage)
        import tusbridge.attaching as attaching

        make_durable = attaching._make_durable

        def overtaken(*args: Any) -> None:
            monkeypatch.setattr(attaching, "_make_durable", make_durable)
            row(upload).attach(Video(title="first").file)
            make_durable(*args)

        monkeypatch.setattr(attaching, "_make_durable", overtaken)
        with pytest.raises(AlreadyAttached):
            row(upload).attach(Video(title="second").file)
        video = Video.objects.get()
        assert (video.title, read(video)) == ("first", CONTENT)

    def test_where_names_are_given_twice_a_second_try_does_not_cut_the_upload(
        self,
        upload: AbstractUpload,
        service: UploadService,
        media: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        storage = FileSystemStorage(location=media, allow_overwrite=True)
        monkeypatch.setattr(Video._meta.get_field("file"), "storage", storage)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
                row(upload).attach(Video().file)
                raise ZeroDivisionError
            assert b"".join(service.open(row(upload), 0, 10)) == CONTENT
        video = Video()
        row(upload).attach(video.file)
        assert read(video) == CONTENT
        assert Path(video.file.name).name in files(media)


def crash(*args: Any, **options: Any) -> Any:
    raise KeyboardInterrupt


STEPS = {
    "before-the-link": (os, "link"),
    "before-the-name": (FileSystemStorage, "_save"),
    "before-the-rename": (os, "rename"),
    "before-the-permissions": (os, "chmod"),
    "before-the-sync": ("tusbridge.attaching", "_make_durable"),
    "before-the-row": ("tusbridge.attaching", "_give_up"),
    "before-the-instance": (Video, "save"),
    "before-the-commit": (connection, "commit"),
    "before-the-old-name": ("tusbridge.attaching", "_remove_source"),
    "before-the-unlink": (FileSystemStorage, "delete"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("where", ["linked", "copied"])
def test_R10_a_crash_at_any_step_loses_nothing_and_can_be_gone_on_from(  # noqa: N802
    upload: AbstractUpload,
    service: UploadService,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    step: str,
    when: str,
    where: str,
) -> None:
    settings.FILE_UPLOAD_PERMISSIONS = 0o640
    owner: Any
    owner, attribute = STEPS[step]
    if isinstance(owner, str):
        import tusbridge.attaching as owner
    real = getattr(owner, attribute)

    def die(*args: Any, **options: Any) -> Any:
        if when == "before":
            raise KeyboardInterrupt
        real(*args, **options)
        raise KeyboardInterrupt

    video = Video()
    with monkeypatch.context() as patched:
        if where == "copied":
            patched.setattr(os, "link", raise_no_links)
        if not (where == "copied" and attribute == "link"):
            patched.setattr(owner, attribute, die)
        with suppress(KeyboardInterrupt, DatabaseError):
            upload.attach(video.file)
    drop_connection()
    saved = Video.objects.first()
    if saved is None:
        # the upload has its file still, and is attached as if nothing had been
        saved = Video()
        assert b"".join(service.open(row(upload), 0, 10)) == CONTENT
        row(upload).attach(saved.file)
    assert read(saved) == CONTENT
    assert row(upload).file.name == ""
    with pytest.raises(AlreadyAttached):
        row(upload).attach(Video().file)
    found = list(Sweeper(service, grace_seconds=-1).orphans())
    assert {(f.kind, f.fate) for f in found} <= {(Kind.ORPHAN, Fate.SWEPT)}
    assert not (media / "uploads" / upload.upload_id[:2] / upload.upload_id).exists()
    assert not list(media.rglob("*.part"))
    assert set(row(upload).store_state) == {"attached"}
    assert list(Sweeper(service, grace_seconds=-1).orphans()) == []
    assert read(saved) == CONTENT


def drop_connection() -> None:
    """As the database sees it when a process dies: whatever was open is rolled back."""
    if connection.connection is not None:
        connection.connection.close()
    connection.connection = None  # the next statement makes a new one, outside of any transaction


def raise_no_links(*args: Any) -> None:
    raise OSError(errno.EPERM, "no links here")


class TestAfterwards:
    @pytest.mark.parametrize("how", ["terminate", "finished-before", "delete", "expire"])
    def test_what_becomes_of_the_upload_does_not_touch_the_instances_file(
        self, upload: AbstractUpload, service: UploadService, how: str
    ) -> None:
        video = Video()
        upload.attach(video.file)
        if how == "terminate":
            service.terminate(upload)
        elif how == "delete":
            upload.delete()
        elif how == "expire":
            Upload.objects.update(expires_at=timezone.now() - timedelta(days=9))
            service.sweep()
        else:
            assert list(Sweeper(service).finished(timezone.now() + timedelta(days=1)))
        list(Sweeper(service, grace_seconds=-1).orphans())
        assert Upload.objects.exists() is (how == "expire")
        assert read(video) == CONTENT

    @pytest.mark.parametrize("how", ["terminate", "finished-before"])
    def test_an_old_name_that_a_crash_left_goes_with_the_upload(
        self,
        upload: AbstractUpload,
        service: UploadService,
        media: Path,
        how: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        video = Video()
        with monkeypatch.context() as patched:
            patched.setattr("tusbridge.attaching._remove_source", crash)
            with pytest.raises(KeyboardInterrupt):
                upload.attach(video.file)
        assert len(files(media)) == 2
        if how == "terminate":
            service.terminate(row(upload))
        else:
            list(Sweeper(service).finished(timezone.now() + timedelta(days=1)))
        assert files(media) == ["hello"]
        assert read(video) == CONTENT

    def test_an_old_name_that_cannot_be_removed_is_logged_and_swept_later(
        self,
        upload: AbstractUpload,
        service: UploadService,
        media: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        video = Video()
        with monkeypatch.context() as patched:

            def refuse(*args: Any) -> None:
                raise OSError(errno.EIO, "refused")

            patched.setattr(FileSystemStorage, "delete", refuse)
            upload.attach(video.file)
        assert "file-not-removed" in caplog.text
        assert list(Sweeper(service, dry_run=True).orphans())
        assert len(files(media)) == 2
        assert [f.fate for f in Sweeper(service).orphans()] == [Fate.SWEPT]
        assert files(media) == ["hello"]
        assert read(video) == CONTENT


def test_by_default_the_new_name_is_durable_before_any_row_has_it(
    upload: AbstractUpload, monkeypatch: pytest.MonkeyPatch, media: Path
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def note(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        fsync(fd)

    give_up_at: list[int] = []
    import tusbridge.attaching as attaching

    real = attaching._give_up
    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(
        attaching, "_give_up", lambda *args: (give_up_at.append(len(synced)), real(*args))
    )
    video = Video()
    old_folder = str((media / upload.file.name).parent)
    upload.attach(video.file)
    before, after = synced[: give_up_at[0]], synced[give_up_at[0] :]
    folders = [media / "videos", media, media.parent]
    assert before == [video.file.path, *map(str, folders)]
    assert after == [old_folder]


def test_process_durability_syncs_nothing(
    service: UploadService, tusbridge_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tusbridge_settings(DURABILITY="process")
    upload = finish(UploadService())
    monkeypatch.setattr(os, "fsync", crash)
    upload.attach(Video().file)


def test_a_sweep_in_the_middle_of_an_attach_costs_nothing(
    upload: AbstractUpload, service: UploadService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second name is a moment old, whatever the age of the file."""
    path = row(upload).file.path
    os.utime(path, (time.time() - 86400,) * 2)
    rename = os.rename
    swept = []

    def sweep_first(source: str, target: str) -> None:
        swept.extend(Sweeper(service).orphans())
        swept.extend(Sweeper(service).missing(remove=True))
        rename(source, target)

    monkeypatch.setattr(os, "rename", sweep_first)
    video = Video()
    upload.attach(video.file)
    assert swept == []
    assert read(video) == CONTENT


def test_users_go_with_their_uploads_and_keep_their_files(
    service: UploadService, upload: AbstractUpload
) -> None:
    user = get_user_model().objects.create(username="one")
    Upload.objects.update(user=user)
    video = Video()
    upload.attach(video.file)
    user.delete()
    assert not Upload.objects.exists()
    assert read(video) == CONTENT
