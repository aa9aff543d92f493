"""Files of other storages than the target's, and what copying them may meet."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from legacy import importing
from legacy.sources import Source, StoredFile
from tests.legacy.importing.cases.support import (
    COMPLETE,
    CONTENT,
    complete,
    partials,
    put,
    run,
    snapshot,
    table,
    taken,
)
from tests.legacy.importing.tables import models as tables
from tests.legacy.importing.tables.models import Remote
from tusbridge.errors import DatabaseUnavailable
from tusbridge.models import Upload
from tusbridge.service import UploadService

pytestmark = pytest.mark.django_db(transaction=True)

OTHER_PLACES = ["tables.ElsewhereUpload", "tables.RemoteUpload", "tables.SealedUpload"]


def model_of(label: str) -> Any:
    return Source(label).model


def stored(upload: Any) -> bytes:
    with upload.file.open("rb") as file:
        return bytes(file.read())


@pytest.mark.parametrize("label", OTHER_PLACES)
def test_a_complete_upload_is_copied_under_the_targets_own_name(label: str) -> None:
    row = complete(model_of(label), os.urandom(3_000_000))
    content = stored(row)
    status, out, _ = run("--model", label)
    assert (status, table(out)) == (0, {"imported, complete": "1", "copied": "2.9 MiB"})
    upload = taken(row.upload_id)
    assert upload.file.name == f"uploads/{row.upload_id[:2]}/{row.upload_id}"
    assert stored(upload) == content == stored(row)
    assert partials() == []


@pytest.mark.parametrize("label", OTHER_PLACES)
def test_what_came_of_an_unfinished_upload_is_copied_and_no_more(label: str) -> None:
    row = put(model_of(label), content=b"hello, crash", offset=5)
    status, out, _ = run("--model", label)
    assert (status, table(out)) == (0, {"imported, in flight": "1", "copied": "5 B"})
    upload = taken(row.upload_id)
    assert upload.store_state.keys() == {"folder"}
    assert b"".join(UploadService().read_unfinished(upload, 0, 5)) == b"hello"
    data = Path(site.PLACE) / "media.partial" / row.upload_id[:2] / row.upload_id
    assert data.read_bytes() == b"hello"
    assert stored(row) == b"hello, crash"


@pytest.mark.parametrize("label", OTHER_PLACES)
def test_a_dry_run_copies_nothing(label: str) -> None:
    complete(model_of(label))
    before = snapshot()
    out = run("--dry-run", "--model", label)[1]
    assert table(out) == {"imported, complete": "1", "to copy": "10 B"}
    assert snapshot() == before


def test_a_folder_below_the_targets_is_in_the_same_place() -> None:
    done, begun = complete(tables.BelowUpload), put(tables.BelowUpload, b"hello")
    assert "copied" not in table(run("--model", "tables.BelowUpload")[1])
    assert taken(done.upload_id).file.name == f"below/{done.file.name}"
    assert stored(taken(done.upload_id)) == CONTENT
    upload = taken(begun.upload_id)
    assert b"".join(UploadService().read_unfinished(upload, 0, 5)) == b"hello"


def test_links_out_of_the_storage_and_to_it_are_the_same_place(place: Path) -> None:
    """A site whose folder of chunks is a link to a larger disk; another one whose whole folder
    goes by two names."""
    (place / "elsewhere").mkdir()
    (place / "media").mkdir()
    (place / "media" / "chunked_uploads").symlink_to(place / "elsewhere")
    linked = complete()
    assert Path(linked.file.path).resolve().is_relative_to(place / "elsewhere")
    assert "copied" not in table(run()[1])
    assert stored(taken(linked.upload_id)) == CONTENT

    (place / "elsewhere").rename(place / "chunks")
    (place / "media" / "chunked_uploads").unlink()
    (place / "elsewhere").symlink_to(place / "media")
    row = complete(tables.ElsewhereUpload)
    assert "copied" not in table(run("--model", "tables.ElsewhereUpload")[1])
    assert taken(row.upload_id).file.name == row.file.name
    assert stored(taken(row.upload_id)) == CONTENT
    (place / "elsewhere").unlink()
    for left in (place / "chunks").rglob("*.part"):
        left.unlink()


def test_a_storage_that_is_away_fails_each_upload_and_none_is_taken() -> None:
    row = complete(tables.RemoteUpload)
    Remote.is_away = True
    ended, out, err = run("--model", "tables.RemoteUpload")
    assert (ended, table(out)) == (1, {"failed": "1"})
    assert err == f"{row.upload_id}: failed: the bucket does not answer\n"
    Remote.is_away = False
    assert run("--model", "tables.RemoteUpload")[0] == 0


def test_a_remote_file_that_is_gone_is_missing() -> None:
    row = complete(tables.RemoteUpload)
    row.file.storage.delete(row.file.name)
    assert table(run("--model", "tables.RemoteUpload")[1]) == {"file missing": "1"}


def break_reading(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def pieces(self: StoredFile, count: int) -> Iterator[bytes]:
        yield b"hel"
        raise error

    monkeypatch.setattr(StoredFile, "pieces", pieces)


@pytest.mark.parametrize("status", [1, COMPLETE])
def test_a_file_that_cannot_be_read_to_its_end_leaves_nothing_and_is_told(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    row = put(tables.ElsewhereUpload, status=status)
    break_reading(monkeypatch, OSError(5, "Input/output error", row.file.path))
    ended, out, err = run("--model", "tables.ElsewhereUpload")
    assert (ended, table(out)) == (1, {"failed": "1"})
    assert err == f"{row.upload_id}: failed: Input/output error\n"
    assert not Upload.objects.exists()
    assert partials() == []


@pytest.mark.parametrize("status", [1, COMPLETE])
def test_a_file_that_ends_early_leaves_nothing_and_is_told(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    put(tables.ElsewhereUpload, status=status)
    monkeypatch.setattr(StoredFile, "pieces", lambda self, count: iter([b"hel", b"lo"]))
    ended, out, _ = run("--model", "tables.ElsewhereUpload")
    assert (ended, table(out)) == (1, {"failed": "1"})
    assert not Upload.objects.exists()
    assert partials() == []
    assert not (Path(site.PLACE) / "media" / "uploads").exists()


def test_ctrl_c_in_a_copy_leaves_nothing_of_it_and_the_next_run_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [complete(tables.ElsewhereUpload) for _ in range(3)]
    assert table(run("--model", "tables.ElsewhereUpload", "--dry-run")[1])["to copy"] == "30 B"
    with monkeypatch.context() as patch:
        break_reading(patch, KeyboardInterrupt())
        ended, out, err = run("--model", "tables.ElsewhereUpload")
    assert (ended, table(out)) == (130, {})
    assert err == "ended early: interrupted; run it again to go on\n"
    assert partials() == []
    assert run("--model", "tables.ElsewhereUpload")[0] == 0
    assert {stored(taken(row.upload_id)) for row in rows} == {CONTENT}


@pytest.mark.parametrize("status", [1, COMPLETE])
def test_a_copy_that_was_killed_before_its_row_was_there_is_made_anew(status: int) -> None:
    """As ``kill -9`` leaves it at either end of the copy: bytes of it, or the finished file."""
    row = put(tables.ElsewhereUpload, status=status)
    service = UploadService()
    left = Upload(upload_id=row.upload_id, offset=10, status=status)
    service.adopt(left, [b"XXXXX", b"XXXXX" if status == 1 else b"world"])
    if status == COMPLETE:
        assert (Path(site.MEDIA_ROOT) / left.file.name).exists()
    assert run("--model", "tables.ElsewhereUpload")[0] == 0
    upload = taken(row.upload_id)
    if status == 1:
        assert b"".join(service.read_unfinished(upload, 0, 10)) == CONTENT
    else:
        assert upload.file.name == left.file.name
        assert partials() == []


def test_a_row_that_comes_in_between_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another import was quicker, and the upload has gone on since."""
    row = put(tables.ElsewhereUpload, content=b"hello")
    other = Upload(upload_id=row.upload_id, offset=5)
    original = importing.Importer._ids_of

    def too_early(self: importing.Importer, ids: set[str]) -> set[str]:
        found = original(self, ids)
        if not Upload.objects.exists():
            UploadService().adopt(other, [b"HELLO"])
            other.save()
        return found

    monkeypatch.setattr(importing.Importer, "_ids_of", too_early)
    ended, out, _ = run("--model", "tables.ElsewhereUpload")
    assert (ended, table(out)) == (0, {"already here": "1"})
    assert b"".join(UploadService().read_unfinished(other, 0, 5)) == b"HELLO"


def test_rows_that_come_in_between_do_not_keep_the_others_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [complete() for _ in range(4)]
    original = importing.Importer._ids_of

    def too_early(self: importing.Importer, ids: set[str]) -> set[str]:
        found = original(self, ids)
        if not Upload.objects.exists():
            Upload(upload_id=rows[2].upload_id, offset=5).save()
        return found

    monkeypatch.setattr(importing.Importer, "_ids_of", too_early)
    ended, out, _ = run()
    assert (ended, table(out)) == (0, {"imported, complete": "3", "already here": "1"})
    for row in (rows[0], rows[1], rows[3]):
        assert taken(row.upload_id).created_on == row.created_on
    assert taken(rows[2].upload_id).offset == 5


def test_a_row_that_the_database_refuses_is_told_and_the_others_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, bad = complete(), complete(tables.ElsewhereUpload)
    bad_here = complete()
    original = importing.Importer._make

    def spoiled(self: importing.Importer, row: Any) -> Any:
        upload = original(self, row)
        if row.upload_id in {bad.upload_id, bad_here.upload_id}:
            upload.protocol = None
        return upload

    monkeypatch.setattr(importing.Importer, "_make", spoiled)
    ended, out, err = run()
    assert (ended, table(out)) == (1, {"imported, complete": "1", "failed": "1"})
    assert f"{bad_here.upload_id}: failed: the database refuses it: " in err
    assert stored(taken(good.upload_id)) == CONTENT
    assert Path(bad_here.file.path).exists()
    ended, out, _ = run("--model", "tables.ElsewhereUpload")
    assert table(out)["failed"] == "1"
    copy = Path(site.MEDIA_ROOT) / "uploads" / bad.upload_id[:2] / bad.upload_id
    assert copy.parent.exists()
    assert not copy.exists()


def test_a_full_disk_ends_it_and_what_was_taken_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    from tusbridge.errors import StoreFull

    complete(tables.ElsewhereUpload), complete(tables.ElsewhereUpload)
    original = UploadService.adopt

    def full(self: UploadService, upload: Any, pieces: Any) -> None:
        if Upload.objects.exists():
            raise StoreFull
        original(self, upload, pieces)

    monkeypatch.setattr(UploadService, "adopt", full)
    ended, out, err = run("--model", "tables.ElsewhereUpload")
    assert (ended, table(out)["imported, complete"]) == (1, "1")
    assert err == (
        "ended early: store-full: no room is left on the server; run it again to go on\n"
    )


def test_a_database_that_goes_away_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    complete(tables.ElsewhereUpload)

    def away(self: UploadService, upload: Any, pieces: Any) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(UploadService, "adopt", away)
    ended, _, err = run("--model", "tables.ElsewhereUpload")
    assert ended == 1
    assert err.startswith("ended early: database-unavailable: ")


def test_statements_do_not_grow_with_the_rows_of_a_batch() -> None:
    def count(rows: int) -> int:
        for _ in range(rows):
            complete()
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert run()[0] == 0
        return len(captured)

    few, many = count(3), count(40)
    assert many <= few + 2  # SQLite takes 999 parameters, so some more for the same rows
    assert few <= 10


@pytest.mark.parametrize("content", [b"hello", CONTENT])
def test_what_was_imported_goes_on_and_deleting_it_takes_its_file(content: bytes) -> None:
    row = put(content=content)
    run()
    path = Path(row.file.path)
    client = Client(headers={"Tus-Resumable": "1.0.0"})
    assert client.delete(f"/files/{row.upload_id}").status_code == 204
    assert not path.exists()
