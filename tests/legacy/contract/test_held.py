"""Chunks that were appended and never saved, for a site's code failed in between."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from chunked_upload.models import ChunkedUpload
from django.core.files.base import ContentFile

from tests.legacy.contract.pages import Page, content_of

Serve = Callable[..., None]


def open_files(upload_id: str) -> list[str]:
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:
            continue
    return [path for path in found if upload_id in path]


@pytest.mark.fault("what was appended stays in the file (section 7, 2)")
def test_append_chunk_of_a_site_that_fails_leaves_the_upload_as_it_was(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = page.start(b"12345")
    append = ChunkedUpload.append_chunk

    def failing(self: Any, *args: Any, **kwargs: Any) -> None:
        append(self, *args, **kwargs)
        raise LookupError("the site's own mistake")

    page.client.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr(ChunkedUpload, "append_chunk", failing)
        assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 500
    assert open_files(upload_id) == []
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert content_of(upload_id) == b"1234567"


@pytest.mark.fault("what was appended stays in the file (section 7, 2)")
def test_append_chunk_whose_save_fails_leaves_the_upload_as_it_was(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = page.start(b"12345")

    def failing(self: Any, *args: Any, **kwargs: Any) -> None:
        raise LookupError("the site's own mistake")

    row = ChunkedUpload.objects.get()
    with monkeypatch.context() as patched:
        patched.setattr(ChunkedUpload, "save", failing)
        with pytest.raises(LookupError):
            row.append_chunk(ContentFile(b"67"))
    assert open_files(upload_id) == []
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert content_of(upload_id) == b"1234567"
