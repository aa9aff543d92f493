"""Section 7: faults of the original that only Python sees; the rest are beside their rows."""

from collections.abc import Callable
from typing import Any

import pytest
from chunked_upload.constants import COMPLETE
from chunked_upload.models import ChunkedUpload
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import TemporaryUploadedFile

from tests.legacy.contract.pages import Page, content_of, md5, stored_files
from tests.legacy.contract.site.models import Document

Serve = Callable[..., None]
# what may be in memory of one chunk at once
PIECE_BYTES = 4 * 2**20


@pytest.mark.fault("bytes of a crashed write stay in the middle (section 7, 2)")
def test_7_2_bytes_beyond_the_offset_are_cut_off(page: Page) -> None:
    upload_id = page.start(b"12345")
    with open(ChunkedUpload.objects.get().file.path, "ab") as file:
        file.write(b"left by a crash")
    assert page.chunk(b"67", start=5, upload_id=upload_id).json()["offset"] == 7
    assert page.complete(upload_id, b"1234567").status_code == 200
    assert content_of(upload_id) == b"1234567"


@pytest.mark.fault("bytes of a crashed write stay at the end (section 7, 2)")
def test_7_2_bytes_beyond_the_offset_are_not_completed(page: Page) -> None:
    upload_id = page.start(b"12345")
    with open(ChunkedUpload.objects.get().file.path, "ab") as file:
        file.write(b"left by a crash")
    assert page.complete(upload_id, b"12345").status_code == 200
    assert content_of(upload_id) == b"12345"


@pytest.mark.fault("appended at the end of the file (section 7, 2)")
def test_7_2_append_chunk_writes_at_the_offset(page: Page) -> None:
    upload_id = page.start(b"12345")
    unsaved = ChunkedUpload.objects.get()
    unsaved.append_chunk(ContentFile(b"lost"), save=False)
    row = ChunkedUpload.objects.get()
    row.append_chunk(ContentFile(b"67"))
    assert page.complete(upload_id, b"1234567").status_code == 200


@pytest.mark.fault("only the declared total counts (section 7, 4)")
def test_7_4_the_limit_holds_for_what_comes(page: Page, serve: Serve) -> None:
    serve(type("Limited", (ChunkedUploadView,), {"max_bytes": 8}))
    upload_id = page.start(b"12345", total=7)
    answer = page.chunk(b"6789", start=5, total=7, upload_id=upload_id)
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Size of file exceeds the limit (8 bytes)"}
    assert ChunkedUpload.objects.get().offset == 5


@pytest.mark.fault("an empty file without a row (section 7, 5)")
@pytest.mark.parametrize("start", [0, 3])
def test_7_5_a_refused_first_chunk_leaves_no_file(page: Page, serve: Serve, start: int) -> None:
    serve(type("Limited", (ChunkedUploadView,), {"max_bytes": 8}))
    before = stored_files()
    assert page.chunk(b"12345", start=start, total=8 if start else 9).status_code == 400
    assert not ChunkedUpload.objects.exists()
    assert stored_files() == before


class Counted(TemporaryUploadedFile):
    """A spooled part that notes how much of it is asked for at once."""

    def __init__(self, size: int) -> None:
        super().__init__("a.bin", "application/octet-stream", size, None)
        self.file.truncate(size)
        self.largest = 0

    def read(self, size: int | None = None) -> bytes:
        content: bytes = self.file.read(-1 if size is None else size)
        self.largest = max(self.largest, len(content))
        return content


@pytest.mark.fault("one chunk.read() (section 7, 7)")
def test_7_7_a_chunk_is_copied_in_pieces(page: Page) -> None:
    page.start(b"12345")
    row = ChunkedUpload.objects.get()
    with Counted(20 * 2**20) as chunk:
        row.append_chunk(chunk, chunk_size=chunk.size)
    assert ChunkedUpload.objects.get().offset == row.file.size == 5 + 20 * 2**20
    assert 0 < chunk.largest <= PIECE_BYTES


def test_7_8_the_md5_is_that_of_the_file(page: Page) -> None:
    """Whatever is kept while the bytes come: chunks, a page and a task take turns."""
    upload_id = page.start(b"12345")
    page.chunk(b"67", start=5, upload_id=upload_id)
    ChunkedUpload.objects.get().append_chunk(ContentFile(b"89"))
    page.chunk(b"0", start=9, upload_id=upload_id)
    assert ChunkedUpload.objects.get().md5 == md5(b"1234567890")
    assert page.complete(upload_id, b"1234567890").status_code == 200


def test_7_13_a_file_that_is_shared_is_the_very_file(page: Page, serve: Serve) -> None:
    """``Document(file=chunked_upload.file)`` has no copy: so the clean-up has to keep it."""

    class Sharing(ChunkedUploadCompleteView):
        def get_response_data(self, chunked_upload: Any, request: Any) -> dict[str, Any]:
            Document.objects.create(file=chunked_upload.file)
            return {}

    serve(complete=Sharing)
    page.complete(page.start(b"12345"), b"12345")
    document, row = Document.objects.get(), ChunkedUpload.objects.get()
    assert document.file.name == row.file.name
    assert document.file.path == row.file.path
    with document.file.open("rb") as file:
        assert file.read() == b"12345"


@pytest.mark.fault("nobody says so (section 7, 12)")
def test_7_12_a_refusal_that_is_returned_is_told_of(
    page: Page, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """It protects nothing, as ever; but the log says so."""

    class Returning(ChunkedUploadView):
        def check_permissions(self, request: Any) -> bool:
            return False

    serve(Returning)
    assert page.whole(b"12345").status_code == 200
    texts = [f"{record.getMessage()} {vars(record).get('why', '')}" for record in caplog.records]
    assert any("check_permissions" in text for text in texts)


@pytest.mark.fault("nobody closes it (section 7, 22)")
def test_7_22_the_file_is_closed_after_the_answer(page: Page, serve: Serve) -> None:
    seen = []

    class Keeping(ChunkedUploadCompleteView):
        def on_completion(self, uploaded_file: Any, request: Any) -> None:
            seen.append(uploaded_file)

    serve(complete=Keeping)
    assert page.complete(page.start(b"12345"), b"12345").status_code == 200
    assert [uploaded.closed for uploaded in seen] == [True]


@pytest.mark.fault("nobody closes it (section 7, 22)")
def test_7_22_the_file_is_closed_after_an_error(page: Page, serve: Serve) -> None:
    seen = []

    class Failing(ChunkedUploadCompleteView):
        def on_completion(self, uploaded_file: Any, request: Any) -> None:
            seen.append(uploaded_file)
            raise LookupError("the site's own")

    serve(complete=Failing)
    page.client.raise_request_exception = False
    assert page.complete(page.start(b"12345"), b"12345").status_code == 500
    assert [uploaded.closed for uploaded in seen] == [True]


def test_7_22_a_file_that_the_site_closed(page: Page, serve: Serve) -> None:
    class Closing(ChunkedUploadCompleteView):
        def on_completion(self, uploaded_file: Any, request: Any) -> None:
            with uploaded_file:
                assert uploaded_file.read() == b"12345"

    serve(complete=Closing)
    assert page.complete(page.start(b"12345"), b"12345").status_code == 200
    assert ChunkedUpload.objects.get().status == COMPLETE
