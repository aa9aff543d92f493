"""Section 3.1: what a site's own hooks and attributes do, with and without ``super()``."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from chunked_upload.constants import COMPLETE, UPLOADING
from chunked_upload.exceptions import ChunkedUploadError
from chunked_upload.models import ChunkedUpload
from chunked_upload.views import (
    ChunkedUploadBaseView,
    ChunkedUploadCompleteView,
    ChunkedUploadView,
    is_authenticated,
)
from django.contrib.auth.models import AnonymousUser, User
from django.core.files.base import ContentFile
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from django.views.generic import View

from tests.legacy.contract.pages import Page, content_of
from tests.legacy.contract.site.models import OwnedUpload

Serve = Callable[..., None]


def test_3_1_views_are_django_views() -> None:
    for view in (ChunkedUploadView, ChunkedUploadCompleteView):
        assert issubclass(view, ChunkedUploadBaseView)
    assert issubclass(ChunkedUploadBaseView, View)


def test_3_1_defaults_of_the_attributes() -> None:
    assert ChunkedUploadBaseView.model is ChunkedUpload
    assert ChunkedUploadBaseView.user_field_name == "user"
    assert ChunkedUploadView.field_name == "file"
    assert ChunkedUploadView.content_range_header == "HTTP_CONTENT_RANGE"
    assert ChunkedUploadView.max_bytes is None
    assert ChunkedUploadView.fail_if_no_header is False
    assert ChunkedUploadCompleteView.do_md5_check is True
    match = ChunkedUploadView.content_range_pattern.match("bytes 3-7/12")
    assert match.groupdict() == {"start": "3", "end": "7", "total": "12"}


def test_3_1_base_view_has_no_algorithm(client: Client, serve: Serve) -> None:
    class Unfinished(ChunkedUploadBaseView):
        pass

    serve(upload=Unfinished)
    with pytest.raises(NotImplementedError):
        client.post("/upload/")


def test_3_1_is_authenticated(user: User) -> None:
    assert is_authenticated(user)
    assert not is_authenticated(AnonymousUser())


@pytest.mark.django_db
@pytest.mark.parametrize("returned", [False, None, True, HttpResponse(status=403)], ids=repr)
def test_3_1_check_permissions_may_return_what_it_wants(serve: Serve, returned: Any) -> None:
    class Open(ChunkedUploadView):
        def check_permissions(self, request: Any) -> Any:
            return returned

    serve(upload=Open)
    assert Page(Client()).whole(b"12345").status_code == 200


@pytest.mark.django_db
def test_3_1_a_request_without_user_passes() -> None:
    request = RequestFactory().post("/upload/", {"file": ContentFile(b"12345", "a.bin")})
    answer = ChunkedUploadView.as_view()(request)
    assert answer.status_code == 200
    assert ChunkedUpload.objects.get().user is None


def test_3_1_keywords_of_the_url(serve: Serve, client: Client) -> None:
    seen = []

    class InRoom(ChunkedUploadView):
        def validate(self, request: Any) -> None:
            seen.append(self.kwargs["room"])

        def get_response_data(self, chunked_upload: Any, request: Any) -> dict[str, Any]:
            return {"room": self.kwargs["room"]}

    class RoomCompletes(ChunkedUploadCompleteView):
        do_md5_check = False

        def validate(self, request: Any) -> None:
            seen.append(self.kwargs["room"])

        def get_response_data(self, chunked_upload: Any, request: Any) -> dict[str, Any]:
            return {"left": self.kwargs["room"], "id": chunked_upload.upload_id}

    serve(InRoom, RoomCompletes)
    page = Page(client, "/rooms/7/upload/", "/rooms/8/complete/")
    assert page.whole(b"12345").json() == {"room": 7}
    upload_id = ChunkedUpload.objects.get().upload_id
    assert page.complete(upload_id).json() == {"left": 8, "id": upload_id}
    assert seen == [7, 8]


def test_3_1_post_gets_the_keywords_of_the_url(serve: Serve, client: Client) -> None:
    seen = []

    class InRoom(ChunkedUploadView):
        def _post(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append((args, kwargs))
            return super()._post(request, *args, **kwargs)

    serve(InRoom)
    assert Page(client, "/rooms/7/upload/").whole(b"12345").status_code == 200
    assert seen == [((), {"room": 7})]


def test_3_1_get_response_data_with_super(serve: Serve, page: Page) -> None:
    class More(ChunkedUploadView):
        def get_response_data(self, chunked_upload: Any, request: Any) -> dict[str, Any]:
            data = super().get_response_data(chunked_upload, request)
            assert set(data) == {"upload_id", "offset", "expires"}
            return {**data, "name": chunked_upload.filename, "user": request.user.username}

    serve(More)
    answer = page.whole(b"12345").json()
    assert set(answer) == {"upload_id", "offset", "expires", "name", "user"}
    assert (answer["offset"], answer["name"], answer["user"]) == (5, "film.mp4", "one")


def test_3_1_get_queryset_without_super_is_all_rows(
    serve: Serve, page: Page, stranger: User
) -> None:
    class Shared(ChunkedUploadView):
        def get_queryset(self, request: Any) -> Any:
            return ChunkedUpload.objects.all()

    upload_id = page.start(b"12345")
    other = Client()
    other.force_login(stranger)
    assert Page(other).chunk(b"67", start=5, upload_id=upload_id).status_code == 404
    serve(Shared)
    assert Page(other).chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert ChunkedUpload.objects.get().user.username == "one"


def test_3_1_get_queryset_with_super_is_narrowed(serve: Serve, page: Page) -> None:
    class Films(ChunkedUploadCompleteView):
        def get_queryset(self, request: Any) -> Any:
            return super().get_queryset(request).filter(filename__endswith=".mp4")

    serve(complete=Films)
    film, text = page.start(b"12345"), page.start(b"12345", name="a.txt")
    assert page.complete(film, b"12345").status_code == 200
    assert page.complete(text, b"12345").status_code == 404


def test_3_1_get_extra_attrs_with_super(serve: Serve, page: Page, user: User) -> None:
    class Named(ChunkedUploadView):
        def get_extra_attrs(self, request: Any) -> dict[str, Any]:
            return {**super().get_extra_attrs(request), "filename": request.POST["title"]}

    serve(Named)
    page.start(b"12345", title="My holidays")
    row = ChunkedUpload.objects.get()
    assert (row.filename, row.user) == ("My holidays", user)


@pytest.mark.fault("the forks set the user in get_extra_attrs (section 1, 5)")
def test_3_1_get_extra_attrs_without_super_keeps_the_user(
    serve: Serve, page: Page, user: User
) -> None:
    class Named(ChunkedUploadView):
        def get_extra_attrs(self, request: Any) -> dict[str, Any]:
            return {"filename": "own"}

    serve(Named)
    upload_id = page.start(b"12345")
    assert ChunkedUpload.objects.get().user == user
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 200


def test_3_1_get_extra_attrs_may_set_another_user(serve: Serve, page: Page, stranger: User) -> None:
    class ForOthers(ChunkedUploadView):
        def get_extra_attrs(self, request: Any) -> dict[str, Any]:
            return {"user": stranger}

    serve(ForOthers)
    page.start(b"12345")
    assert ChunkedUpload.objects.get().user == stranger


def test_3_1_create_chunked_upload_with_super(serve: Serve, page: Page) -> None:
    class Noted(ChunkedUploadView):
        def create_chunked_upload(self, save: bool = False, **attrs: Any) -> Any:
            upload = super().create_chunked_upload(save=save, **attrs)
            upload.filename = f"{upload.user.username}-{upload.filename}"
            return upload

    serve(Noted)
    upload_id = page.start(b"12345")
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert page.complete(upload_id, b"1234567").status_code == 200
    assert ChunkedUpload.objects.get().filename == "one-film.mp4"
    assert content_of(upload_id) == b"1234567"


def test_3_1_create_chunked_upload_without_super(serve: Serve, page: Page) -> None:
    class Own(ChunkedUploadView):
        def create_chunked_upload(self, save: bool = False, **attrs: Any) -> Any:
            upload = self.model(**attrs)
            upload.file.save(name="tmp", content=ContentFile(""), save=save)
            return upload

    serve(Own)
    upload_id = page.start(b"12345")
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert page.complete(upload_id, b"1234567").status_code == 200
    assert content_of(upload_id) == b"1234567"


def test_3_1_create_chunked_upload_saves_on_demand(user: User) -> None:
    view = ChunkedUploadView()
    unsaved = view.create_chunked_upload(filename="a", user=user)
    assert unsaved.pk is None
    saved = view.create_chunked_upload(save=True, filename="a", user=user)
    row = ChunkedUpload.objects.get()
    assert (row.pk, row.offset, row.status) == (saved.pk, 0, UPLOADING)
    assert row.file.size == 0
    unsaved.file.delete(save=False)


def test_3_1_validate_sniffs_the_first_bytes(serve: Serve, page: Page) -> None:
    class OnlyPdf(ChunkedUploadView):
        def validate(self, request: Any) -> None:
            part = request.FILES[self.field_name]
            if not request.POST.get("upload_id") and part.read(4) != b"%PDF":
                raise ChunkedUploadError(status=415, detail="No PDF")
            part.seek(0)

    serve(OnlyPdf)
    assert page.whole(b"MZ........").status_code == 415
    upload_id = page.start(b"%PDF-1.4")
    assert page.chunk(b"rest", start=8, upload_id=upload_id).status_code == 200
    assert page.complete(upload_id, b"%PDF-1.4rest").status_code == 200


OWN_PATTERN = re.compile(r"^(?P<start>\d+)\.(?P<end>\d+)\.(?P<total>\d+)$")


@pytest.mark.parametrize(
    ("attributes", "field", "ranges"),
    [
        ({"field_name": "the_file"}, "Content-Range", ("bytes 0-4/9", "bytes 5-8/9")),
        (
            {"content_range_header": "HTTP_X_RANGE"},
            "X-Range",
            ("bytes 0-4/9", "bytes 5-8/9"),
        ),
        ({"content_range_pattern": OWN_PATTERN}, "Content-Range", ("0.4.9", "5.8.9")),
    ],
    ids=["field_name", "content_range_header", "content_range_pattern"],
)
def test_3_1_attributes_of_the_request(
    serve: Serve, page: Page, attributes: dict[str, Any], field: str, ranges: tuple[str, str]
) -> None:
    serve(type("Own", (ChunkedUploadView,), attributes))
    page.field_name = attributes.get("field_name", "file")
    first = page.whole(b"12345", headers={field: ranges[0]})
    upload_id = first.json()["upload_id"]
    second = page.whole(b"6789", upload_id=upload_id, headers={field: ranges[1]})
    assert second.json()["offset"] == 9


def test_3_1_another_field_than_field_name_is_no_chunk(serve: Serve, page: Page) -> None:
    serve(type("Own", (ChunkedUploadView,), {"field_name": "the_file"}))
    answer = page.whole(b"12345")
    assert (answer.status_code, answer.json()) == (400, {"detail": "No chunk file was submitted"})


def test_3_1_fail_if_no_header(serve: Serve, page: Page) -> None:
    serve(type("Own", (ChunkedUploadView,), {"fail_if_no_header": True}))
    answer = page.whole(b"12345")
    assert (answer.status_code, answer.json()) == (400, {"detail": "Error in request headers"})
    assert page.chunk(b"12345").status_code == 200


def test_3_1_max_bytes(serve: Serve, page: Page) -> None:
    serve(type("Own", (ChunkedUploadView,), {"max_bytes": 8}))
    answer = page.chunk(b"12345", total=9)
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Size of file exceeds the limit (8 bytes)"}
    assert page.chunk(b"12345", total=8).status_code == 200


def test_3_1_get_max_bytes_by_user(serve: Serve, page: Page, stranger: User) -> None:
    class ByUser(ChunkedUploadView):
        def get_max_bytes(self, request: Any) -> int | None:
            return 8 if request.user.username == "two" else None

    serve(ByUser)
    other = Client()
    other.force_login(stranger)
    assert page.chunk(b"12345", total=9).status_code == 200
    assert Page(other).chunk(b"12345", total=9).status_code == 400


def test_3_1_user_field_name(serve: Serve, page: Page, user: User, stranger: User) -> None:
    own = {"model": OwnedUpload, "user_field_name": "owner"}
    serve(
        type("Upload", (ChunkedUploadView,), own),
        type("Complete", (ChunkedUploadCompleteView,), own),
    )
    upload_id = page.start(b"12345")
    assert OwnedUpload.objects.get().owner == user
    other = Client()
    other.force_login(stranger)
    assert Page(other).chunk(b"67", start=5, upload_id=upload_id).status_code == 404
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert page.complete(upload_id, b"1234567").status_code == 200


def test_3_1_is_valid_chunked_upload_may_allow_the_expired(serve: Serve, page: Page) -> None:
    class Patient(ChunkedUploadView):
        def is_valid_chunked_upload(self, chunked_upload: Any) -> None:
            assert chunked_upload.expired

    upload_id = page.start(b"12345")
    ChunkedUpload.objects.update(created_on=timezone.now() - timedelta(days=3))
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 410
    serve(Patient)
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 200


def test_3_1_pre_save_sets_attributes(serve: Serve, page: Page) -> None:
    class Renaming(ChunkedUploadView):
        def pre_save(self, chunked_upload: Any, request: Any, new: bool = False) -> None:
            chunked_upload.filename = f"{chunked_upload.offset}-{new}"

    serve(Renaming)
    upload_id = page.start(b"12345")
    assert ChunkedUpload.objects.get().filename == "5-True"
    page.chunk(b"67", start=5, upload_id=upload_id)
    assert ChunkedUpload.objects.get().filename == "7-False"


def test_3_1_save_without_super(serve: Serve, page: Page) -> None:
    class Inserting(ChunkedUploadView):
        def save(self, chunked_upload: Any, request: Any, new: bool = False) -> None:
            chunked_upload.filename += "!"
            chunked_upload.save(force_insert=new, force_update=not new)

    class Completing(ChunkedUploadCompleteView):
        def save(self, chunked_upload: Any, request: Any, new: bool = False) -> None:
            chunked_upload.save(update_fields=["status", "completed_on"])

    serve(Inserting, Completing)
    upload_id = page.start(b"12345")
    page.chunk(b"67", start=5, upload_id=upload_id)
    assert page.complete(upload_id, b"1234567").status_code == 200
    row = ChunkedUpload.objects.get()
    assert (row.filename, row.offset, row.status) == ("film.mp4!!", 7, COMPLETE)
    assert row.completed_on is not None


def test_3_1_private_save_with_super(serve: Serve, page: Page) -> None:
    class Wrapping(ChunkedUploadView):
        def _save(self, chunked_upload: Any) -> None:
            chunked_upload.filename = "wrapped"
            super()._save(chunked_upload)

    serve(Wrapping)
    page.start(b"12345")
    assert ChunkedUpload.objects.get().filename == "wrapped"


def test_3_1_private_save_without_super(serve: Serve, page: Page) -> None:
    class Plain:
        def _save(self, chunked_upload: Any) -> None:
            chunked_upload.save()

        def pre_save(self, *args: Any, **kwargs: Any) -> None:
            raise AssertionError("only _save calls it")

        post_save = pre_save

    serve(
        type("Upload", (Plain, ChunkedUploadView), {}),
        type("Complete", (Plain, ChunkedUploadCompleteView), {}),
    )
    upload_id = page.start(b"12345")
    assert page.chunk(b"67", start=5, upload_id=upload_id).json()["offset"] == 7
    assert page.complete(upload_id, b"1234567").status_code == 200
    assert content_of(upload_id) == b"1234567"


def test_3_1_post_may_be_wrapped(serve: Serve, page: Page) -> None:
    class Wrapping(ChunkedUploadView):
        def post(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            answer = super().post(request, *args, **kwargs)
            answer["X-Own"] = str(answer.status_code)
            return answer

    serve(Wrapping)
    assert page.whole(b"12345")["X-Own"] == "200"
    assert page.chunk(b"12345", start=3)["X-Own"] == "400"


def test_3_1_private_post_may_be_wrapped(serve: Serve, page: Page) -> None:
    class Wrapping(ChunkedUploadCompleteView):
        def _post(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            if request.POST.get("stop"):
                raise ChunkedUploadError(status=409, detail="Stopped", by="us")
            answer = super()._post(request, *args, **kwargs)
            answer["X-Own"] = "yes"
            return answer

    serve(complete=Wrapping)
    upload_id = page.start(b"12345")
    stopped = page.complete(upload_id, b"12345", stop="1")
    assert (stopped.status_code, stopped.json()) == (409, {"detail": "Stopped", "by": "us"})
    assert page.complete(upload_id, b"12345")["X-Own"] == "yes"
