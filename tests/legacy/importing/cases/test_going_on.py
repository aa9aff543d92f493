"""Imported uploads go on by either protocol, as if they had been made here."""

import hashlib
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from tests.legacy.importing.cases.support import CONTENT, complete, put, run, table, taken
from tests.legacy.importing.tables.models import DrfUpload, ElsewhereUpload
from tusbridge.models import Upload
from tusbridge.service import UploadService
from tusbridge.signals import upload_completed, upload_created

pytestmark = pytest.mark.django_db(transaction=True)

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = "application/offset+octet-stream"
MD5 = hashlib.md5(CONTENT).hexdigest()
# where the bytes were: in the target's storage, and elsewhere
SOURCES = {"chunked_upload.ChunkedUpload": None, "tables.ElsewhereUpload": ElsewhereUpload}
TARGETS = ["tusbridge.Upload", "tables.Target"]


def begun(label: str, **fields: Any) -> Any:
    """An upload with the first half of its bytes, and some that a crash left behind them."""
    model = SOURCES[label]
    words = {"content": b"helloXXX", "offset": 5, **fields}
    row = put(**words) if model is None else put(model, **words)
    assert table(run("--model", label)[1])["imported, in flight"] == "1"
    return row


def downloaded(client: Client, upload_id: str) -> bytes:
    answer = client.get(f"/files/{upload_id}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def send(client: Client, upload_id: str, chunk: bytes, where: str) -> Any:
    file = SimpleUploadedFile("a film.mp4", chunk)
    return client.post(
        "/legacy/upload/",
        {"upload_id": upload_id, "file": file},
        headers={"Content-Range": f"bytes {where}"},
    )


def ask_to_complete(client: Client, upload_id: str) -> Any:
    return client.post("/legacy/complete/", {"upload_id": upload_id, "md5": MD5})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("label", SOURCES)
def test_an_unfinished_upload_goes_on_by_chunks(
    client: Client, into: Any, label: str, target: str
) -> None:
    into(target)
    row = begun(label)
    refused = send(client, row.upload_id, b"XXX", "3-5/10")
    assert (refused.status_code, refused.json()["offset"]) == (400, 5)
    answer = send(client, row.upload_id, b"world", "5-9/10")
    assert (answer.status_code, answer.json()["offset"]) == (200, 10)
    assert answer["Range"] == "bytes=0-9"
    assert ask_to_complete(client, row.upload_id).status_code == 200
    assert downloaded(client, row.upload_id) == CONTENT
    again = ask_to_complete(client, row.upload_id)
    assert again.status_code == 400
    assert again.json() == {"detail": "Upload has already been marked as complete"}
    assert taken(row.upload_id).created_on == row.created_on


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("label", SOURCES)
def test_an_unfinished_upload_goes_on_by_tus(
    client: Client, into: Any, label: str, target: str
) -> None:
    into(target)
    row = begun(label)
    url = f"/files/{row.upload_id}"
    head = client.head(url, headers=TUS)
    assert head["Upload-Offset"] == "5"
    assert head["Upload-Defer-Length"] == "1"
    fields = {**TUS, "Upload-Offset": "5", "Upload-Length": "10"}
    answer = client.patch(url, b"world", BYTES, headers=fields)
    assert (answer.status_code, answer["Upload-Offset"]) == (204, "10")
    assert downloaded(client, row.upload_id) == CONTENT


def test_a_complete_upload_is_downloaded_and_completed_no_more(client: Client, user: User) -> None:
    row = complete(user=user)
    assert run()[0] == 0
    client.force_login(user)
    assert downloaded(client, row.upload_id) == CONTENT
    head = client.head(f"/files/{row.upload_id}", headers=TUS)
    assert (head["Upload-Offset"], head["Upload-Length"]) == ("10", "10")
    again = ask_to_complete(client, row.upload_id)
    assert (again.status_code, again.json()["detail"]) == (
        400,
        "Upload has already been marked as complete",
    )
    chunk = send(client, row.upload_id, b"more", "10-13/14")
    assert (chunk.status_code, chunk.json()["detail"]) == (
        400,
        'Upload has already been marked as "complete"',
    )


def test_others_uploads_are_as_unknown_as_ever(client: Client, user: User) -> None:
    row = complete(user=user)
    run()
    client.force_login(User.objects.create_user("two"))
    assert client.get(f"/files/{row.upload_id}").status_code == 404
    assert ask_to_complete(client, row.upload_id).status_code == 404


def test_an_upload_of_drf_chunked_upload_goes_on_under_its_id_without_dashes(
    client: Client,
) -> None:
    row = put(DrfUpload, b"hello")
    run("--model", "tables.DrfUpload")
    assert send(client, row.pk.hex, b"world", "5-9/10").status_code == 200
    assert ask_to_complete(client, row.pk.hex).status_code == 200
    assert downloaded(client, row.pk.hex) == CONTENT


def test_nobody_is_told_of_uploads_that_were_made_elsewhere() -> None:
    told = []

    def hear(upload: Any, **_: Any) -> None:
        told.append(upload.upload_id)

    for signal in (upload_created, upload_completed):
        signal.connect(hear)
    try:
        complete(), complete(ElsewhereUpload), put(ElsewhereUpload)
        run()
        run("--model", "tables.ElsewhereUpload")
        call_command("tusbridge_sweep", verbosity=0)
    finally:
        for signal in (upload_created, upload_completed):
            signal.disconnect(hear)
    assert told == []
    assert Upload.objects.count() == 3


def test_a_sweep_leaves_what_was_imported_alone_with_orphans_and_all() -> None:
    for model in (None, ElsewhereUpload):
        for make in (put, complete):
            make() if model is None else make(model)
    run()
    run("--model", "tables.ElsewhereUpload")
    for path in Path(site.PLACE).rglob("*"):
        if path.is_file() and "sqlite3" not in path.name:
            os.utime(path, (time.time() - 86_400,) * 2)
    call_command("tusbridge_sweep", "--orphans", "--missing", "--remove-missing", verbosity=0)
    assert Upload.objects.count() == 4
    for upload in Upload.objects.filter(status=1):
        assert b"".join(UploadService().read_unfinished(upload, 0, 10)) == CONTENT
    for upload in Upload.objects.filter(status=2):
        with upload.file.open("rb") as file:
            assert file.read() == CONTENT


def test_an_expired_upload_goes_on_by_tus_for_a_day_and_by_chunks_no_more(client: Client) -> None:
    row = put(content=b"hello", age=timedelta(days=9))
    run("--expired")
    answer = send(client, row.upload_id, b"world", "5-9/10")
    assert (answer.status_code, answer.json()) == (410, {"detail": "Upload has expired"})
    call_command("tusbridge_sweep", verbosity=0)
    fields = {**TUS, "Upload-Offset": "5", "Upload-Length": "10"}
    url = f"/files/{row.upload_id}"
    assert client.patch(url, b"world", BYTES, headers=fields).status_code == 204
    assert downloaded(client, row.upload_id) == CONTENT


def test_an_import_is_taken_back_without_its_files() -> None:
    """As the guide has it."""
    rows = [put(), complete()]
    run()
    uploads = Upload.objects.filter(protocol="legacy")
    uploads._raw_delete(uploads.db)
    assert all(Path(row.file.path).read_bytes() == CONTENT for row in rows)
    assert table(run()[1]) == {"imported, complete": "1", "imported, in flight": "1"}
