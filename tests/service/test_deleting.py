"""Rows that a site deletes by itself: whose bytes go, whose stay, and when."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models.signals import post_delete
from django.test.utils import CaptureQueriesContext

from tests.gallery.models import Video
from tests.service.leftovers import finish, leave_terminated, leave_uncompleted
from tests.service.test_service import CONTENT, append, begin, content, files, make, raising
from tusbridge.errors import LeaseLost, StoreError
from tusbridge.models import AbstractUpload, Concat, Protocol, Upload
from tusbridge.service import UploadService
from tusbridge.stores.local import LocalStore

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _a_site_of_ones_own() -> Iterator[None]:
    """As without the runnable server's app, which removes finished files too."""
    assert post_delete.disconnect(sender=Upload, dispatch_uid="tusbridge.finished")
    yield
    apps.get_app_config("tusbridge_server").ready()


@pytest.fixture(params=["instance", "queryset", "user"])
def how(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def delete(how: str) -> None:
    """All uploads, in one of the ways that Django has."""
    if how == "instance":
        for upload in Upload.objects.all():
            upload.delete()
    elif how == "queryset":
        Upload.objects.all().delete()
    else:
        user = get_user_model().objects.create(username="one")
        Upload.objects.update(user=user)
        user.delete()
    assert not Upload.objects.exists()


def test_unfinished_bytes_go_with_the_row(service: UploadService, media: Path, how: str) -> None:
    for _ in range(2):
        append(service, make(service), 0, b"hello")
    delete(how)
    assert files(media) == []


def test_a_finished_file_stays_as_any_file_fields_does(
    service: UploadService, media: Path, how: str
) -> None:
    upload = finish(service)
    delete(how)
    assert files(media) == [upload.upload_id]


@pytest.mark.parametrize("left", [leave_terminated, leave_uncompleted])
def test_what_a_crash_left_goes_too_or_is_left_to_the_sweep(
    service: UploadService,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    left: object,
    how: str,
) -> None:
    upload = left(service, monkeypatch)  # type: ignore[operator]
    delete(how)
    # a row that was terminated is the service's to remove; its bytes are orphans now
    kept = [upload.upload_id, f"{upload.upload_id}.lock"] if left is leave_terminated else []
    assert files(media) == kept


def test_bytes_of_a_part_go(service: UploadService, media: Path) -> None:
    """tus 1.0.0, concatenation: complete, and its bytes are still where unfinished ones are."""
    append(service, make(service), 0, b"hello")
    Upload.objects.update(status=2, concat=Concat.PARTIAL)
    delete("queryset")
    assert files(media) == []


def test_nothing_goes_before_the_commit(service: UploadService, media: Path) -> None:
    append(service, make(service), 0, b"hello")
    before = files(media)
    with transaction.atomic():
        Upload.objects.all().delete()
        assert files(media) == before
    assert files(media) == []


def test_nothing_goes_when_the_delete_is_rolled_back(service: UploadService, media: Path) -> None:
    upload = make(service)
    append(service, upload, 0, b"hello")
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        Upload.objects.all().delete()
        raise ZeroDivisionError
    append(service, upload, 5, b"world")
    assert content(service, upload) == b"helloworld"


def test_a_running_append_ends(service: UploadService, media: Path) -> None:
    appending = begin(service, make(service))
    appending.feed([b"hello"])
    Upload.objects.all().delete()
    with pytest.raises(LeaseLost):
        appending.feed([b"world"])
    assert files(media) == []


def test_a_store_that_refuses_leaves_orphans_and_a_line(
    service: UploadService,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    append(service, make(service), 0, b"hello")
    monkeypatch.setattr(LocalStore, "delete", raising(StoreError()))
    Upload.objects.all().delete()
    assert "bytes-not-removed" in caplog.text
    assert len(files(media)) == 2


def test_the_service_removes_once(service: UploadService, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = make(service)
    calls = []
    monkeypatch.setattr(LocalStore, "delete", lambda *args: calls.append(args))
    service.terminate(upload)
    assert len(calls) == 1


def test_other_models_are_deleted_as_fast_as_ever(db: None) -> None:
    Video.objects.create()
    with CaptureQueriesContext(connection) as captured:
        Video.objects.all().delete()
    assert not any("SELECT" in query["sql"] for query in captured)


def test_under_the_runnable_server_finished_files_go_too(
    service: UploadService, media: Path, how: str
) -> None:
    apps.get_app_config("tusbridge_server").ready()
    finish(service)
    kept = finish(service)
    video = Video()
    kept.attach(video.file)
    delete(how)
    assert files(media) == ["hello"]


def make_form_upload(service: UploadService, text: bytes = CONTENT) -> AbstractUpload:
    """An upload that its client's word completes."""
    upload = make(service)
    Upload.objects.update(protocol=Protocol.LEGACY, completes_itself=False, length=None)
    append(service, upload, 0, text)
    return Upload.objects.get(pk=upload.pk)  # type: ignore[no-any-return]


def complete_in_vain(service: UploadService, upload: AbstractUpload) -> None:
    """In a transaction that is rolled back."""
    with transaction.atomic():
        service.complete(upload)
        transaction.set_rollback(True)


@pytest.mark.parametrize("way", ["terminate", "delete"])
def test_a_file_whose_name_was_rolled_back_goes_too(
    service: UploadService, media: Path, way: str
) -> None:
    upload = make_form_upload(service)
    complete_in_vain(service, upload)
    row = Upload.objects.get(pk=upload.pk)
    assert not row.file.name
    assert any(row.upload_id in str(path) for path in media.rglob("*"))
    if way == "terminate":
        service.terminate(row)
    else:
        row.delete()
    assert files(media) == []


def test_a_file_whose_name_was_rolled_back_is_completed_again(
    service: UploadService, media: Path
) -> None:
    upload = make_form_upload(service)
    complete_in_vain(service, upload)
    service.complete(Upload.objects.get(pk=upload.pk))
    row = Upload.objects.get(pk=upload.pk)
    assert row.is_complete
    assert content(service, row) == CONTENT
    assert files(media) == [row.upload_id]
    # the finished file is the site's, whatever else lay there
    row.delete()
    assert files(media) == [row.upload_id]


@pytest.mark.parametrize("links", [True, False])
def test_an_upload_goes_on_that_was_completed_too_early_in_vain(
    service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", raising(OSError(errno.EPERM, "no links here")))
    upload = make_form_upload(service, CONTENT[:4])
    complete_in_vain(service, upload)
    append(service, upload, 4, CONTENT[4:])
    service.complete(Upload.objects.get(pk=upload.pk))
    row = Upload.objects.get(pk=upload.pk)
    assert row.is_complete
    assert content(service, row) == CONTENT
    assert files(media) == [row.upload_id]
