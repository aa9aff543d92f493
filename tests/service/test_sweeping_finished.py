"""The sweeper over finished uploads, and over everything: dry runs, kills and two at once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.gallery.models import Receipt
from tests.service.leftovers import (
    DAY,
    everything,
    finish,
    later,
    make_old,
    partials,
    snapshot,
    told,
)
from tests.service.test_service import CONTENT, append, content, files, make
from tests.support.servers import ROOT
from tusbridge import leases
from tusbridge.errors import StoreError
from tusbridge.models import AbstractUpload, Concat, Status, Upload
from tusbridge.service import UploadService
from tusbridge.stores.local import LocalStore
from tusbridge.sweeping import Fate, Finding, Kind, Sweeper, SweepResult

__all__ = ["everything", "later", "partials"]

pytestmark = pytest.mark.django_db(transaction=True)


class TestMissing:
    def test_a_finished_upload_without_its_file_is_told_and_stays(
        self, service: UploadService, media: Path
    ) -> None:
        kept, lost = finish(service), finish(service)
        (media / lost.file.name).unlink()
        (found,) = Sweeper(service).missing(remove=False)
        assert (found.kind, found.fate, found.what) == (Kind.MISSING, Fate.SPARED, lost.upload_id)
        assert Upload.objects.count() == 2
        assert content(service, kept) == CONTENT

    def test_its_row_is_removed_on_request(self, service: UploadService, media: Path) -> None:
        kept, lost = finish(service), finish(service)
        (media / lost.file.name).unlink()
        assert told(Sweeper(service).missing(remove=True)) == [(Kind.MISSING, Fate.SWEPT)]
        assert Upload.objects.get().pk == kept.pk
        assert content(service, kept) == CONTENT

    def test_a_storage_that_is_not_mounted_costs_no_row(
        self, service: UploadService, media: Path
    ) -> None:
        for _ in range(3):
            finish(service)
        media.rename(media.with_name("elsewhere"))
        media.mkdir()
        found = told(Sweeper(service).missing(remove=True))
        assert found == [(Kind.MISSING, Fate.FAILED)] * 3
        assert Upload.objects.count() == 3

    @pytest.mark.parametrize("concat", [Concat.NONE, Concat.PARTIAL])
    def test_an_upload_that_has_no_file_of_its_own_misses_none(
        self, service: UploadService, media: Path, concat: Concat
    ) -> None:
        upload = finish(service)
        (media / upload.file.name).unlink()
        Upload.objects.update(file="", concat=concat)
        assert list(Sweeper(service).missing(remove=True)) == []
        assert Upload.objects.exists()

    def test_one_that_is_handed_over_just_then_misses_none(
        self, service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = finish(service)
        length = LocalStore.length

        def hand_over(store: LocalStore, name: str) -> int:
            with suppress(FileNotFoundError):
                (media / upload.file.name).unlink()
            Upload.objects.update(file="")
            return length(store, name)

        monkeypatch.setattr(LocalStore, "length", hand_over)
        assert list(Sweeper(service).missing(remove=True)) == []
        assert Upload.objects.exists()

    def test_a_file_that_comes_back_just_then_is_not_removed(
        self, service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = finish(service)
        path = media / upload.file.name
        path.unlink()
        remove_ended = UploadService.remove_ended

        def mount_first(service: UploadService, found: AbstractUpload) -> None:
            path.write_bytes(CONTENT)
            remove_ended(service, found)

        monkeypatch.setattr(UploadService, "remove_ended", mount_first)
        list(Sweeper(service).missing(remove=True))
        assert path.read_bytes() == CONTENT

    def test_one_that_was_handed_over_at_the_last_moment_keeps_its_row(
        self, service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = finish(service)
        (media / upload.file.name).unlink()
        terminate = leases.terminate_finished

        def hand_over(*args: Any, **options: Any) -> bool:
            Upload.objects.update(file="")
            return terminate(*args, **options)

        monkeypatch.setattr(leases, "terminate_finished", hand_over)
        (media / "other").write_bytes(b"")
        assert list(Sweeper(service).missing(remove=True)) == []
        assert Upload.objects.get().is_complete

    def test_R53_it_looks_in_batches(self, service: UploadService) -> None:  # noqa: N802
        for _ in range(5):
            finish(service)
        with CaptureQueriesContext(connection) as captured:
            assert list(Sweeper(service, batch=2).missing(remove=False)) == []
        assert len(captured) == 4


class TestFinished:
    def age(self, upload: AbstractUpload, days: float) -> None:
        Upload.objects.filter(pk=upload.pk).update(completed_on=timezone.now() - days * DAY)

    def test_R14_finished_uploads_go_on_request_only_and_by_age(  # noqa: N802
        self, service: UploadService, later: UploadService, media: Path
    ) -> None:
        old, young = finish(service), finish(service)
        self.age(old, 31)
        self.age(young, 29)
        before = timezone.now() - 30 * DAY
        assert later.sweep() == SweepResult()
        (found,) = Sweeper(service).finished(before)
        assert (found.what, found.size) == (old.upload_id, 10)
        assert files(media) == [young.upload_id]
        assert Upload.objects.get().pk == young.pk

    def test_a_part_of_a_concatenation_is_let_be(self, service: UploadService) -> None:
        finish(service)
        Upload.objects.update(concat=Concat.PARTIAL)
        assert list(Sweeper(service).finished(timezone.now() + DAY)) == []
        assert Upload.objects.get().is_complete

    def test_unfinished_uploads_are_not_finished(self, service: UploadService) -> None:
        append(service, make(service), 0, b"hello")
        assert list(Sweeper(service).finished(timezone.now() + 9 * DAY)) == []

    def test_what_was_handed_over_stays_where_it_is(
        self, service: UploadService, media: Path
    ) -> None:
        upload = finish(service)
        (media / upload.file.name).rename(media / "video")
        Upload.objects.update(file="")
        (found,) = Sweeper(service).finished(timezone.now() + DAY)
        assert (found.fate, found.size) == (Fate.SWEPT, 0)
        assert files(media) == ["video"]
        assert not Upload.objects.exists()

    @pytest.mark.parametrize("missing", [False, True])
    def test_a_row_that_the_site_protects_keeps_its_bytes(
        self, service: UploadService, media: Path, missing: bool
    ) -> None:
        upload = finish(service)
        finish(service)
        Receipt.objects.create(upload=upload)
        if missing:
            (media / upload.file.name).unlink()
        sweeper = Sweeper(service)
        found = list(
            sweeper.missing(remove=True) if missing else sweeper.finished(timezone.now() + DAY)
        )
        assert {f.what: f.code for f in found}[upload.upload_id] == "row-protected"
        row = Upload.objects.get(pk=upload.pk)
        assert row.is_complete
        assert missing or content(service, row) == CONTENT

    def test_one_that_was_handed_over_just_then_is_let_be(
        self, service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        finish(service)
        terminate = leases.terminate_finished

        def hand_over(*args: Any, **options: Any) -> bool:
            Upload.objects.update(file="")
            return terminate(*args, **options)

        monkeypatch.setattr(leases, "terminate_finished", hand_over)
        assert list(Sweeper(service).finished(timezone.now() + DAY)) == []
        assert len(files(media)) == 1
        assert Upload.objects.get().is_complete


def sweep_everything(sweeper: Sweeper) -> Iterator[Finding]:
    yield from sweeper.routine()
    yield from sweeper.finished(timezone.now() - DAY)
    yield from sweeper.missing(remove=True)
    yield from sweeper.orphans()


def assert_swept(service: UploadService, made: dict[str, AbstractUpload], media: Path) -> None:
    """What had to go is gone, and what had to stay is as it was."""
    kept = {made[name].upload_id for name in ("unfinished", "uncompleted", "finished")}
    assert set(Upload.objects.values_list("upload_id", flat=True)) == kept
    for name in ("uncompleted", "finished"):
        assert content(service, made[name]) == CONTENT
    append(service, made["unfinished"], 5, b"world")
    assert content(service, made["unfinished"]) == CONTENT
    assert files(media) == sorted([*kept, "README"])


def test_a_dry_run_finds_the_same_and_changes_nothing(
    service: UploadService, everything: dict[str, AbstractUpload], media: Path
) -> None:
    before = snapshot(media)
    dry = list(sweep_everything(Sweeper(service, dry_run=True)))
    assert snapshot(media) == before
    assert {finding.kind for finding in dry} == set(Kind)
    wet = list(sweep_everything(Sweeper(service)))
    assert sorted(map(repr, wet)) == sorted(map(repr, dry))
    assert snapshot(media) != before
    assert_swept(service, everything, media)
    again = list(sweep_everything(Sweeper(service)))
    assert told(iter(again)) == [(Kind.FOREIGN, Fate.SPARED)]


@pytest.mark.parametrize("method", ["delete", "complete", "length", "strays", "remove_stray"])
@pytest.mark.parametrize("nth", range(4))
@pytest.mark.parametrize("error", [StoreError(), KeyboardInterrupt()], ids=["refuses", "is-killed"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_R14_a_store_that_fails_at_any_call_leaves_what_the_next_sweep_mends(  # noqa: N802
    service: UploadService,
    everything: dict[str, AbstractUpload],
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    nth: int,
    error: BaseException,
    when: str,
) -> None:
    real = getattr(LocalStore, method)
    calls = iter(range(100))

    def fail(*args: Any, **options: Any) -> Any:
        is_now = next(calls) == nth
        if is_now and when == "before":
            raise error
        result = real(*args, **options)
        if is_now:
            raise error
        return result

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, method, fail)
        with suppress(KeyboardInterrupt):
            list(sweep_everything(Sweeper(service)))
    # whoever was killed while completing held the lease; it runs out
    Upload.objects.filter(status=Status.UPLOADING).update(lease_until=timezone.now() - DAY)
    Upload.objects.filter(offset=10).update(progress_at=timezone.now() - DAY)
    found = list(sweep_everything(Sweeper(service)))
    assert Fate.FAILED not in {finding.fate for finding in found}
    assert_swept(service, everything, media)


@pytest.mark.parametrize("step", ["unlink", "pwrite", "open"])
@pytest.mark.parametrize("nth", range(8))
def test_R14_a_kill_at_any_step_leaves_what_the_next_sweep_mends(  # noqa: N802
    service: UploadService,
    everything: dict[str, AbstractUpload],
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    nth: int,
) -> None:
    real = getattr(os, step)
    calls = iter(range(10_000))

    def kill(*args: Any, **options: Any) -> Any:
        if next(calls) == nth:
            raise KeyboardInterrupt
        return real(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, step, kill)
        with suppress(KeyboardInterrupt):
            list(sweep_everything(Sweeper(service)))
    Upload.objects.filter(status=Status.UPLOADING).update(lease_until=timezone.now() - DAY)
    Upload.objects.filter(offset=10).update(progress_at=timezone.now() - DAY)
    make_old(media.with_name("media.partial"))
    assert Fate.FAILED not in {f.fate for f in sweep_everything(Sweeper(service))}
    assert_swept(service, everything, media)


def test_bytes_of_another_upload_model_are_no_orphans(tmp_path: Path) -> None:
    """In a process of its own, for the tests' site has but one."""
    app = tmp_path / "mysite"
    app.mkdir()
    (app / "__init__.py").write_text("")
    (app / "models.py").write_text(
        "from tusbridge.models import AbstractUpload\nclass Film(AbstractUpload): pass\n"
    )
    script = f"""
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x", USE_TZ=True, MEDIA_ROOT={str(tmp_path / "media")!r},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "tusbridge", "mysite"],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3",
                             "NAME": {str(tmp_path / "db.sqlite3")!r}}}}},
    TUSBRIDGE={{"ALLOW_ANONYMOUS": True}},
)
django.setup()
from django.core.management import call_command
from django.db import connection
call_command("migrate", run_syncdb=True, verbosity=0)
from tests.service.test_service import NOBODY, create_request
from mysite.models import Film
from tusbridge.protocol.rules import AppendRequest
from tusbridge.service import UploadService
from tusbridge.sweeping import Sweeper
service = UploadService(model=Film)
film = service.create(create_request(), NOBODY)
service.append(film.upload_id, AppendRequest(offset=0, content_length=5), [[b"hello"]], NOBODY)
assert list(Sweeper(UploadService(), grace_seconds=-1).orphans()) == []
Film.objects.all().delete()
assert len(list(Sweeper(UploadService(), grace_seconds=-1).orphans())) == 1
connection.close()
print("kept")
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""},
        check=False,
        timeout=60,
    )
    assert ran.stdout.strip() == "kept", ran.stderr[-3000:]
