"""Section 3.2: subclasses, references, and models of a site's own."""

from collections.abc import Callable
from typing import Any

import pytest
from chunked_upload.constants import COMPLETE
from chunked_upload.models import AbstractChunkedUpload, ChunkedUpload
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client

from tests.legacy.contract.pages import Page, md5, stored_files
from tests.legacy.contract.site.models import AnyonesUpload, Comment, Video

Serve = Callable[..., None]


class VideoUpload(ChunkedUploadView):
    """Into the subclass, with its column."""

    model = Video

    def get_extra_attrs(self, request: Any) -> dict[str, Any]:
        title = request.POST.get("title", "")
        return {**super().get_extra_attrs(request), "title": title}


class VideoComplete(ChunkedUploadCompleteView):
    """From the subclass."""

    model = Video

    def get_response_data(self, chunked_upload: Any, request: Any) -> dict[str, Any]:
        return {"title": chunked_upload.title}


@pytest.fixture
def videos(serve: Serve, page: Page) -> Page:
    """A page that uploads videos."""
    serve(VideoUpload, VideoComplete)
    return page


def test_3_2_a_subclass_is_uploaded(videos: Page, user: User) -> None:
    upload_id = videos.start(b"12345", title="Holidays")
    assert videos.chunk(b"67", start=5, upload_id=upload_id).json()["offset"] == 7
    assert videos.complete(upload_id, b"1234567").json() == {"title": "Holidays"}
    video = Video.objects.get()
    assert (video.title, video.user, video.offset, video.status) == ("Holidays", user, 7, COMPLETE)
    assert video.md5 == md5(b"1234567")


def test_3_2_a_subclass_has_two_rows(videos: Page) -> None:
    upload_id = videos.start(b"12345", title="Holidays")
    parent = ChunkedUpload.objects.get(upload_id=upload_id)
    assert parent.video == Video.objects.get(chunkedupload_ptr=parent)
    assert parent.video.pk == parent.pk
    assert Video._meta.pk.column == "chunkedupload_ptr_id"
    with connection.cursor() as cursor:
        cursor.execute("SELECT title FROM site_video WHERE chunkedupload_ptr_id = %s", [parent.pk])
        assert [tuple(row) for row in cursor.fetchall()] == [("Holidays",)]


def test_3_2_parent_and_subclass_are_one_upload(videos: Page, serve: Serve) -> None:
    upload_id = videos.start(b"12345", title="Holidays")
    serve()
    assert videos.chunk(b"67", start=5, upload_id=upload_id).json()["offset"] == 7
    serve(VideoUpload, VideoComplete)
    assert videos.chunk(b"89", start=7, upload_id=upload_id).json()["offset"] == 9
    assert videos.complete(upload_id, b"123456789").json() == {"title": "Holidays"}


def test_3_2_a_view_of_the_subclass_sees_no_others(page: Page, serve: Serve) -> None:
    upload_id = page.start(b"12345")
    serve(VideoUpload, VideoComplete)
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 404


def test_3_2_a_subclass_by_hand(user: User) -> None:
    video = Video(user=user, filename="a.mp4", title="By hand")
    video.file.save(name="tmp", content=ContentFile(""), save=True)
    video.append_chunk(ContentFile(b"12345"))
    video = Video.objects.get()
    assert (video.offset, video.title) == (5, "By hand")
    assert ChunkedUpload.objects.get().md5 == md5(b"12345")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("through", [Video, ChunkedUpload], ids=["subclass", "parent"])
def test_3_2_a_subclass_is_deleted(videos: Page, through: Any) -> None:
    before = stored_files()
    videos.start(b"12345", title="Holidays")
    through.objects.get().delete()
    assert (Video.objects.count(), ChunkedUpload.objects.count()) == (0, 0)
    assert stored_files() == before


def test_3_2_references_hold(videos: Page) -> None:
    upload_id = videos.start(b"12345", title="Holidays")
    upload = ChunkedUpload.objects.get(upload_id=upload_id)
    Comment.objects.create(upload=upload, video=upload.video, text="Nice")
    videos.complete(upload_id, b"12345")
    found = Comment.objects.select_related("upload", "video").get(upload__upload_id=upload_id)
    assert (found.upload.status, found.video.title) == (COMPLETE, "Holidays")
    assert Comment.objects.filter(upload__status=COMPLETE, video__title="Holidays").exists()
    assert [comment.text for comment in upload.comments.all()] == ["Nice"]


@pytest.mark.django_db(transaction=True)
def test_3_2_references_cascade(videos: Page) -> None:
    videos.start(b"12345", title="Holidays")
    upload = ChunkedUpload.objects.get()
    Comment.objects.create(upload=upload, video=upload.video)
    upload.delete()
    assert not Comment.objects.exists()


class AnyonesView(ChunkedUploadView):
    """A model without a user."""

    model = AnyonesUpload


class AnyonesComplete(ChunkedUploadCompleteView):
    """The same."""

    model = AnyonesUpload


def test_3_2_the_abstract_model_has_no_user() -> None:
    assert not hasattr(AbstractChunkedUpload, "user")
    assert "user" not in {field.name for field in AbstractChunkedUpload._meta.get_fields()}


def test_3_2_a_model_without_user(serve: Serve, page: Page, stranger: User) -> None:
    """Section 2.5: all rows are everybody's."""
    serve(AnyonesView, AnyonesComplete)
    upload_id = page.start(b"12345")
    other = Client()
    other.force_login(stranger)
    assert Page(other).chunk(b"67", start=5, upload_id=upload_id).json()["offset"] == 7
    assert page.complete(upload_id, b"1234567").status_code == 200
    row = AnyonesUpload.objects.get()
    assert (row.status, row.md5, row.file.size) == (COMPLETE, md5(b"1234567"), 7)
    assert not ChunkedUpload.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_3_2_a_model_of_ones_own_is_deleted_with_its_file(serve: Serve, page: Page) -> None:
    serve(AnyonesView, AnyonesComplete)
    before = stored_files()
    page.complete(page.start(b"12345"), b"12345")
    AnyonesUpload.objects.get().delete()
    assert stored_files() == before


def test_3_2_an_alias_is_the_model(serve: Serve, page: Page) -> None:
    alias = ChunkedUpload
    serve(type("Upload", (ChunkedUploadView,), {"model": alias}))
    page.start(b"12345")
    assert alias.objects.count() == 1
