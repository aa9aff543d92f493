"""Uploaders that say in form fields what the contract says by Content-Range."""

from typing import Any

import pytest
from django.test import Client

from tests.legacy.form_client import BOUNDARY, form_of
from tusbridge.models import Upload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

# what each sends with the second of three chunks of 5 bytes, of 12 in all
PARTS = {
    "Dropzone": {
        "dzuuid": "1f0c",
        "dzchunkindex": "1",
        "dztotalfilesize": "12",
        "dzchunksize": "5",
        "dztotalchunkcount": "3",
        "dzchunkbyteoffset": "5",
    },
    "resumable.js": {
        "resumableChunkNumber": "2",
        "resumableChunkSize": "5",
        "resumableCurrentChunkSize": "5",
        "resumableTotalSize": "12",
        "resumableIdentifier": "12-abin",
        "resumableTotalChunks": "3",
    },
    "flow.js": {
        "flowChunkNumber": "2",
        "flowChunkSize": "5",
        "flowCurrentChunkSize": "5",
        "flowTotalSize": "12",
        "flowTotalChunks": "3",
    },
    "ng-file-upload": {
        "_chunkSize": "5",
        "_currentChunkSize": "5",
        "_chunkNumber": "1",
        "_totalSize": "12",
    },
    "simple-uploader.js": {"chunkNumber": "2", "totalChunks": "3", "totalSize": "12"},
    "Plupload": {"name": "a.bin", "chunk": "1", "chunks": "3"},
    "Fine Uploader": {"qqpartindex": "1", "qqtotalparts": "3", "qqtotalfilesize": "12"},
}
ALONE = {
    "Dropzone": {"dzchunkindex": "0", "dztotalchunkcount": "1"},
    "resumable.js": {"resumableChunkNumber": "1", "resumableTotalChunks": "1"},
    "flow.js": {"flowChunkNumber": "1", "flowTotalChunks": "1"},
    "ng-file-upload": {"_chunkNumber": "0", "_currentChunkSize": "5", "_totalSize": "5"},
    "simple-uploader.js": {"chunkNumber": "1", "totalChunks": "1"},
    "Plupload": {"chunk": "0", "chunks": "1"},
    "Fine Uploader": {"qqpartindex": "0", "qqtotalparts": "1"},
}


def send(
    client: Client, fields: dict[str, str], query: str = "", last: bool = False, **meta: str
) -> Any:
    body = form_of(fields, b"hello")
    if last:
        end = f"--{BOUNDARY}--\r\n".encode()
        body = form_of({}, b"hello").removesuffix(end) + form_of(fields, None)
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return client.generic("POST", f"/legacy/upload/{query}", body, kind, **meta)  # type: ignore[arg-type]


@pytest.mark.parametrize("sender", PARTS)
@pytest.mark.parametrize("last", [False, True], ids=["before-the-file", "behind-the-file"])
def test_a_part_without_its_place_is_400_and_says_what_to_do(
    client: Client, sender: str, last: bool
) -> None:
    response = send(client, PARTS[sender], last=last)
    assert response.status_code == 400
    detail = response.json()["detail"]
    assert detail.startswith(f"This is one of several chunks of {sender},")
    assert "Content-Range" in detail
    assert "upload_id" in detail
    assert not Upload.objects.exists()


@pytest.mark.parametrize("sender", PARTS)
def test_the_first_part_is_refused_too(client: Client, sender: str) -> None:
    first = {"1": "0", "2": "1"}
    index = next(name for name in PARTS[sender] if name.endswith(("Number", "index", "chunk")))
    response = send(client, {**PARTS[sender], index: first[PARTS[sender][index]]})
    assert response.status_code == 400
    assert not Upload.objects.exists()


@pytest.mark.parametrize("sender", ["resumable.js", "flow.js"])
def test_what_the_query_says_counts_too(client: Client, sender: str) -> None:
    query = "&".join(f"{name}={value}" for name, value in PARTS[sender].items())
    assert send(client, {}, query=f"?{query}").status_code == 400


@pytest.mark.parametrize("sender", ALONE)
def test_a_file_of_one_chunk_is_taken_as_it_comes(client: Client, sender: str) -> None:
    response = send(client, ALONE[sender])
    assert response.status_code == 200
    assert response.json()["offset"] == 5


@pytest.mark.parametrize("sender", PARTS)
def test_a_part_with_its_place_is_taken(client: Client, sender: str) -> None:
    first = send(client, PARTS[sender], HTTP_CONTENT_RANGE="bytes 0-4/12").json()
    fields = {**PARTS[sender], "upload_id": first["upload_id"]}
    response = send(client, fields, HTTP_CONTENT_RANGE="bytes 5-9/12")
    assert response.json()["offset"] == 10


@pytest.mark.parametrize(
    "fields",
    [
        {"chunks": "5"},
        {"chunk": "1"},
        {"chunk": "a", "chunks": "5"},
        {"chunk": "1", "chunks": "\u0663"},
        {"chunk": "1", "chunks": "9" * 5000},
        {"totalChunks": "5"},
        {"_totalSize": "12"},
    ],
)
def test_fields_of_a_sites_own_mean_nothing(client: Client, fields: dict[str, str]) -> None:
    assert send(client, fields).status_code == 200
