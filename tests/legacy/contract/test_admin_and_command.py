"""Section 3.4: the admin's list and ``delete_expired_uploads``."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from chunked_upload.admin import ChunkedUploadAdmin
from chunked_upload.management.commands import delete_expired_uploads
from chunked_upload.models import ChunkedUpload
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from tests.legacy.contract.pages import Page, stored_files
from tests.legacy.contract.site.models import AnyonesUpload

LIST = "/admin/chunked_upload/chunkedupload/"


def test_3_4_the_admin_is_registered() -> None:
    registered = admin.site.get_model_admin(ChunkedUpload)
    assert isinstance(registered, ChunkedUploadAdmin)


def test_3_4_the_admins_list(page: Page, admin_client: Client) -> None:
    upload_id = page.start(b"12345", name="film.mp4")
    page.start(b"12345", name="other.txt")
    text = admin_client.get(LIST).content.decode()
    assert upload_id in text
    for field in ("upload_id", "filename", "status", "created_on"):
        assert f"column-{field}" in text
        assert f"field-{field}" in text


def test_3_4_the_admins_search_is_for_filenames(page: Page, admin_client: Client) -> None:
    page.start(b"12345", name="film.mp4")
    page.start(b"12345", name="other.txt")
    text = admin_client.get(LIST, {"q": "film"}).content.decode()
    assert "film.mp4" in text
    assert "other.txt" not in text


def test_3_4_the_admins_filter_is_by_status(page: Page, admin_client: Client) -> None:
    page.start(b"12345", name="film.mp4")
    done = page.start(b"12345", name="done.txt")
    page.complete(done, b"12345")
    text = admin_client.get(LIST, {"status__exact": "2"}).content.decode()
    assert "done.txt" in text
    assert "film.mp4" not in text


def test_3_4_the_admin_shows_one(page: Page, admin_client: Client) -> None:
    page.start(b"12345", name="film.mp4")
    row = ChunkedUpload.objects.get()
    answer = admin_client.get(f"{LIST}{row.pk}/change/")
    assert answer.status_code == 200
    assert "film.mp4" in answer.content.decode()


def test_3_4_a_sites_own_admin_derives_from_it(page: Page, rf: Any, admin_user: Any) -> None:
    class Own(ChunkedUploadAdmin):
        list_display = (*ChunkedUploadAdmin.list_display, "offset")

    request = rf.get(LIST)
    request.user = admin_user
    columns = Own(ChunkedUpload, admin.site).get_list_display(request)
    assert {"upload_id", "filename", "status", "created_on", "offset"} <= set(columns)


def test_3_4_a_plain_admin_shows_an_upload_in_flight(page: Page, rf: Any, admin_user: Any) -> None:
    """As sites have it for their subclasses; the widget asks the file for its URL."""
    page.start(b"12345", name="film.mp4")
    row = ChunkedUpload.objects.get()
    request = rf.get(f"{LIST}{row.pk}/change/")
    request.user = admin_user
    plain = admin.ModelAdmin(ChunkedUpload, admin.site)
    answer = plain.change_view(request, str(row.pk)).render()
    assert answer.status_code == 200
    assert "film.mp4" in answer.content.decode()


# the command


@pytest.fixture
def uploads(transactional_db: None, page: Page) -> dict[str, ChunkedUpload]:
    """Four uploads: old and new, complete and not."""
    found = {}
    for name in ("old open", "old complete", "new open", "new complete"):
        upload_id = page.start(b"12345", name=name)
        if "complete" in name:
            page.complete(upload_id, b"12345")
        row = ChunkedUpload.objects.get(upload_id=upload_id)
        if "old" in name:
            row.created_on = timezone.now() - timedelta(days=1, minutes=1)
            row.save()
        found[name] = row
    return found


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is typed at the prompts, the last first; the prompts go to ``asked``."""
    typed: list[str] = []
    monkeypatch.setattr("builtins.input", lambda prompt: typed.pop())
    yield typed
    assert not typed


def run(capsys: Any, *arguments: str) -> str:
    """What the command says, wherever it says it."""
    out = StringIO()
    call_command("delete_expired_uploads", *arguments, stdout=out)
    return out.getvalue() + capsys.readouterr().out


def left() -> set[str]:
    return set(ChunkedUpload.objects.values_list("filename", flat=True))


def test_3_4_the_command_keeps_what_is_new(uploads: dict[str, Any], capsys: Any) -> None:
    before = stored_files()
    path = uploads["old open"].file.path
    said = run(capsys)
    assert "1 incomplete uploads were deleted." in said
    assert {"new open", "new complete"} <= left()
    assert "old open" not in left()
    assert path in {str(file) for file in before}
    assert path not in {str(file) for file in stored_files()}


@pytest.mark.fault("complete ones go, and the files that others use (section 7, 13)")
def test_7_13_the_command_keeps_what_is_complete(uploads: dict[str, Any], capsys: Any) -> None:
    said = run(capsys)
    assert left() == {"old complete", "new open", "new complete"}
    assert "0 complete uploads were deleted." in said
    with uploads["old complete"].file.open("rb") as file:
        assert file.read() == b"12345"


@pytest.mark.fault("no such option: they always go (section 7, 13)")
def test_7_13_the_command_deletes_what_is_complete_when_told(
    uploads: dict[str, Any], capsys: Any
) -> None:
    path = uploads["old complete"].file.path
    said = run(capsys, "--complete")
    assert left() == {"new open", "new complete"}
    assert "1 complete uploads were deleted." in said
    assert "1 incomplete uploads were deleted." in said
    assert path not in {str(file) for file in stored_files()}


def test_3_4_the_command_asks(uploads: dict[str, Any], capsys: Any, answers: list[str]) -> None:
    ChunkedUpload.objects.filter(filename="old complete").delete()
    answers += ["y", "perhaps"]
    assert "1 incomplete uploads were deleted." in run(capsys, "--interactive")
    assert left() == {"new open", "new complete"}


def test_3_4_the_command_takes_no_for_an_answer(
    uploads: dict[str, Any], capsys: Any, answers: list[str]
) -> None:
    ChunkedUpload.objects.filter(filename="old complete").delete()
    answers += ["N"]
    assert "0 incomplete uploads were deleted." in run(capsys, "--interactive")
    assert "old open" in left()


def test_3_4_the_command_for_another_model(transactional_db: None, capsys: Any) -> None:
    class Own(delete_expired_uploads.Command):
        model = AnyonesUpload

    assert delete_expired_uploads.Command.model is ChunkedUpload
    row = AnyonesUpload(filename="a")
    row.file.save(name="tmp", content=_content(), save=True)
    AnyonesUpload.objects.update(created_on=timezone.now() - timedelta(days=2))
    ChunkedUpload.objects.create(filename="b")
    ChunkedUpload.objects.update(created_on=timezone.now() - timedelta(days=2))
    call_command(Own())
    assert "1 incomplete uploads were deleted." in capsys.readouterr().out
    assert (AnyonesUpload.objects.count(), ChunkedUpload.objects.count()) == (0, 1)


def _content() -> Any:
    from django.core.files.base import ContentFile

    return ContentFile(b"12345")
