"""Section 3.2: the fields, and what a row can do."""

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from chunked_upload.constants import CHUNKED_UPLOAD_CHOICES, COMPLETE, UPLOADING
from chunked_upload.models import AbstractChunkedUpload, ChunkedUpload, generate_upload_id
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from tests.legacy.contract.pages import Page, content_of, md5

FIELDS: dict[str, tuple[type[models.Field], dict[str, Any]]] = {
    "id": (models.AutoField, {"primary_key": True}),
    "upload_id": (models.CharField, {"max_length": 32, "unique": True, "editable": False}),
    "file": (models.FileField, {"max_length": 255, "null": False}),
    "filename": (models.CharField, {"max_length": 255, "null": False}),
    "offset": (models.BigIntegerField, {"default": 0, "null": False}),
    "created_on": (models.DateTimeField, {"auto_now_add": True, "null": False}),
    "status": (models.PositiveSmallIntegerField, {"default": UPLOADING, "null": False}),
    "completed_on": (models.DateTimeField, {"null": True, "blank": True}),
    "user": (models.ForeignKey, {"null": True, "blank": True, "column": "user_id"}),
}


@pytest.fixture
def row(page: Page) -> ChunkedUpload:
    """An upload in flight: five bytes of film.mp4."""
    return ChunkedUpload.objects.get(upload_id=page.start(b"12345"))


@pytest.mark.parametrize("name", FIELDS)
def test_3_2_field(name: str) -> None:
    kind, attributes = FIELDS[name]
    field = ChunkedUpload._meta.get_field(name)
    assert isinstance(field, kind)
    assert {key: getattr(field, key) for key in attributes} == attributes


@pytest.mark.django_db
def test_3_2_columns_of_the_table() -> None:
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(
            cursor, "chunked_upload_chunkedupload"
        )
    expected = {"user_id" if name == "user" else name for name in FIELDS}
    assert expected <= {column.name for column in columns}


def test_3_2_app_label_and_table() -> None:
    assert ChunkedUpload._meta.label == "chunked_upload.ChunkedUpload"
    assert ChunkedUpload._meta.db_table == "chunked_upload_chunkedupload"
    assert issubclass(ChunkedUpload, AbstractChunkedUpload)
    assert AbstractChunkedUpload._meta.abstract


def test_3_2_the_users_uploads(row: ChunkedUpload, user: User, stranger: User) -> None:
    assert list(user.chunked_uploads.all()) == [row]
    assert not stranger.chunked_uploads.exists()
    field = ChunkedUpload._meta.get_field("user")
    assert field.related_model is User
    assert field.remote_field.on_delete is models.CASCADE


@pytest.mark.django_db
def test_3_2_a_user_is_not_needed() -> None:
    upload = ChunkedUpload.objects.create(filename="a.bin")
    assert ChunkedUpload.objects.get(user__isnull=True) == upload


def test_3_2_a_deleted_user_takes_the_rows_along(row: ChunkedUpload, user: User) -> None:
    user.delete()
    assert not ChunkedUpload.objects.filter(pk=row.pk).exists()


def test_3_2_choices_of_the_status() -> None:
    choices = dict(ChunkedUpload._meta.get_field("status").choices)
    assert set(choices) >= {key for key, _ in CHUNKED_UPLOAD_CHOICES} == {1, 2}


@pytest.mark.django_db
def test_3_2_get_status_display(row: ChunkedUpload) -> None:
    assert row.get_status_display() == "Uploading"
    row.status = COMPLETE
    assert row.get_status_display() == "Complete"


@pytest.mark.django_db
def test_3_2_upload_ids() -> None:
    ids = {generate_upload_id() for _ in range(20)}
    assert len(ids) == 20
    assert all(re.fullmatch(r"[0-9a-f]{32}", upload_id) for upload_id in ids)
    upload = ChunkedUpload.objects.create(filename="a")
    assert re.fullmatch(r"[0-9a-f]{32}", upload.upload_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        ChunkedUpload.objects.create(filename="b", upload_id=upload.upload_id)


def test_3_2_no_primary_key_of_its_own() -> None:
    assert ChunkedUpload._meta.pk.name == "id"
    assert ChunkedUpload().pk is None


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("a.txt", "a.txt"), ("folder/a.txt", "a.txt"), ("häuser ü.mp4", "häuser ü.mp4")],
)
def test_3_2_filename_is_the_part_name(page: Page, sent: str, stored: str) -> None:
    page.start(b"12345", name=sent)
    assert ChunkedUpload.objects.get().filename == stored


def test_3_2_filename_is_that_of_the_first_chunk(page: Page) -> None:
    upload_id = page.start(b"12345", name="first.txt")
    page.chunk(b"67", start=5, upload_id=upload_id, name="blob")
    assert ChunkedUpload.objects.get().filename == "first.txt"


def test_3_2_a_filename_of_255_letters(page: Page) -> None:
    page.start(b"12345", name="n" * 300 + ".txt")
    assert len(ChunkedUpload.objects.get().filename) == 255


def test_3_2_expires_on_and_expired(row: ChunkedUpload) -> None:
    assert row.expires_on == row.created_on + timedelta(days=1)
    assert row.expired is False
    row.created_on = timezone.now() - timedelta(days=1)
    assert row.expired is True
    row.status = COMPLETE
    assert row.expired is True


def test_3_2_expiry_does_not_move_with_chunks(page: Page, row: ChunkedUpload) -> None:
    first = row.expires_on
    page.chunk(b"67", start=5, upload_id=row.upload_id)
    row.refresh_from_db()
    assert row.expires_on == first


def test_3_2_md5_of_what_is_there(page: Page, row: ChunkedUpload) -> None:
    assert row.md5 == md5(b"12345")
    page.chunk(b"67", start=5, upload_id=row.upload_id)
    assert ChunkedUpload.objects.get().md5 == md5(b"1234567")


def test_3_2_md5_of_a_complete_upload(page: Page, row: ChunkedUpload) -> None:
    page.complete(row.upload_id, b"12345")
    assert ChunkedUpload.objects.get().md5 == md5(b"12345")


def test_3_2_md5_is_cached(row: ChunkedUpload) -> None:
    assert row.md5
    row._md5 = "known"
    assert row.md5 == "known"


@pytest.mark.parametrize(
    "known",
    [
        False,
        pytest.param(True, marks=pytest.mark.fault("the file that md5 read is closed by then")),
    ],
    ids=["at first", "after md5"],
)
def test_3_2_md5_after_append_chunk(row: ChunkedUpload, known: bool) -> None:
    if known:
        assert row.md5 == md5(b"12345")
    row.append_chunk(ContentFile(b"67"))
    assert row.md5 == md5(b"1234567")


def test_3_2_append_chunk(row: ChunkedUpload) -> None:
    row.append_chunk(ContentFile(b"67"))
    assert row.offset == 7
    assert ChunkedUpload.objects.get().offset == 7
    assert content_of(row.upload_id) == b"1234567"


def test_3_2_append_chunk_without_save(row: ChunkedUpload) -> None:
    row.append_chunk(ContentFile(b"67"), save=False)
    assert row.offset == 7
    assert ChunkedUpload.objects.get().offset == 5
    row.save()
    assert ChunkedUpload.objects.get().offset == 7
    assert content_of(row.upload_id) == b"1234567"


def test_3_2_append_chunk_many_times(row: ChunkedUpload) -> None:
    for piece in (b"67", b"8", b"90"):
        row.append_chunk(ContentFile(piece), save=False)
    row.save()
    assert ChunkedUpload.objects.get().offset == 10
    assert content_of(row.upload_id) == b"1234567890"


@pytest.mark.parametrize(
    ("chunk", "size"),
    [
        (ContentFile(b"67"), 2),
        (SimpleUploadedFile("blob", b"67"), 2),
        (SimpleUploadedFile("blob", b"67"), None),
        (io.BytesIO(b"67"), 2),
        (io.BytesIO(b"67"), None),
    ],
    ids=["ContentFile and size", "upload and size", "upload", "stream and size", "stream"],
)
def test_3_2_append_chunk_knows_the_size(row: ChunkedUpload, chunk: Any, size: int | None) -> None:
    row.append_chunk(chunk, chunk_size=size)
    assert ChunkedUpload.objects.get().offset == 7
    assert content_of(row.upload_id) == b"1234567"


def test_3_2_append_chunk_and_a_page_take_turns(page: Page, row: ChunkedUpload) -> None:
    row.append_chunk(ContentFile(b"67"))
    assert page.chunk(b"89", start=7, upload_id=row.upload_id).json()["offset"] == 9
    assert page.complete(row.upload_id, b"123456789").status_code == 200
    assert content_of(row.upload_id) == b"123456789"


def test_3_2_get_uploaded_file_of_a_complete_upload(page: Page, row: ChunkedUpload) -> None:
    page.complete(row.upload_id, b"12345")
    with ChunkedUpload.objects.get().get_uploaded_file() as uploaded:
        assert isinstance(uploaded, UploadedFile)
        assert (uploaded.name, uploaded.size) == ("film.mp4", 5)
        assert uploaded.read() == b"12345"
        uploaded.seek(0)
        assert b"".join(uploaded.chunks()) == b"12345"


def test_3_2_get_uploaded_file_of_an_upload_in_flight(row: ChunkedUpload) -> None:
    with row.get_uploaded_file() as uploaded:
        assert (uploaded.name, uploaded.size, uploaded.read()) == ("film.mp4", 5, b"12345")


def test_3_2_get_uploaded_file_after_append_chunk(row: ChunkedUpload) -> None:
    row.append_chunk(ContentFile(b"67"))
    with row.get_uploaded_file() as uploaded:
        assert (uploaded.size, uploaded.read()) == (7, b"1234567")


def test_3_2_str(row: ChunkedUpload) -> None:
    expected = f"<film.mp4 - upload_id: {row.upload_id} - bytes: 5 - status: 1>"
    assert str(row) == expected


def test_3_2_querysets_by_status(page: Page) -> None:
    ids = [page.start(content) for content in (b"1", b"22", b"333")]
    page.complete(ids[1], b"22")
    uploads = ChunkedUpload.objects
    assert uploads.filter(status=COMPLETE).get().upload_id == ids[1]
    assert uploads.filter(status=2, completed_on__isnull=False).count() == 1
    open_ids = uploads.filter(status=UPLOADING).order_by("offset").values_list("upload_id")
    assert [row[0] for row in open_ids] == [ids[0], ids[2]]
    assert uploads.exclude(status=COMPLETE).filter(offset__gt=1).count() == 1


def test_3_2_created_and_completed(page: Page, row: ChunkedUpload) -> None:
    assert row.completed_on is None
    page.complete(row.upload_id, b"12345")
    done = ChunkedUpload.objects.get()
    assert row.created_on == done.created_on <= done.completed_on <= timezone.now()
    assert timezone.is_aware(done.completed_on)


@pytest.mark.fault("the method went with 2.0.0")
def test_3_2_close_file(row: ChunkedUpload) -> None:
    row.file.open("rb")
    row.close_file()
    assert row.file.closed
    row.close_file()


@pytest.mark.fault("the name went with 2.0.0")
def test_3_2_base_chunked_upload() -> None:
    from chunked_upload.models import BaseChunkedUpload

    assert issubclass(ChunkedUpload, BaseChunkedUpload)
    assert BaseChunkedUpload._meta.abstract


@pytest.mark.fault("the name went with 1.1.2")
def test_3_2_generate_filename() -> None:
    from chunked_upload.models import generate_filename

    upload = ChunkedUpload(filename="film.mp4")
    assert generate_filename(upload, "film.mp4").endswith(f"/{upload.upload_id}.part")
