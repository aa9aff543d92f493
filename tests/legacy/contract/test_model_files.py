"""Section 3.2: ``.file`` of finished and unfinished uploads, and what goes with a row."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from chunked_upload.constants import COMPLETE
from chunked_upload.models import ChunkedUpload
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.fields.files import FieldFile

from tests.legacy.contract.pages import Page, content_of, md5, stored_files


def row_of(upload_id: str) -> ChunkedUpload:
    """As a site's task reads it."""
    return ChunkedUpload.objects.get(upload_id=upload_id)


def begin(page: Page) -> ChunkedUpload:
    """An upload of two chunks in flight."""
    upload_id = page.start(b"12345", total=9)
    page.chunk(b"67", start=5, total=9, upload_id=upload_id)
    return row_of(upload_id)


def finish(page: Page) -> ChunkedUpload:
    """A complete one."""
    upload_id = page.start(b"12345", total=7)
    page.chunk(b"67", start=5, total=7, upload_id=upload_id)
    assert page.complete(upload_id, b"1234567").status_code == 200
    return row_of(upload_id)


STATES = pytest.mark.parametrize("make", [begin, finish], ids=["unfinished", "finished"])
MAKERS = Any


@STATES
def test_3_2_file_is_a_field_file_with_a_name(page: Page, make: MAKERS) -> None:
    row = make(page)
    assert isinstance(row.file, FieldFile)
    assert row.file
    day = time.strftime("chunked_uploads/%Y/%m/%d")
    assert row.file.name == f"{day}/{row.upload_id}.part"


@STATES
def test_3_2_file_size(page: Page, make: MAKERS) -> None:
    row = make(page)
    assert row.file.size == row.offset == 7
    assert len(row.file) == 7


@STATES
def test_3_2_file_open_and_read(page: Page, make: MAKERS) -> None:
    row = make(page)
    with row.file.open() as file:
        assert file.read(3) == b"123"
        file.seek(5)
        assert file.read() == b"67"
    with row.file.open("rb") as file:
        assert b"".join(file.chunks(2)) == b"1234567"
    assert row.file.closed


@STATES
def test_3_2_file_path_is_a_file_of_this_machine(page: Page, make: MAKERS) -> None:
    row = make(page)
    assert Path(row.file.path).read_bytes() == b"1234567"
    assert os.path.getsize(row.file.path) == row.offset


@STATES
def test_3_2_file_url(page: Page, make: MAKERS) -> None:
    row = make(page)
    assert row.file.url == f"/media/{row.file.name}"


def test_3_2_a_finished_file_by_its_storage(page: Page) -> None:
    row = finish(page)
    storage = row.file.storage
    assert storage.exists(row.file.name)
    assert storage.size(row.file.name) == 7
    with storage.open(row.file.name) as file:
        assert file.read() == b"1234567"


def test_3_2_a_finished_file_lies_under_media_root(page: Page) -> None:
    row = finish(page)
    assert row.file.path == os.path.join(settings.MEDIA_ROOT, row.file.name)


def test_3_2_the_name_stays(page: Page) -> None:
    row = begin(page)
    name = row.file.name
    page.chunk(b"89", start=7, upload_id=row.upload_id)
    assert row_of(row.upload_id).file.name == name
    page.complete(row.upload_id, b"123456789")
    assert row_of(row.upload_id).file.name == name


def test_3_2_a_row_read_before_reads_the_file_after(page: Page) -> None:
    row = begin(page)
    page.complete(row.upload_id, b"1234567")
    with row.file.open("rb") as file:
        assert file.read() == b"1234567"
    row.refresh_from_db()
    assert row.status == COMPLETE


def test_3_2_an_empty_file(page: Page) -> None:
    upload_id = page.whole(b"").json()["upload_id"]
    assert row_of(upload_id).file.size == 0
    assert page.complete(upload_id, b"").status_code == 200
    assert content_of(upload_id) == b""


def test_3_2_a_row_made_by_hand_is_completed_by_a_page(page: Page, user: User) -> None:
    row = ChunkedUpload.objects.create(
        user=user, filename="a.bin", offset=7, file=SimpleUploadedFile("a.bin", b"1234567")
    )
    assert page.chunk(b"89", start=7, upload_id=row.upload_id).json()["offset"] == 9
    assert page.complete(row.upload_id, b"123456789").status_code == 200
    assert content_of(row.upload_id) == b"123456789"


def test_3_2_a_row_made_by_hand_is_completed_at_once(page: Page, user: User) -> None:
    """As sites' own tests do, which are about on_completion."""
    row = ChunkedUpload.objects.create(
        user=user, filename="a.bin", offset=7, file=SimpleUploadedFile("a.bin", b"1234567")
    )
    assert page.complete(row.upload_id, b"1234567").status_code == 200
    assert content_of(row.upload_id) == b"1234567"


def test_3_2_a_row_made_by_hand_without_offset(user: User) -> None:
    row = ChunkedUpload(user=user, filename="a.bin")
    row.file.save(name="tmp", content=ContentFile(""), save=True)
    row.append_chunk(ContentFile(b"12345"))
    row.append_chunk(ContentFile(b"67"), chunk_size=2)
    again = row_of(row.upload_id)
    assert (again.offset, again.md5) == (7, md5(b"1234567"))
    assert content_of(row.upload_id) == b"1234567"


def test_3_2_a_row_that_is_complete_by_hand(page: Page, user: User) -> None:
    row = ChunkedUpload.objects.create(
        user=user,
        filename="a.bin",
        offset=7,
        status=COMPLETE,
        file=SimpleUploadedFile("a.bin", b"1234567"),
    )
    assert page.chunk(b"89", start=7, upload_id=row.upload_id).status_code == 400
    assert content_of(row.upload_id) == b"1234567"
    with row_of(row.upload_id).get_uploaded_file() as uploaded:
        assert uploaded.read() == b"1234567"


@pytest.mark.django_db(transaction=True)
@STATES
def test_3_2_delete_takes_the_file_along(page: Page, make: MAKERS) -> None:
    before = stored_files()
    row = make(page)
    assert stored_files() != before
    row.delete()
    assert not ChunkedUpload.objects.exists()
    assert stored_files() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "how", [{"delete_file": True}, {"using": "default"}], ids=["flag", "using"]
)
def test_3_2_delete_takes_arguments(page: Page, how: dict[str, Any]) -> None:
    before = stored_files()
    finish(page).delete(**how)
    assert not ChunkedUpload.objects.exists()
    assert stored_files() == before


@pytest.mark.django_db(transaction=True)
@STATES
def test_3_2_delete_may_leave_the_file(page: Page, make: MAKERS) -> None:
    row = make(page)
    path = Path(row.file.path)
    row.delete(delete_file=False)
    assert not ChunkedUpload.objects.exists()
    assert path.read_bytes() == b"1234567"
    path.unlink()


@pytest.mark.django_db(transaction=True)
def test_3_2_delete_of_a_row_without_a_file(user: User) -> None:
    ChunkedUpload.objects.create(user=user, filename="a").delete()
    assert not ChunkedUpload.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_3_2_delete_of_a_row_whose_file_is_gone(page: Page) -> None:
    row = finish(page)
    Path(row.file.path).unlink()
    row.delete()
    assert not ChunkedUpload.objects.exists()


@pytest.mark.fault("rows go, files stay (section 7, 14)")
@pytest.mark.django_db(transaction=True)
@STATES
def test_7_14_a_queryset_takes_the_files_along(page: Page, make: MAKERS) -> None:
    before = stored_files()
    make(page)
    ChunkedUpload.objects.all().delete()
    assert stored_files() == before


@pytest.mark.fault("rows go, files stay (section 7, 14)")
@pytest.mark.django_db(transaction=True)
@STATES
def test_7_14_a_deleted_user_takes_the_files_along(page: Page, user: User, make: MAKERS) -> None:
    before = stored_files()
    make(page)
    user.delete()
    assert not ChunkedUpload.objects.exists()
    assert stored_files() == before


@pytest.mark.fault("rows go, files stay (section 7, 14)")
@pytest.mark.django_db(transaction=True)
@STATES
def test_7_14_the_admins_action_takes_the_files_along(
    page: Page, admin_client: Any, make: MAKERS
) -> None:
    before = stored_files()
    row = make(page)
    form = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    answer = admin_client.post("/admin/chunked_upload/chunkedupload/", form)
    assert answer.status_code == 302
    assert not ChunkedUpload.objects.exists()
    assert stored_files() == before


@pytest.mark.django_db(transaction=True)
def test_7_14_a_row_whose_file_another_keeps(page: Page) -> None:
    """delete_file=False is the site's way to say that the file is another's now."""
    row = finish(page)
    path = Path(row.file.path)
    row.delete(delete_file=False)
    assert path.exists()
    path.unlink()
