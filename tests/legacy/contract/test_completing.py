"""Section 3.1: what a site makes of a complete upload."""

from collections.abc import Callable
from typing import Any

import pytest
from chunked_upload.models import ChunkedUpload
from chunked_upload.views import ChunkedUploadCompleteView
from django.http import HttpResponse

from tests.legacy.contract.pages import Page, content_of, md5
from tests.legacy.contract.site.models import Document

Serve = Callable[..., None]


def test_3_1_do_md5_check_is_off(serve: Serve, page: Page) -> None:
    serve(complete=type("Unchecked", (ChunkedUploadCompleteView,), {"do_md5_check": False}))
    answer = page.complete("")
    assert (answer.status_code, answer.json()) == (400, {"detail": "'upload_id' is required"})
    assert page.complete(page.start(b"12345"), md5="nonsense").status_code == 200


def test_3_1_md5_check_may_be_another(serve: Serve, page: Page) -> None:
    class Lenient(ChunkedUploadCompleteView):
        def md5_check(self, chunked_upload: Any, md5: str) -> None:
            super().md5_check(chunked_upload, md5.strip("*"))

    serve(complete=Lenient)
    upload_id = page.start(b"12345")
    assert page.complete(upload_id, md5=f"*{md5(b'other')}*").status_code == 400
    assert page.complete(upload_id, md5=f"*{md5(b'12345')}*").status_code == 200


def test_3_1_what_on_completion_returns_is_ignored(serve: Serve, page: Page) -> None:
    class Returning(ChunkedUploadCompleteView):
        def on_completion(self, uploaded_file: Any, request: Any) -> Any:
            return HttpResponse("mine", status=201)

    serve(complete=Returning)
    answer = page.complete(page.start(b"12345"), b"12345")
    assert (answer.status_code, answer.json()) == (200, {})


def test_3_1_on_completion_saves_the_file_elsewhere(serve: Serve, page: Page) -> None:
    class Saving(ChunkedUploadCompleteView):
        def on_completion(self, uploaded_file: Any, request: Any) -> None:
            document = Document(upload_id=request.POST["upload_id"])
            document.file.save(uploaded_file.name, uploaded_file)

    serve(complete=Saving)
    upload_id = page.start(b"12345", name="report.pdf")
    page.chunk(b"67", start=5, upload_id=upload_id)
    page.complete(upload_id, b"1234567")
    document = Document.objects.get(upload_id=upload_id)
    with document.file.open("rb") as file:
        assert file.read() == b"1234567"
    assert document.file.name.startswith("documents/report")
    assert content_of(upload_id) == b"1234567"


@pytest.mark.django_db(transaction=True)
def test_3_1_on_completion_deletes_the_upload(serve: Serve, page: Page) -> None:
    class Moving(ChunkedUploadCompleteView):
        def on_completion(self, uploaded_file: Any, request: Any) -> None:
            upload = ChunkedUpload.objects.get(upload_id=request.POST["upload_id"])
            document = Document(upload_id=upload.upload_id)
            document.file.save(upload.filename, uploaded_file)
            self.path = upload.file.path
            upload.delete(delete_file=True)

        def get_response_data(self, chunked_upload: Any, request: Any) -> dict[str, Any]:
            return {"name": chunked_upload.filename, "path": self.path}

    serve(complete=Moving)
    answer = page.complete(page.start(b"12345"), b"12345").json()
    assert answer["name"] == "film.mp4"
    assert not ChunkedUpload.objects.exists()
    with pytest.raises(FileNotFoundError), open(answer["path"], "rb"):
        pass
    with Document.objects.get().file.open("rb") as file:
        assert file.read() == b"12345"


def test_3_1_get_response_data_does_the_real_work(serve: Serve, page: Page) -> None:
    class Working(ChunkedUploadCompleteView):
        def get_response_data(self, chunked_upload: Any, request: Any) -> dict[str, Any]:
            document = Document.objects.create(
                file=chunked_upload.file, upload_id=chunked_upload.upload_id
            )
            return {"document": document.pk, "name": chunked_upload.file.name}

    serve(complete=Working)
    upload_id = page.start(b"12345")
    answer = page.complete(upload_id, b"12345").json()
    document = Document.objects.get(pk=answer["document"])
    # the very file, not a copy
    assert document.file.name == answer["name"] == ChunkedUpload.objects.get().file.name
    with document.file.open("rb") as file:
        assert file.read() == b"12345"
