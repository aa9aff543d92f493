"""Section 3.1: which hooks are called, in which order, with what."""

from collections.abc import Callable
from typing import Any

import pytest
from chunked_upload.constants import COMPLETE, UPLOADING
from chunked_upload.models import ChunkedUpload
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from tests.legacy.contract.pages import COMPLETE_HOOKS, UPLOAD_HOOKS, Call, Page, md5, recording

SAVING = ["pre_save", "save", "post_save"]


@pytest.fixture
def uploading(serve: Callable[..., None]) -> list[Call]:
    """What the upload view's hooks are called with."""
    view, calls = recording(ChunkedUploadView, UPLOAD_HOOKS)
    serve(upload=view)
    return calls


@pytest.fixture
def completing(serve: Callable[..., None]) -> list[Call]:
    """What the complete view's hooks are called with."""
    view, calls = recording(ChunkedUploadCompleteView, COMPLETE_HOOKS)
    serve(complete=view)
    return calls


def names(calls: list[Call]) -> list[str]:
    return [call.hook for call in calls]


def one(calls: list[Call], hook: str) -> Call:
    """The only call of a hook."""
    (call,) = [call for call in calls if call.hook == hook]
    return call


def test_3_1_hook_order_of_a_new_upload(uploading: list[Call], page: Page) -> None:
    page.start(b"12345")
    assert names(uploading) == [
        "check_permissions",
        "validate",
        "get_extra_attrs",
        "create_chunked_upload",
        "get_max_bytes",
        *SAVING,
        "get_response_data",
    ]


def test_3_1_hook_order_of_a_later_chunk(uploading: list[Call], page: Page) -> None:
    upload_id = page.start(b"12345")
    uploading.clear()
    assert page.chunk(b"67", start=5, total=9, upload_id=upload_id).status_code == 200
    assert names(uploading) == [
        "check_permissions",
        "validate",
        "get_queryset",
        "is_valid_chunked_upload",
        "get_max_bytes",
        *SAVING,
        "get_response_data",
    ]


def test_3_1_hook_order_of_complete(completing: list[Call], page: Page) -> None:
    assert page.complete(page.start(b"12345"), b"12345").status_code == 200
    assert names(completing) == list(COMPLETE_HOOKS)


def test_3_1_hook_order_of_complete_without_md5(serve: Callable[..., None], page: Page) -> None:
    class Unchecked(ChunkedUploadCompleteView):
        do_md5_check = False

    view, calls = recording(Unchecked, COMPLETE_HOOKS)
    serve(complete=view)
    assert page.complete(page.start(b"12345")).status_code == 200
    assert names(calls) == [hook for hook in COMPLETE_HOOKS if hook != "md5_check"]


@pytest.mark.parametrize("content", [b"", b"1"], ids=["empty", "one byte"])
def test_3_1_hook_order_of_a_file_without_content_range(
    uploading: list[Call], page: Page, content: bytes
) -> None:
    assert page.whole(content).status_code == 200
    assert names(uploading)[-4:] == [*SAVING, "get_response_data"]


@pytest.mark.parametrize("hook", UPLOAD_HOOKS)
def test_3_1_hooks_get_the_request_that_the_view_has(
    uploading: list[Call], page: Page, hook: str
) -> None:
    upload_id = page.start(b"12345")
    page.chunk(b"67", start=5, upload_id=upload_id)
    for call in [call for call in uploading if call.hook == hook]:
        assert isinstance(call.view.request, HttpRequest)
        assert call.arguments.get("request", call.view.request) is call.view.request
        assert call.view.request.FILES["file"].name == "film.mp4"


def test_3_1_create_chunked_upload_gets_the_attributes_and_does_not_save(
    uploading: list[Call], page: Page, user: User
) -> None:
    page.start(b"12345", name="holiday.mov")
    created = one(uploading, "create_chunked_upload")
    assert created.arguments == {
        "save": False,
        "attrs": {"filename": "holiday.mov", "user": user},
    }


@pytest.mark.parametrize("hook", SAVING)
def test_3_1_saving_hooks_of_a_new_upload(uploading: list[Call], page: Page, hook: str) -> None:
    page.start(b"12345")
    call = one(uploading, hook)
    assert list(call.arguments) == ["chunked_upload", "request", "new"]
    assert isinstance(call.arguments["chunked_upload"], ChunkedUpload)
    assert call.arguments["new"] is True
    assert call.row["offset"] == 5
    assert call.row["filename"] == "film.mp4"
    assert call.row["status"] == UPLOADING


def test_3_1_a_new_upload_has_no_row_before_save(uploading: list[Call], page: Page) -> None:
    upload_id = page.start(b"12345")
    for hook in ("get_max_bytes", "pre_save", "save"):
        assert one(uploading, hook).stored is None
    assert one(uploading, "pre_save").row["id"] is None
    after = one(uploading, "post_save")
    row = ChunkedUpload.objects.get(upload_id=upload_id)
    assert after.row["id"] == row.id
    assert after.stored is not None
    assert after.stored["offset"] == 5


@pytest.mark.parametrize("hook", SAVING)
def test_3_1_saving_hooks_of_a_later_chunk(uploading: list[Call], page: Page, hook: str) -> None:
    upload_id = page.start(b"12345")
    uploading.clear()
    page.chunk(b"67", start=5, total=9, upload_id=upload_id)
    call = one(uploading, hook)
    assert call.arguments["new"] is False
    assert call.row["id"] == ChunkedUpload.objects.get(upload_id=upload_id).id
    assert call.row["offset"] == 7


def test_3_1_the_rows_offset_is_moved_by_save(uploading: list[Call], page: Page) -> None:
    upload_id = page.start(b"12345")
    uploading.clear()
    page.chunk(b"67", start=5, total=9, upload_id=upload_id)
    before, after = one(uploading, "is_valid_chunked_upload"), one(uploading, "post_save")
    assert before.stored is not None
    assert after.stored is not None
    assert (before.stored["offset"], after.stored["offset"]) == (5, 7)


def test_3_1_one_instance_goes_through_the_hooks(uploading: list[Call], page: Page) -> None:
    page.start(b"12345")
    seen = {
        id(call.arguments["chunked_upload"])
        for call in uploading
        if "chunked_upload" in call.arguments
    }
    assert len(seen) == 1


@pytest.mark.parametrize("hook", SAVING)
def test_3_1_saving_hooks_of_complete(completing: list[Call], page: Page, hook: str) -> None:
    page.complete(page.start(b"12345"), b"12345")
    call = one(completing, hook)
    assert call.arguments["new"] is False
    assert call.row["status"] == COMPLETE
    assert call.arguments["chunked_upload"].completed_on is not None


def test_3_1_complete_is_stored_by_save(completing: list[Call], page: Page) -> None:
    page.complete(page.start(b"12345"), b"12345")
    states = {hook: one(completing, hook).stored for hook in ("pre_save", "post_save")}
    assert [row and row["status"] for row in states.values()] == [UPLOADING, COMPLETE]


def test_3_1_md5_check_gets_the_upload_and_the_clients_md5(
    completing: list[Call], page: Page
) -> None:
    upload_id = page.start(b"12345")
    page.complete(upload_id, b"12345")
    arguments = one(completing, "md5_check").arguments
    assert list(arguments) == ["chunked_upload", "md5"]
    assert arguments["chunked_upload"].upload_id == upload_id
    assert arguments["md5"] == md5(b"12345")


def test_3_1_on_completion_gets_the_open_file_of_a_complete_upload(
    serve: Callable[..., None], page: Page
) -> None:
    seen: dict[str, Any] = {}

    class Completing(ChunkedUploadCompleteView):
        def on_completion(self, uploaded_file: Any, request: Any) -> None:
            row = ChunkedUpload.objects.get(upload_id=request.POST["upload_id"])
            seen.update(
                type=type(uploaded_file),
                name=uploaded_file.name,
                size=uploaded_file.size,
                closed=uploaded_file.closed,
                content=uploaded_file.read(),
                status=row.status,
                completed=row.completed_on is not None,
                is_own_request=request is self.request,
            )

    serve(complete=Completing)
    page.complete(page.start(b"12345", name="holiday.mov"), b"12345")
    assert seen == {
        "type": UploadedFile,
        "name": "holiday.mov",
        "size": 5,
        "closed": False,
        "content": b"12345",
        "status": COMPLETE,
        "completed": True,
        "is_own_request": True,
    }


def test_3_1_get_response_data_sees_what_was_stored(
    uploading: list[Call], completing: list[Call], serve: Callable[..., None], page: Page
) -> None:
    upload_view, uploads = recording(ChunkedUploadView, ("get_response_data",))
    complete_view, completes = recording(ChunkedUploadCompleteView, ("get_response_data",))
    serve(upload_view, complete_view)
    page.complete(page.start(b"12345"), b"12345")
    for calls, status in ((uploads, UPLOADING), (completes, COMPLETE)):
        (call,) = calls
        assert list(call.arguments) == ["chunked_upload", "request"]
        assert call.row == call.stored
        assert call.row["status"] == status


@pytest.mark.parametrize(
    ("chunk", "last"),
    [
        ({"start": 3}, "get_max_bytes"),
        ({"start": 5, "upload_id": "unknown"}, "get_queryset"),
    ],
    ids=["offset", "unknown"],
)
def test_3_1_a_refused_chunk_comes_no_further(
    uploading: list[Call], page: Page, chunk: dict[str, Any], last: str
) -> None:
    upload_id = page.start(b"12345")
    uploading.clear()
    answer = page.chunk(b"67", **{"upload_id": upload_id, **chunk})
    assert answer.status_code in (400, 404)
    assert names(uploading)[-1] == last


def test_3_1_a_wrong_md5_comes_no_further(completing: list[Call], page: Page) -> None:
    assert page.complete(page.start(b"12345"), b"other").status_code == 400
    assert names(completing)[-1] == "md5_check"
