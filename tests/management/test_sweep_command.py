"""``manage.py tusbridge_sweep``: what it tells, what it asks for, and how it ends."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from tests.service.leftovers import KEY, everything, finish, partials, put_orphan, snapshot
from tests.service.test_service import files, make, raising
from tusbridge.errors import StoreError
from tusbridge.models import AbstractUpload, Upload
from tusbridge.service import UploadService
from tusbridge.stores.local import LocalStore

__all__ = ["everything", "partials"]

pytestmark = pytest.mark.django_db(transaction=True)

ALL = ("--orphans", "--missing", "--remove-missing", "--finished-before", "1d")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def sweep(*words: str, err: StringIO | None = None) -> tuple[int, list[str], list[str]]:
    """Exit status, and the lines of both streams."""
    out, err = StringIO(), err or StringIO()
    status = 0
    try:
        call_command("tusbridge_sweep", *words, stdout=out, stderr=err)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, out.getvalue().splitlines(), err.getvalue().splitlines()


def counted(lines: list[str]) -> dict[str, str]:
    pairs = [line.partition(":") for line in lines if ":" in line]
    return {kind: words.strip() for kind, _, words in pairs}


def test_it_tells_counts_and_bytes_of_what_was_asked_for(
    everything: dict[str, AbstractUpload],
) -> None:
    status, out, err = sweep(*ALL)
    assert (status, err) == (0, [])
    assert counted(out) == {
        "terminated": "1 upload removed, 5 B freed",
        "expired": "1 upload removed, 5 B freed",
        "uncompleted": "1 upload completed",
        "unannounced": "1 upload announced",
        "finished": "1 upload removed, 10 B freed",
        "missing": "1 upload removed",
        "orphan": "4 files removed, 24 B freed",
        "foreign": "1 name left alone",
    }
    assert f"missing {everything['missing'].upload_id}" in out
    assert all(
        words.startswith("0 ")
        for kind, words in counted(sweep(*ALL)[1]).items()
        if kind != "foreign"
    )


def test_without_options_it_is_what_a_server_does_by_itself(
    everything: dict[str, AbstractUpload], media: Path
) -> None:
    status, out, _ = sweep()
    assert status == 0
    assert set(counted(out)) == {"terminated", "expired", "uncompleted", "unannounced"}
    assert Upload.objects.count() == 5
    assert KEY in files(media)


def test_a_dry_run_tells_the_same_and_changes_nothing(
    everything: dict[str, AbstractUpload], media: Path
) -> None:
    before = snapshot(media)
    status, out, _ = sweep("--dry-run", *ALL)
    assert status == 0
    assert snapshot(media) == before
    assert counted(out)["orphan"] == "4 files would be removed, 24 B would be freed"
    assert counted(out)["uncompleted"] == "1 upload would be completed"
    again = counted(sweep(*ALL)[1])
    assert {kind: words.replace("would be ", "") for kind, words in counted(out).items()} == again


def test_missing_alone_tells_and_removes_nothing(everything: dict[str, AbstractUpload]) -> None:
    _, out, _ = sweep("--missing")
    assert counted(out)["missing"] == "0 uploads removed, 1 upload left alone"
    assert Upload.objects.filter(pk=everything["missing"].pk).exists()


def test_json_is_an_object_a_line(everything: dict[str, AbstractUpload]) -> None:
    status, out, err = sweep("--json", *ALL)
    assert (status, err) == (0, [])
    *found, total = [json.loads(line) for line in out]
    assert found == [
        {
            "event": "found",
            "kind": "missing",
            "fate": "swept",
            "what": everything["missing"].upload_id,
            "bytes": 0,
        }
    ]
    assert total["event"] == "swept"
    assert total["dry_run"] is False
    assert total["kinds"]["orphan"] == {"swept": 4, "spared": 0, "failed": 0, "bytes": 24}
    assert total["kinds"]["foreign"] == {"swept": 0, "spared": 1, "failed": 0, "bytes": 0}


def test_verbose_names_everything(service: UploadService, partials: Path) -> None:
    path = put_orphan(partials)
    assert str(path) not in "\n".join(sweep("--orphans", "--dry-run")[1])
    assert f"orphan {path}" in sweep("--orphans", "-v2")[1]


def test_what_could_not_be_swept_has_a_line_and_the_exit_status(
    service: UploadService, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = make(service)
    Upload.objects.update(expires_at=timezone.now() - timedelta(days=1))
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "delete", raising(StoreError()))
        status, out, err = sweep()
        assert status == 1
        assert err == [f"not swept: expired {upload.upload_id}: store-error"]
        assert counted(out)["expired"] == "0 uploads removed, 1 failed"
        status, out, err = sweep("--json")
        assert (status, err) == (1, [])
        assert json.loads(out[0])["code"] == "store-error"
    assert sweep()[0] == 0


def test_a_database_that_is_away_is_told(
    service: UploadService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuerySet, "_fetch_all", raising(OperationalError("gone away")))
    status, _, err = sweep()
    assert status == 1
    assert "database-unavailable" in err[0]
    status, out, _ = sweep("--json")
    assert status == 1
    assert json.loads(out[0])["event"] == "failed"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--finished-before", "soon"], "'soon' is no time"),
        (["--finished-before", "never"], "never is no age"),
        (["--finished-before", "0"], "is no time"),
        (["--batch", "0"], "'0' is no positive number"),
        (["--batch", "+1"], "is no positive number"),
        (["--limit", "many"], "is no positive number"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_options_are_named(words: list[str], said: str, db: None) -> None:
    with pytest.raises(CommandError, match=said):
        sweep(*words)


def test_the_limit_is_for_each_kind(service: UploadService, partials: Path) -> None:
    for number in range(3):
        put_orphan(partials, f"{number:032x}")
        make(service)
    Upload.objects.update(expires_at=timezone.now() - timedelta(days=1))
    _, out, _ = sweep("--limit", "2", "--orphans")
    assert counted(out)["orphan"].startswith("2 ")
    assert counted(out)["expired"].startswith("2 ")


def test_progress_is_for_terminals_and_leaves_no_trace_in_the_output(
    service: UploadService, partials: Path
) -> None:
    put_orphan(partials)
    terminal = Terminal()
    _, out, _ = sweep("--orphans", err=terminal)
    assert "looked at" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert not any("looked at" in line for line in out)
    put_orphan(partials)
    assert sweep("--orphans")[2] == []


def test_names_of_foreign_files_cannot_write_on_the_terminal(
    service: UploadService, partials: Path
) -> None:
    folder = partials / "ab"
    folder.mkdir(parents=True)
    (folder / "x\x1b[2J\nexpired: 9 uploads").write_bytes(b"")
    (folder / "\udcff").write_bytes(b"")
    out = StringIO()
    call_command("tusbridge_sweep", "--orphans", "-v2", stdout=out)
    assert "\x1b" not in out.getvalue()
    assert r"x\x1b[2J\nexpired: 9 uploads" in out.getvalue()
    assert r"\udcff" in out.getvalue()


def test_finished_uploads_are_kept_by_default(service: UploadService, media: Path) -> None:
    upload = finish(service)
    Upload.objects.update(completed_on=timezone.now() - timedelta(days=999))
    sweep("--orphans", "--missing", "--remove-missing")
    assert files(media) == [upload.upload_id]
    sweep("--finished-before", "30d")
    assert files(media) == []


def test_it_needs_no_more_than_the_default_arguments_from_code(db: None, media: Any) -> None:
    call_command("tusbridge_sweep", dry_run=True, stdout=StringIO())
