"""Uploads that tus begins over the models of the drop-in stay tus's: their row says so, whoever
inserts it, and rules for chunks and for sites' own rows leave them alone.
"""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from chunked_upload.constants import COMPLETE, UPLOADING
from chunked_upload.models import ChunkedUpload
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db.models.signals import pre_save
from django.test import Client
from django.urls import path
from django.utils import timezone

from tests.legacy.contract.pages import Page, content_of
from tests.legacy.contract.site.models import AnyonesUpload, OwnedUpload, Picture, Video

if django_settings.IS_ORIGINAL:
    pytest.skip("the original has no tus", allow_module_level=True)

from tusbridge.errors import TooLarge
from tusbridge.models import Protocol, get_upload_model
from tusbridge.urls import mount

TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}
MODELS = {"ChunkedUpload": "chunked_upload.ChunkedUpload"} | {
    model.__name__: model._meta.label for model in (AnyonesUpload, Picture, Video)
}


@pytest.fixture(autouse=True)
def beside(settings: Any) -> None:
    """Both protocols over one model."""
    settings.TUSBRIDGE = {"ALLOW_ANONYMOUS": True}
    settings.ROOT_URLCONF = (
        path("upload/", ChunkedUploadView.as_view()),
        path("complete/", ChunkedUploadCompleteView.as_view()),
        *mount("files/"),
    )


def begin(client: Client, length: int | None, **fields: str) -> str:
    told = {"HTTP_UPLOAD_DEFER_LENGTH": "1"} if length is None else {}
    told |= {} if length is None else {"HTTP_UPLOAD_LENGTH": str(length)}
    answer = client.generic("POST", "/files/", **told, **fields, **TUS)
    assert answer.status_code == 201, answer.content
    return str(answer["Location"]).rpartition("/")[2]


def patch(client: Client, upload_id: str, data: bytes, offset: int = 0) -> int:
    kind = "application/offset+octet-stream"
    at = {"HTTP_UPLOAD_OFFSET": str(offset), **TUS}
    answer = client.generic("PATCH", f"/files/{upload_id}", data, content_type=kind, **at)
    return int(answer.status_code)


@pytest.mark.parametrize("label", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("fields", [{}, {"HTTP_UPLOAD_CONCAT": "partial"}], ids=["one", "partial"])
@pytest.mark.parametrize("length", [7, None], ids=["known", "deferred"])
def test_what_tus_begins_is_tuss(
    client: Client, settings: Any, label: str, fields: Any, length: int | None
) -> None:
    settings.TUSBRIDGE_UPLOAD_MODEL = label
    begin(client, length, **fields)
    upload = get_upload_model().objects.get()
    assert (upload.protocol, upload.completes_itself) == (Protocol.TUS, True)
    assert upload.length == length


def test_a_final_upload_is_tuss(client: Client) -> None:
    part = begin(client, 5, HTTP_UPLOAD_CONCAT="partial")
    assert patch(client, part, b"12345") == 204
    concat = f"final;/files/{part}"
    assert client.generic("POST", "/files/", HTTP_UPLOAD_CONCAT=concat, **TUS).status_code == 201
    final = ChunkedUpload.objects.get(concat="final")
    assert (final.protocol, final.completes_itself) == (Protocol.TUS, True)


def test_a_tus_upload_completes_by_its_last_byte(client: Client) -> None:
    upload_id = begin(client, 7)
    assert patch(client, upload_id, b"12345") == 204
    assert patch(client, upload_id, b"67", 5) == 204
    upload = ChunkedUpload.objects.get()
    assert (upload.status, upload.protocol, upload.confirmed_on) == (COMPLETE, "tus", None)
    assert content_of(upload_id) == b"1234567"


def test_what_sites_make_is_the_contracts(page: Page, user: User) -> None:
    made = [
        ChunkedUpload.objects.get(upload_id=page.start(b"12345")),
        ChunkedUpload.objects.create(user=user, filename="a"),
        ChunkedUpload.objects.get_or_create(user=user, filename="b")[0],
        *ChunkedUpload.objects.bulk_create([ChunkedUpload(user=user, filename="c")]),
        Video.objects.create(user=user, title="d"),
        OwnedUpload.objects.create(owner=user),
    ]
    assert {(one.protocol, one.completes_itself) for one in made} == {("legacy", False)}
    rows = ChunkedUpload.objects.values_list("protocol", "completes_itself")
    assert set(rows) == {("legacy", False)}


def test_what_a_site_says_stands(user: User) -> None:
    upload = ChunkedUpload.objects.create(user=user, protocol=Protocol.TUS, length=3)
    assert ChunkedUpload.objects.values_list("protocol", "completes_itself").get() == ("tus", True)
    assert upload.confirmed_on is None


def test_a_receiver_of_pre_save_changes_nothing_of_that(client: Client) -> None:
    def receive(**_: Any) -> None:
        pass

    pre_save.connect(receive, sender=ChunkedUpload)
    try:
        begin(client, 7)
    finally:
        pre_save.disconnect(receive, sender=ChunkedUpload)
    assert ChunkedUpload.objects.get().protocol == Protocol.TUS


def test_a_chunk_does_not_lengthen_what_tus_has_a_length_of(client: Client, page: Page) -> None:
    upload_id = begin(client, 7)
    assert patch(client, upload_id, b"12345") == 204
    refused = page.chunk(b"6789", start=5, total=9, upload_id=upload_id)
    assert refused.status_code == 400, refused.content
    upload = ChunkedUpload.objects.get()
    with pytest.raises(TooLarge):
        upload.append_chunk(ContentFile(b"6789"))
    upload.refresh_from_db()
    assert (upload.offset, upload.length) == (5, 7)
    assert page.chunk(b"67", start=5, total=7, upload_id=upload_id).status_code == 200
    answer = page.complete(upload_id, b"1234567")
    assert answer.status_code == 200, answer.content


def test_the_clean_up_keeps_what_is_still_sent(client: Client, page: Page) -> None:
    sent, over, form = begin(client, 7), begin(client, 7), page.start(b"12345")
    patch(client, sent, b"12345")
    rows = ChunkedUpload.objects
    rows.update(created_on=timezone.now() - timedelta(days=2))
    rows.filter(upload_id=over).update(expires_at=timezone.now() - timedelta(minutes=1))
    call_command("delete_expired_uploads", stdout=StringIO())
    assert set(rows.values_list("upload_id", "status")) == {(sent, UPLOADING)}
    assert not rows.filter(upload_id=form).exists()
    assert patch(client, sent, b"67", 5) == 204
