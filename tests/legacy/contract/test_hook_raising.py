"""Section 3.1: what hooks may raise, and what is left behind then."""

from collections.abc import Callable
from typing import Any

import pytest
from chunked_upload.constants import COMPLETE, UPLOADING
from chunked_upload.exceptions import ChunkedUploadError
from chunked_upload.models import ChunkedUpload
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.core.exceptions import PermissionDenied
from django.http import Http404

from tests.legacy.contract.pages import COMPLETE_HOOKS, UPLOAD_HOOKS, Page, stored_files

Serve = Callable[..., None]


def raising(view: type, hook: str, error: Exception) -> Any:
    """A view whose hook raises, once ``armed`` is set on it."""

    def raise_or_not(self: Any, *args: Any, **kwargs: Any) -> Any:
        if armed.armed:
            raise error
        return getattr(super(armed, self), hook)(*args, **kwargs)

    armed = type("Raising", (view,), {hook: raise_or_not, "armed": True})
    return armed


TEAPOT = ChunkedUploadError(status=418, detail="No", why=["a", 1])


def test_3_1_chunked_upload_error_carries_status_and_data() -> None:
    error = ChunkedUploadError(400, detail="No", offset=3)
    assert isinstance(error, Exception)
    assert (error.status_code, error.data) == (400, {"detail": "No", "offset": 3})


@pytest.mark.parametrize("hook", UPLOAD_HOOKS)
def test_3_1_upload_hooks_may_raise_an_answer(serve: Serve, page: Page, hook: str) -> None:
    view = raising(ChunkedUploadView, hook, TEAPOT)
    view.armed = False
    serve(view)
    upload_id = page.start(b"12345")
    view.armed = True
    is_for_new = hook in ("get_extra_attrs", "create_chunked_upload")
    known = {} if is_for_new else {"start": 5, "upload_id": upload_id}
    answer = page.chunk(b"67", **known)
    assert (answer.status_code, answer.json()) == (418, {"detail": "No", "why": ["a", 1]})
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("hook", COMPLETE_HOOKS)
def test_3_1_complete_hooks_may_raise_an_answer(serve: Serve, page: Page, hook: str) -> None:
    serve(complete=raising(ChunkedUploadCompleteView, hook, TEAPOT))
    answer = page.complete(page.start(b"12345"), b"12345")
    assert (answer.status_code, answer.json()) == (418, {"detail": "No", "why": ["a", 1]})


@pytest.mark.parametrize("hook", COMPLETE_HOOKS)
def test_3_1_where_complete_stops_says_the_state_of_the_row(
    serve: Serve, page: Page, hook: str
) -> None:
    serve(complete=raising(ChunkedUploadCompleteView, hook, TEAPOT))
    page.complete(page.start(b"12345"), b"12345")
    is_stored = COMPLETE_HOOKS.index(hook) > COMPLETE_HOOKS.index("save")
    row = ChunkedUpload.objects.get()
    assert row.status == (COMPLETE if is_stored else UPLOADING)
    assert (row.completed_on is not None) is is_stored


@pytest.mark.parametrize("hook", ["get_queryset", "validate", "md5_check", "pre_save", "save"])
def test_3_1_complete_may_be_tried_again(serve: Serve, page: Page, hook: str) -> None:
    view = raising(ChunkedUploadCompleteView, hook, TEAPOT)
    serve(complete=view)
    upload_id = page.start(b"12345")
    assert page.complete(upload_id, b"12345").status_code == 418
    view.armed = False
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert page.complete(upload_id, b"1234567").status_code == 200


@pytest.mark.parametrize("hook", UPLOAD_HOOKS)
def test_3_1_a_hook_that_raises_before_save_leaves_the_offset(
    serve: Serve, page: Page, hook: str
) -> None:
    view = raising(ChunkedUploadView, hook, TEAPOT)
    view.armed = False
    serve(view)
    upload_id = page.start(b"12345")
    view.armed = True
    if hook not in ("get_extra_attrs", "create_chunked_upload"):
        assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 418
    moved = hook in ("post_save", "get_response_data")
    assert ChunkedUpload.objects.get().offset == (7 if moved else 5)


@pytest.mark.parametrize(
    "hook",
    [
        "validate",
        "get_max_bytes",
        pytest.param("pre_save", marks=pytest.mark.fault("bytes stay behind (section 7, 2)")),
        pytest.param("save", marks=pytest.mark.fault("bytes stay behind (section 7, 2)")),
    ],
)
def test_3_1_a_chunk_may_be_sent_again_after_a_hook_raised(
    serve: Serve, page: Page, hook: str
) -> None:
    view = raising(ChunkedUploadView, hook, TEAPOT)
    view.armed = False
    serve(view)
    upload_id = page.start(b"12345")
    view.armed = True
    page.chunk(b"67", start=5, upload_id=upload_id)
    view.armed = False
    assert page.chunk(b"67", start=5, upload_id=upload_id).json()["offset"] == 7
    assert page.complete(upload_id, b"1234567").status_code == 200


@pytest.mark.parametrize(
    "hook",
    [
        "check_permissions",
        "validate",
        "get_extra_attrs",
        "create_chunked_upload",
        pytest.param("get_max_bytes", marks=pytest.mark.fault("an orphan (section 7, 5)")),
        pytest.param("pre_save", marks=pytest.mark.fault("an orphan (section 7, 5)")),
        pytest.param("save", marks=pytest.mark.fault("an orphan (section 7, 5)")),
    ],
)
@pytest.mark.parametrize("error", [TEAPOT, ValueError("broken")], ids=["answer", "error"])
def test_3_1_a_refused_new_upload_leaves_nothing(
    serve: Serve, page: Page, hook: str, error: Exception
) -> None:
    serve(raising(ChunkedUploadView, hook, error))
    before = stored_files()
    page.client.raise_request_exception = False
    assert page.chunk(b"12345").status_code in (418, 500)
    assert not ChunkedUpload.objects.exists()
    assert stored_files() == before


@pytest.mark.parametrize(
    ("error", "status"), [(PermissionDenied(), 403), (Http404(), 404)], ids=["403", "404"]
)
@pytest.mark.parametrize("hook", ["check_permissions", "validate", "get_queryset", "pre_save"])
def test_3_1_hooks_may_raise_what_django_answers(
    serve: Serve, page: Page, hook: str, error: Exception, status: int
) -> None:
    upload_id = page.start(b"12345")
    serve(raising(ChunkedUploadView, hook, error), raising(ChunkedUploadCompleteView, hook, error))
    assert page.complete(upload_id, b"12345").status_code == status
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == status


@pytest.mark.parametrize("hook", UPLOAD_HOOKS)
def test_3_1_other_errors_of_upload_hooks_go_through(serve: Serve, page: Page, hook: str) -> None:
    upload_id = page.start(b"12345")
    is_for_new = hook in ("get_extra_attrs", "create_chunked_upload")
    serve(raising(ChunkedUploadView, hook, LookupError("the site's own")))
    with pytest.raises(LookupError, match="the site's own"):
        page.chunk(b"67", **({} if is_for_new else {"start": 5, "upload_id": upload_id}))


@pytest.mark.parametrize("hook", COMPLETE_HOOKS)
def test_3_1_other_errors_of_complete_hooks_go_through(serve: Serve, page: Page, hook: str) -> None:
    upload_id = page.start(b"12345")
    serve(complete=raising(ChunkedUploadCompleteView, hook, LookupError("the site's own")))
    with pytest.raises(LookupError, match="the site's own"):
        page.complete(upload_id, b"12345")


@pytest.mark.fault("complete again after on_completion raised: 400 for ever (section 9)")
@pytest.mark.parametrize("error", [TEAPOT, LookupError("broken")], ids=["answer", "error"])
def test_7_10_on_completion_runs_again_after_it_raised(
    serve: Serve, page: Page, error: Exception
) -> None:
    view = raising(ChunkedUploadCompleteView, "on_completion", error)
    serve(complete=view)
    page.client.raise_request_exception = False
    upload_id = page.start(b"12345")
    assert page.complete(upload_id, b"12345").status_code in (418, 500)
    assert page.complete(upload_id, b"12345").status_code in (418, 500)
    view.armed = False
    assert page.complete(upload_id, b"12345").status_code == 200
    assert page.complete(upload_id, b"12345").status_code == 400


def test_7_3_on_completion_runs_once(serve: Serve, page: Page) -> None:
    runs = []

    class Counting(ChunkedUploadCompleteView):
        def on_completion(self, uploaded_file: Any, request: Any) -> None:
            runs.append(uploaded_file.read())

    serve(complete=Counting)
    upload_id = page.start(b"12345")
    assert page.complete(upload_id, b"12345").status_code == 200
    again = page.complete(upload_id, b"12345")
    assert again.status_code == 400
    assert again.json() == {"detail": "Upload has already been marked as complete"}
    assert runs == [b"12345"]
