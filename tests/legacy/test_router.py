"""The router in a site's process: what it answers when something it stands on is away."""

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from legacy import api, exchange
from tests.legacy.form_client import BOUNDARY, form_of
from tusbridge.errors import StoreFull
from tusbridge.models import Upload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]


def chunk(client: Client, content: bytes, upload_id: str = "") -> Any:
    body = form_of({"upload_id": upload_id} if upload_id else {}, content)
    return client.generic(
        "POST", "/legacy/upload/", body, f"multipart/form-data; boundary={BOUNDARY}"
    )


@pytest.mark.parametrize("path", ["upload", "complete"])
def test_r12_a_database_that_is_away_is_503(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    upload_id = chunk(client, b"hello").json()["upload_id"]

    def away(*_: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(api._Judged, "_find", away)
    form = {"upload_id": upload_id, "md5": "0", "file": SimpleUploadedFile("a", b"x")}
    response = client.post(f"/legacy/{path}/", form)
    assert response.status_code == 503
    assert response["Retry-After"]
    assert "cannot be reached" in response.json()["detail"]
    assert Upload.objects.get().offset == 5


def test_r11_a_full_disk_is_507_and_leaves_the_offset(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreFull

    monkeypatch.setattr(exchange, "begin_chunk", full)
    response = chunk(client, b"hello")
    assert (response.status_code, "detail" in response.json()) == (507, True)
    assert not Upload.objects.exists()


def test_a_new_upload_whose_key_is_known_before_it_is_saved(media: Path) -> None:
    """As with a UUID for a primary key: it is new all the same, and leaves nothing when dropped."""
    upload = Upload(pk=77, filename="a")
    exchange.append(upload, SimpleUploadedFile("a", b"hello"), 5)
    exchange.drop_held(upload)
    partial = media.with_name("media.partial")
    assert not [path for path in partial.rglob("*") if path.is_file()]
    upload = Upload(pk=77, filename="a")
    exchange.append(upload, SimpleUploadedFile("a", b"hello"), 5)
    assert exchange.commit_held(upload)
    assert Upload.objects.get(pk=77).offset == 5


def test_a_chunk_that_cannot_be_put_aside_holds_no_lease(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its upload is only named behind its bytes, and there is no room for temporary files."""
    upload_id = chunk(client, b"hello").json()["upload_id"]

    def full() -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    body = form_of({}, b"world") + form_of({"late": "field"}, None)
    body = body.replace(f"--{BOUNDARY}--\r\n".encode(), b"", 1)
    client.raise_request_exception = False
    before = set(open_files())
    response = client.generic(
        "POST", "/legacy/upload/", body, f"multipart/form-data; boundary={BOUNDARY}"
    )
    assert response.status_code == 500
    assert set(open_files()) <= before
    assert Upload.objects.get().upload_id == upload_id


def open_files() -> list[str]:
    return [entry for entry in map(_target, os.listdir("/proc/self/fd")) if ".partial/" in entry]


def _target(fd: str) -> str:
    with suppress(FileNotFoundError):
        return os.readlink(f"/proc/self/fd/{fd}")
    return ""
