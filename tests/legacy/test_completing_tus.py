"""The completing call of the older contract, asked to complete what tus began."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.api.test_tus import TUS, create, patch
from tusbridge.errors import UploadIncomplete
from tusbridge.models import Upload
from tusbridge.service import UploadService

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


def complete(url: str, data: bytes) -> Any:
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    upload_id = url.rpartition("/")[2]
    return Client().post("/legacy/complete/", {"upload_id": upload_id, "md5": md5})


def columns() -> list[Any]:
    names = ("upload_id", "offset", "length", "status", "file", "parts", "completed_on")
    return list(Upload.objects.order_by("pk").values_list(*names, "completes_itself"))


def defer() -> str:
    fields = {"HTTP_UPLOAD_DEFER_LENGTH": "1", **TUS}
    return str(Client().generic("POST", "/files/", **fields)["Location"])


def join(*urls: str) -> Any:
    concat = f"final;{' '.join(urls)}"
    return Client().generic("POST", "/files/", HTTP_UPLOAD_CONCAT=concat, **TUS)


def refuse(url: str, data: bytes, detail: str) -> None:
    before = columns()
    answer = complete(url, data)
    assert (answer.status_code, answer.json()) == (400, {"detail": detail})
    assert columns() == before


@pytest.mark.parametrize("data", [b"", b"hello"])
def test_one_whose_length_is_not_reached_goes_on(data: bytes) -> None:
    url = create(Client())["Location"]
    patch(Client(), url, data)
    refuse(url, data, f"{len(data)} of 10 bytes are there")
    assert patch(Client(), url, b"helloworld"[len(data) :], len(data)).status_code == 204
    assert complete(url, b"helloworld").status_code == 200


@pytest.mark.parametrize("data", [b"", b"hello"])
def test_one_whose_length_is_deferred_waits_for_it(data: bytes) -> None:
    url = defer()
    patch(Client(), url, data)
    refuse(url, data, f"{len(data)} of an unknown number of bytes are there")
    told = {"HTTP_UPLOAD_LENGTH": str(len(data)), "HTTP_UPLOAD_OFFSET": str(len(data))}
    told["CONTENT_TYPE"] = "application/offset+octet-stream"
    assert Client().patch(url, b"", **told, **TUS).status_code == 204
    assert complete(url, data).status_code == 200


@pytest.mark.parametrize("is_known", [True, False])
def test_a_final_upload_waits_for_its_parts(is_known: bool) -> None:
    partial = {"HTTP_UPLOAD_CONCAT": "partial"}
    first = create(Client(), **partial)["Location"]
    defer_fields = {"HTTP_UPLOAD_DEFER_LENGTH": "1", **partial, **TUS}
    deferred = str(Client().generic("POST", "/files/", **defer_fields)["Location"])
    second = create(Client(), **partial)["Location"] if is_known else deferred
    final = join(first, second)["Location"]
    refuse(final, b"", f"0 of {20 if is_known else 'an unknown number of'} bytes are there")
    patch(Client(), first, b"helloworld")
    refuse(final, b"", f"0 of {20 if is_known else 'an unknown number of'} bytes are there")
    told = {} if is_known else {"HTTP_UPLOAD_LENGTH": "10"}
    kind = {"content_type": "application/offset+octet-stream", "HTTP_UPLOAD_OFFSET": "0"}
    assert Client().patch(second, b"worldhello", **kind, **told, **TUS).status_code == 204
    assert b"".join(Client().get(final).streaming_content) == b"helloworldworldhello"  # type: ignore[attr-defined]
    assert complete(final, b"helloworldworldhello").status_code == 200


def test_a_part_is_no_file() -> None:
    url = create(Client(), HTTP_UPLOAD_CONCAT="partial")["Location"]
    before = columns()
    assert complete(url, b"").status_code == 403
    assert columns() == before


def test_an_expired_one_stays_so() -> None:
    url = create(Client())["Location"]
    Upload.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    refuse(url, b"", "0 of 10 bytes are there")
    assert Client().head(url, **TUS).status_code == 410


def test_the_service_refuses_too() -> None:
    create(Client())
    with pytest.raises(UploadIncomplete, match="0 of 10"):
        UploadService().complete(Upload.objects.get())
