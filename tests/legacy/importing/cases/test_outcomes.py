"""What becomes of each kind of row."""

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.legacy.importing.cases.support import (
    COMPLETE,
    CONTENT,
    complete,
    forget,
    partials,
    put,
    run,
    snapshot,
    table,
    taken,
)
from tests.legacy.importing.old.models import ChunkedUpload
from tests.legacy.importing.tables.models import DrfUpload
from tusbridge.models import Protocol, Status, Upload
from tusbridge.service import UploadService

pytestmark = pytest.mark.django_db(transaction=True)

DAYS = timedelta(days=1)


def test_a_complete_upload_keeps_all_that_its_row_says_and_its_file_stays(user: User) -> None:
    row = complete(user=user, age=40 * DAYS, completed_on=timezone.now() - 39 * DAYS)
    status, out, err = run()
    assert (status, table(out), err) == (0, {"imported, complete": "1"}, "")
    upload = taken(row.upload_id)
    for name in ("upload_id", "user_id", "filename", "offset", "status", "created_on"):
        assert getattr(upload, name) == getattr(row, name), name
    assert (upload.completed_on, upload.confirmed_on) == (row.completed_on, row.completed_on)
    assert (upload.file.name, upload.length) == (row.file.name, 10)
    assert (upload.expires_at, upload.announce_at) == (None, None)
    assert upload.file.read() == CONTENT
    upload.file.close()
    assert partials() == []


def test_an_unfinished_upload_keeps_its_offset_and_its_file_is_taken_by_the_first_chunk(
    user: User,
) -> None:
    row = put(user=user, content=b"hello")
    path = Path(row.file.path)
    status, out, _ = run()
    assert (status, table(out)) == (0, {"imported, in flight": "1"})
    upload = taken(row.upload_id)
    assert (upload.status, upload.offset, upload.length) == (Status.UPLOADING, 5, None)
    assert (upload.protocol, upload.completes_itself) == (Protocol.LEGACY, False)
    assert (upload.user_id, upload.confirmed_on, upload.file.name) == (user.pk, None, "")
    assert upload.created_on == row.created_on
    assert upload.expires_at >= row.expires_on
    assert path.exists()
    assert partials() == []
    service = UploadService()
    assert b"".join(service.read_unfinished(upload, 0, 5)) == b"hello"
    assert path.exists()
    chunk = service.begin_chunk(upload, 5, 100, again=lambda: upload)
    chunk.feed([b"world"])
    chunk.commit({})
    assert b"".join(service.read_unfinished(upload, 0, 10)) == CONTENT
    assert not path.exists()
    assert partials() == [row.upload_id, f"{row.upload_id}.lock"]


def test_bytes_beyond_the_offset_are_nobodys() -> None:
    row = put(content=b"hello and what a crash left", offset=5)
    assert table(run()[1]) == {"imported, in flight": "1"}
    upload = taken(row.upload_id)
    service = UploadService()
    chunk = service.begin_chunk(upload, 5, 100, again=lambda: upload)
    chunk.feed([b"world"])
    chunk.commit({})
    service.complete(upload)
    assert b"".join(service.open(upload, 0, 10)) == CONTENT
    assert upload.offset == 10


def test_an_unfinished_upload_with_fewer_bytes_goes_on_from_those() -> None:
    row = put(content=b"hel", offset=5)
    status, out, err = run()
    assert (status, table(out)) == (
        0,
        {"imported, in flight": "1 (1 with fewer bytes than the row says)"},
    )
    assert err == (
        f"{row.upload_id}: imported, in flight: its file has 3 of 5 bytes: it goes on from there\n"
    )
    assert taken(row.upload_id).offset == 3


def test_an_unfinished_upload_without_bytes_needs_no_file() -> None:
    row = put(content=None, offset=0)
    assert table(run()[1]) == {"imported, in flight": "1"}
    assert (taken(row.upload_id).offset, taken(row.upload_id).store_state) == (0, {})


@pytest.mark.parametrize("status", [1, COMPLETE])
def test_an_upload_whose_file_is_missing_is_not_taken(status: int) -> None:
    row = put(status=status)
    Path(row.file.path).unlink()
    ended, out, err = run()
    assert (ended, table(out)) == (1, {"file missing": "1"})
    assert err == f"{row.upload_id}: file missing: 10 bytes by its row\n"
    assert not Upload.objects.exists()


def test_a_complete_upload_without_a_file_name_is_not_taken() -> None:
    complete(DrfUpload, content=None)
    assert run("--model", "tables.DrfUpload")[0] == 1
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("offset", "outcome"),
    [(11, "file shorter than the row says"), (9, "file longer than the row says")],
)
def test_a_complete_upload_with_another_number_of_bytes_is_not_taken(
    offset: int, outcome: str
) -> None:
    row = complete(offset=offset)
    ended, out, err = run()
    assert (ended, table(out)) == (1, {outcome: "1"})
    assert err == f"{row.upload_id}: {outcome}: 10 of {offset} bytes\n"
    assert not Upload.objects.exists()


def test_expired_uploads_are_left_out_and_that_is_no_failure() -> None:
    put(age=2 * DAYS)
    old = complete(age=2 * DAYS)
    status, out, err = run()
    assert (status, err) == (0, "")
    assert table(out) == {"imported, complete": "1", "expired, left out": "1"}
    assert [upload.upload_id for upload in Upload.objects.all()] == [old.upload_id]


def test_expired_uploads_are_taken_on_request_and_have_a_day_before_the_sweep() -> None:
    row = put(age=9 * DAYS)
    assert table(run("--expired")[1]) == {"imported, in flight": "1"}
    upload = taken(row.upload_id)
    assert upload.created_on == row.created_on
    now = timezone.now()
    assert now + 0.9 * DAYS < upload.expires_at < now + 1.1 * DAYS


FOREIGN = {
    "an id with dashes": ({"upload_id": "1234-5678"}, "its id is none of 32 lower-case hex digits"),
    "an id in capitals": ({"upload_id": "A" * 32}, "its id is none of 32 lower-case hex digits"),
    "no id": ({"upload_id": ""}, "its id is none of 32 lower-case hex digits"),
    "a status of early releases": ({"status": 3}, "its status 3 is not known"),
    "an offset below zero": ({"offset": -1}, "its offset -1 is none"),
    "a name above the storage": ({"file": "../secret"}, "its file name leads out of the storage"),
    "an absolute name": ({"file": "/etc/passwd"}, "its file name leads out of the storage"),
    "a folder": ({"file": "."}, "its file name is that of no file"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_rows_that_are_no_uploads_are_told_and_left_alone(kind: str) -> None:
    fields, reason = FOREIGN[kind]
    row = put()
    ChunkedUpload.objects.filter(pk=row.pk).update(**fields)
    ended, out, err = run()
    assert (ended, table(out)) == (1, {"foreign row": "1"})
    name = fields.get("upload_id", row.upload_id) or f"row {row.pk}"
    assert err == f"{name}: foreign row: {reason}\n"
    assert not Upload.objects.exists()


def test_an_upload_of_a_user_who_is_gone_is_not_given_to_nobody() -> None:
    row = put(user_id=4711)
    ended, out, err = run()
    assert (ended, table(out)) == (1, {"user unknown": "1"})
    assert err == f"{row.upload_id}: user unknown: there is no user 4711\n"
    assert not Upload.objects.exists()


def test_nobodys_upload_is_not_taken_where_every_upload_is_somebodys(into: Any) -> None:
    into("tables.UsersTarget")
    put()
    assert table(run()[1]) == {"user unknown": "1"}


def test_all_of_them_again_are_here_already_and_what_went_on_is_left_alone(user: User) -> None:
    done, begun = complete(user=user), put(content=b"hello")
    assert run()[0] == 0
    service, upload = UploadService(), taken(begun.upload_id)
    chunk = service.begin_chunk(upload, 5, 100, again=lambda: upload)
    chunk.feed([b"world"])
    chunk.commit({})
    UploadService().terminate(taken(done.upload_id))
    before = snapshot()
    late = put(content=b"late")
    status, out, _ = run()
    assert (status, table(out)) == (
        1,  # the file of what was terminated is gone, and told as missing
        {"imported, in flight": "1", "already here": "1", "file missing": "1"},
    )
    after = snapshot()
    assert after[Upload][:1] == before[Upload]
    assert taken(begun.upload_id).offset == 10
    assert taken(late.upload_id).offset == 4


def everything(user: User) -> None:
    """A row for each outcome."""
    complete(user=user)
    put(content=b"hello")
    put(content=b"hel", offset=5)
    put(age=2 * DAYS)
    Path(complete().file.path).unlink()
    complete(offset=11)
    complete(offset=9)
    put(status=3)
    put(user_id=4711)
    run()
    forget(Upload.objects.filter(offset__in=[3, 5]))


def test_a_dry_run_tells_the_same_and_changes_nothing(user: User) -> None:
    everything(user)
    before = snapshot()
    told = run("--dry-run")
    assert snapshot() == before
    real = run()
    assert told == (real[0], real[1] + "nothing was changed\n", real[2])
    assert table(real[1]) == {
        "imported, in flight": "2 (1 with fewer bytes than the row says)",
        "already here": "1",
        "expired, left out": "1",
        "file missing": "1",
        "file shorter than the row says": "1",
        "file longer than the row says": "1",
        "foreign row": "1",
        "user unknown": "1",
    }
    assert real[0] == 1


def test_the_other_table_and_its_files_stay_as_they_are(user: User) -> None:
    everything(user)
    before = snapshot()
    run()
    after = snapshot()
    assert after[ChunkedUpload] == before[ChunkedUpload]
    assert after["files"] == before["files"]


def test_twenty_problems_are_printed_and_all_are_in_the_report(tmp_path: Path) -> None:
    rows = [put(status=3) for _ in range(23)]
    lowered = put(content=b"", offset=3)
    _, _, err = run()
    assert len(err.splitlines()) == 21
    assert err.splitlines()[-1] == "and 4 more; --report FILE writes all of them"
    report = tmp_path / "problems.csv"
    forget(Upload.objects.all())
    _, _, err = run("--report", str(report))
    assert err.splitlines()[-1] == "and 4 more"
    with report.open(newline="") as file:
        head, *lines = csv.reader(file)
    assert head == ["row", "upload_id", "outcome", "reason"]
    told = {(line[0], line[1], line[2]) for line in lines}
    assert told == {
        (str(lowered.pk), lowered.upload_id, "imported, in flight"),
        *((str(row.pk), row.upload_id, "foreign row") for row in rows),
    }
    assert {line[3] for line in lines[:2]} == {"its status 3 is not known"}


def test_a_report_that_cannot_be_written_is_told_before_anything_is_done(tmp_path: Path) -> None:
    from django.core.management import CommandError

    put()
    with pytest.raises(CommandError, match="cannot be written"):
        run("--report", str(tmp_path / "no" / "such" / "folder"))
    assert not Upload.objects.exists()
