"""Rows that a database does not take: names are made to fit, everything else is told."""

from typing import Any

import pytest
from django.db import DataError, IntegrityError
from django.test import Client

from tests.api.test_tus import create
from tusbridge import rows
from tusbridge.errors import RowRefused
from tusbridge.models import Upload
from tusbridge.service import UploadService

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]


@pytest.mark.parametrize(
    "name", ["a\x00b", "a\ud800b", "a\udfff", "\U0001f600", "\u20ac", "h\u00e4user"]
)
@pytest.mark.parametrize("ttl", [None, 5.0])
def test_a_name_that_the_database_does_not_know_is_made_to_fit(
    name: str, ttl: float | None
) -> None:
    upload = Upload(filename=name, content_type=name, storage_alias="default")
    rows.insert_row(upload, lease_ttl=ttl)
    stored = Upload.objects.get()
    assert stored.filename == upload.filename
    assert len(stored.filename) == len(name)
    assert stored.filename.replace("\ufffd", "").isprintable() or "\x00" in stored.filename


@pytest.fixture
def nothing_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a column of a site's own that has to be filled."""
    made = UploadService._new

    def empty(self: UploadService, *given: Any) -> Any:
        upload = made(self, *given)
        upload.protocol = None
        return upload

    monkeypatch.setattr(UploadService, "_new", empty)


@pytest.mark.usefixtures("nothing_fills")
def test_a_column_that_nothing_fills_is_named(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = create(client)
    assert response.status_code == 500
    assert response.content == (
        b"row-refused: the server's database refuses the new upload: nothing fills its column "
        b"protocol\n"
    )
    assert "row-refused" in [record.message for record in caplog.records]
    body = client.generic(
        "POST",
        "/files/",
        b"0123456789",
        "application/offset+octet-stream",
        HTTP_UPLOAD_LENGTH="10",
        HTTP_TUS_RESUMABLE="1.0.0",
    )
    assert body.content.startswith(b"row-refused: ")
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    "error", [IntegrityError("CHECK constraint failed"), DataError("too long")]
)
def test_another_refusal_points_to_the_log(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(rows, "_insert_as_it_is", refuse)
    response = create(client)
    assert response.status_code == 500
    assert response.content.endswith(b"refuses the new upload: its log says why\n")


def test_a_key_that_is_taken_is_still_told_apart() -> None:
    upload_id = "0" * 32
    rows.insert_row(Upload(upload_id=upload_id))
    with pytest.raises(IntegrityError):
        rows.insert_row(Upload(upload_id=upload_id))
    assert rows.is_certain(RowRefused())
