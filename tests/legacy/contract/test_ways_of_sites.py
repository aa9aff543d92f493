"""What public sites do: a ``post`` of their own around ``_post``, a ``file`` of their own, copies
of rows in caches, reads of single columns.
"""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from chunked_upload.constants import COMPLETE, UPLOADING
from chunked_upload.exceptions import ChunkedUploadError
from chunked_upload.models import ChunkedUpload
from chunked_upload.response import Response
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.core import serializers
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.http import Http404, JsonResponse
from rest_framework.decorators import action
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import GenericViewSet

from tests.legacy.contract.pages import Page, content_of, md5
from tests.legacy.contract.site.models import Picture, PlainFile, picture_storage

Serve = Callable[..., None]
COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda upload: pickle.loads(pickle.dumps(upload)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "cache": lambda upload: cache.set("upload", upload) or cache.get("upload"),
    "serializers": lambda upload: (
        next(iter(serializers.deserialize("json", serializers.serialize("json", [upload])))).object
    ),
}


class _OwnPost:
    """Answers by itself, as three public sites do."""

    def post(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            self.check_permissions(request)
            return self._post(request, *args, **kwargs)
        except ChunkedUploadError as error:
            return Response({"own": error.data["detail"]}, status=error.status_code)
        except Http404:
            return JsonResponse({"own": "404"}, status=404)


class OwnUpload(_OwnPost, ChunkedUploadView):
    """Chunks."""


class OwnComplete(_OwnPost, ChunkedUploadCompleteView):
    """The end."""


class Uploads(ChunkedUploadView, GenericViewSet):  # type: ignore[misc]
    """Actions of Django REST framework."""

    @action(detail=False, methods=["post"])
    def upload(self, request: Any) -> Any:
        return self._post(request)


@pytest.fixture
def whole(page: Page) -> ChunkedUpload:
    """A complete upload."""
    upload_id = page.start(b"12345", total=5)
    assert page.complete(upload_id, b"12345").status_code == 200
    upload: ChunkedUpload = ChunkedUpload.objects.get(upload_id=upload_id)
    return upload


def test_6_an_own_post_gets_404(page: Page, serve: Serve) -> None:
    serve(OwnUpload, OwnComplete)
    for answer in (page.chunk(b"1", upload_id="0" * 32), page.complete("0" * 32, b"1")):
        assert (answer.status_code, answer.json()) == (404, {"own": "404"})


def test_6_an_own_post_gets_what_it_catches(page: Page, serve: Serve) -> None:
    serve(OwnUpload, OwnComplete)
    upload_id = page.start(b"12345", total=7)
    wrong = page.chunk(b"67", start=3, upload_id=upload_id)
    assert (wrong.status_code, wrong.json()) == (400, {"own": "Offsets do not match"})
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert page.complete(upload_id, b"1234567").status_code == 200


def test_6_an_action_of_drf_gets_404(page: Page, settings: Any) -> None:
    router = SimpleRouter()
    router.register("uploads", Uploads, basename="uploads")
    settings.ROOT_URLCONF = tuple(router.urls)
    page.upload_url = "/uploads/upload/"
    assert page.chunk(b"1", upload_id="0" * 32).status_code == 404
    assert content_of(page.start(b"12345")) == b"12345"


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("touch", [True, False], ids=["touched", "untouched"])
def test_3_2_a_copy_of_a_complete_upload(whole: ChunkedUpload, way: str, touch: bool) -> None:
    name = ChunkedUpload.objects.values_list("file", flat=True).get()
    if touch:
        assert whole.file.name
    twin = COPIES[way](whole)
    assert twin.file.name == name
    assert twin.file.read() == b"12345"
    twin.file.close()
    twin.save()
    assert ChunkedUpload.objects.values_list("file", "status").get() == (name, COMPLETE)


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "copy", "cache"])
def test_3_2_a_copy_of_an_unfinished_upload(page: Page, way: str) -> None:
    upload = ChunkedUpload.objects.get(upload_id=page.start(b"12345", total=7))
    assert upload.file.name
    twin = COPIES[way](upload)
    assert twin.file.read() == b"12345"
    twin.file.close()
    twin.append_chunk(ContentFile(b"67"))
    twin.status = COMPLETE
    twin.save()
    assert content_of(twin.upload_id) == b"1234567"


@pytest.mark.parametrize(
    "narrow",
    [
        lambda rows: rows.only("upload_id"),
        lambda rows: rows.only("filename", "file"),
        lambda rows: rows.defer("status"),
        lambda rows: rows.defer("file", "status"),
        lambda rows: rows.only("status"),
    ],
)
def test_3_2_columns_read_later(whole: ChunkedUpload, narrow: Any) -> None:
    upload = narrow(ChunkedUpload.objects.all()).get()
    before = ChunkedUpload.objects.values().get()
    assert upload.file.name == whole.file.name
    assert upload.file.read() == b"12345"
    upload.file.close()
    upload = narrow(ChunkedUpload.objects.all()).get()
    upload.filename = "renamed.mp4"
    upload.save()
    assert ChunkedUpload.objects.values().get() == {**before, "filename": "renamed.mp4"}


def test_3_2_a_deferred_read_keeps_what_the_site_has_set(page: Page) -> None:
    page.start(b"12345", total=5)
    upload = ChunkedUpload.objects.only("upload_id", "status").get()
    upload.status = COMPLETE
    assert upload.filename == "film.mp4"
    upload.refresh_from_db(fields=["offset"])
    upload.save()
    assert ChunkedUpload.objects.get().status == COMPLETE
    assert content_of(upload.upload_id) == b"12345"


def test_3_2_marked_without_its_status_being_read(page: Page) -> None:
    page.start(b"12345", total=5)
    upload = ChunkedUpload.objects.only("upload_id").get()
    upload.status = COMPLETE
    upload.save()
    assert content_of(upload.upload_id) == b"12345"


class PictureUpload(ChunkedUploadView):
    model = Picture


class PictureComplete(ChunkedUploadCompleteView):
    model = Picture


class PlainUpload(ChunkedUploadView):
    model = PlainFile


class PlainComplete(ChunkedUploadCompleteView):
    model = PlainFile


@pytest.mark.parametrize(
    ("views", "folder"),
    [((PictureUpload, PictureComplete), "pictures/"), ((PlainUpload, PlainComplete), "plain/")],
    ids=["own storage", "default storage"],
)
def test_3_2_a_file_field_of_the_sites_own(
    page: Page, serve: Serve, views: Any, folder: str
) -> None:
    serve(*views)
    upload_id = page.start(b"12345", total=7)
    model = views[0].model
    upload = model.objects.get()
    assert (upload.file.read(), upload.status) == (b"12345", UPLOADING)
    upload.file.close()
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert page.complete(upload_id, b"1234567").status_code == 200
    upload = model.objects.get()
    assert upload.file.name.startswith(folder)
    assert upload.file.storage.exists(upload.file.name)
    if model is Picture:
        assert picture_storage.path(upload.file.name) == upload.file.path
    assert (upload.file.read(), upload.md5) == (b"1234567", md5(b"1234567"))
    upload.file.close()
    name, path, _, kwargs = model._meta.get_field("file").deconstruct()
    assert (name, path) == ("file", "django.db.models.FileField")
    assert kwargs["upload_to"] == folder.strip("/")
