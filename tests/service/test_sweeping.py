"""The sweeper over real files: what it finds, what it spares, and what a crash in it leaves."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.gallery.models import Receipt
from tests.service.test_service import CONTENT, append, begin, content, files, make, raising
from tests.support.servers import ROOT
from tusbridge import leases
from tusbridge.body import BodyEnd
from tusbridge.errors import DatabaseUnavailable, StoreError, StoreFull
from tusbridge.models import AbstractUpload, Concat, Status, Upload
from tusbridge.service import UploadService
from tusbridge.stores import Stray
from tusbridge.stores.local import LocalStore
from tusbridge.sweeping import Fate, Finding, Kind, Sweeper, SweepResult

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def later(service: UploadService) -> UploadService:
    """The service in two days."""
    return UploadService(clock=lambda: timezone.now() + 2 * DAY)


@pytest.fixture
def partials(media: Path) -> Path:
    return media.with_name("media.partial")


def put_orphan(partials: Path, name: str = KEY, *, hours: float = 2) -> Path:
    """Bytes that no upload owns, and that nobody touched for so long."""
    path = partials / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"orphan")
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


def make_old(partials: Path) -> None:
    """Whatever lies there now was last touched two hours ago."""
    then = time.time() - 7200
    for path in partials.rglob("*"):
        os.utime(path, (then, then))


def finish(service: UploadService) -> AbstractUpload:
    upload = make(service)
    append(service, upload, 0, CONTENT)
    return Upload.objects.get(pk=upload.pk)  # type: ignore[no-any-return]


def leave_uncompleted(service: UploadService, monkeypatch: pytest.MonkeyPatch) -> AbstractUpload:
    """All bytes are there, and a crash came right behind the last commit."""
    upload = make(service)
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "complete", raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            append(service, upload, 0, CONTENT)
    long_ago = timezone.now() - timedelta(minutes=5)
    Upload.objects.filter(pk=upload.pk).update(lease_until=long_ago, progress_at=long_ago)
    return upload


def leave_terminated(service: UploadService, monkeypatch: pytest.MonkeyPatch) -> AbstractUpload:
    """Ended, and a crash came before its bytes were removed."""
    upload = make(service)
    append(service, upload, 0, b"hello")
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "delete", raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            service.terminate(upload)
    return upload


def told(findings: Iterator[Finding]) -> list[tuple[Kind, Fate]]:
    return [(finding.kind, finding.fate) for finding in findings]


class TestRoutine:
    def test_R14_each_kind_is_found_and_mended(  # noqa: N802
        self,
        service: UploadService,
        later: UploadService,
        media: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        left = leave_uncompleted(service, monkeypatch)
        leave_terminated(service, monkeypatch)
        append(service, make(service), 0, b"hello")
        found = list(Sweeper(later).routine())
        assert told(iter(found)) == [
            (Kind.TERMINATED, Fate.SWEPT),
            (Kind.UNCOMPLETED, Fate.SWEPT),
            (Kind.EXPIRED, Fate.SWEPT),
        ]
        assert sum(finding.size for finding in found) == 10
        assert Upload.objects.get().upload_id == left.upload_id
        assert content(service, left) == CONTENT
        assert files(media) == [left.upload_id]
        assert list(Sweeper(later).routine()) == []

    @pytest.mark.parametrize("batch", [1, 2, 3, 400])
    def test_R53_everything_is_found_in_batches_of_any_size(  # noqa: N802
        self, service: UploadService, later: UploadService, batch: int
    ) -> None:
        for _ in range(6):
            make(service)
        # three that expire at the same moment
        first = Upload.objects.order_by("pk").first()
        Upload.objects.filter(pk__lte=first.pk + 2).update(expires_at=first.expires_at)
        assert len(list(Sweeper(later, batch=batch).routine())) == 6
        assert not Upload.objects.exists()

    def test_the_limit_is_for_each_kind(
        self, service: UploadService, later: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            make(service)
            leave_terminated(service, monkeypatch)
        assert later.sweep(limit=2) == SweepResult(removed=4)
        assert later.sweep(limit=2) == SweepResult(removed=2)

    def test_one_that_cannot_be_removed_stops_none_of_the_others(
        self, service: UploadService, later: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uploads = [make(service) for _ in range(5)]
        stubborn = uploads[2]
        delete = LocalStore.delete

        def refuse(store: LocalStore, blob: Any, name: str) -> None:
            if blob.key == stubborn.upload_id:
                raise StoreError
            delete(store, blob, name)

        monkeypatch.setattr(LocalStore, "delete", refuse)
        found = list(Sweeper(later, batch=2).routine())
        (failed,) = [finding for finding in found if finding.fate is Fate.FAILED]
        assert (failed.what, failed.code, failed.size) == (stubborn.upload_id, "store-error", 0)
        assert [upload.pk for upload in Upload.objects.all()] == [stubborn.pk]

    def test_an_upload_of_a_storage_that_is_not_configured_any_more_stops_no_other(
        self, service: UploadService, later: UploadService
    ) -> None:
        make(service)
        lost = make(service)
        Upload.objects.filter(pk=lost.pk).update(storage_alias="was")
        found = list(Sweeper(later).routine())
        assert {finding.code for finding in found} == {"", "no-store"}
        assert list(Sweeper(later).orphans()) == []

    def test_R14_an_upload_that_waits_to_be_completed_by_its_client_expires(  # noqa: N802
        self, service: UploadService, later: UploadService
    ) -> None:
        upload = make(service)
        Upload.objects.update(completes_itself=False)
        chunk = service.begin_chunk(upload, 0, len(CONTENT), again=lambda: upload)
        chunk.feed([CONTENT])
        chunk.commit({})
        assert later.sweep() == SweepResult(removed=1)

    def test_all_bytes_that_came_in_time_are_kept_though_the_time_is_over(
        self, service: UploadService, later: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = leave_uncompleted(service, monkeypatch)
        assert later.sweep() == SweepResult(completed=1)
        assert content(service, upload) == CONTENT

    def test_a_store_that_is_full_is_told(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leave_uncompleted(service, monkeypatch)
        with monkeypatch.context() as patched:
            patched.setattr(LocalStore, "complete", raising(StoreFull()))
            assert service.sweep() == SweepResult(failed=1)
        Upload.objects.update(progress_at=timezone.now() - timedelta(minutes=5))
        assert service.sweep() == SweepResult(completed=1)

    def test_one_that_somebody_else_completes_is_spared(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = leave_uncompleted(service, monkeypatch)

        def overtaken(service: UploadService, found: AbstractUpload) -> AbstractUpload:
            assert leases.acquire(Upload, upload.pk, offset=10, token="x" * 32, ttl=60)
            return found

        monkeypatch.setattr(UploadService, "settle", overtaken)
        assert told(Sweeper(service).routine()) == [(Kind.UNCOMPLETED, Fate.SPARED)]

    def test_one_that_is_written_to_just_then_is_spared(
        self, service: UploadService, later: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = make(service)
        expire = UploadService.expire

        def overtaken(service: UploadService, found: AbstractUpload, **options: Any) -> bool:
            assert leases.acquire(Upload, upload.pk, offset=0, token="x" * 32, ttl=60)
            return expire(service, found, **options)

        monkeypatch.setattr(UploadService, "expire", overtaken)
        assert told(Sweeper(later).routine()) == [(Kind.EXPIRED, Fate.SPARED)]
        assert Upload.objects.exists()

    def test_a_database_that_goes_away_at_one_upload_ends_the_sweep(
        self, service: UploadService, later: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make(service)
        monkeypatch.setattr(UploadService, "expire", raising(DatabaseUnavailable()))
        with pytest.raises(DatabaseUnavailable):
            later.sweep()

    def test_a_database_that_is_away_ends_the_sweep(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(QuerySet, "_fetch_all", raising(OperationalError("gone away")))
        with pytest.raises(DatabaseUnavailable):
            service.sweep()

    def test_R57_the_servers_own_sweep_walks_no_folder_and_no_finished_upload(  # noqa: N802
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for method in ("strays", "length", "remove_stray"):
            monkeypatch.setattr(LocalStore, method, raising(AssertionError(method)))
        costs = []
        for _ in range(2):
            for _ in range(5):
                finish(service)
            with CaptureQueriesContext(connection) as captured:
                assert service.sweep() == SweepResult()
            costs.append(len(captured))
        assert costs == [4, 4]

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plan")
    def test_R53_the_servers_own_sweep_asks_by_index(  # noqa: N802
        self, service: UploadService
    ) -> None:
        with CaptureQueriesContext(connection) as captured:
            service.sweep()
        with connection.cursor() as cursor:
            for query in captured.captured_queries:
                cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
                plan = " ".join(str(row[-1]) for row in cursor.fetchall())
                assert "USING INDEX tusbridge_u_status" in plan, (query["sql"], plan)


class TestOrphans:
    def test_R53_bytes_of_no_upload_are_removed_in_batches(  # noqa: N802
        self, service: UploadService, partials: Path
    ) -> None:
        for number in range(7):
            put_orphan(partials, f"{number:032x}")
        looked = []
        found = list(Sweeper(service, batch=3, look=looked.append).orphans())
        assert told(iter(found)) == [(Kind.ORPHAN, Fate.SWEPT)] * 7
        assert sum(finding.size for finding in found) == 42
        assert looked == [3, 3, 1, 0]  # and no row of what was attached
        assert list(Sweeper(service).orphans()) == []

    def test_R53_owners_are_asked_for_by_the_batch(  # noqa: N802
        self, service: UploadService, partials: Path
    ) -> None:
        for number in range(900):
            put_orphan(partials, f"{number:032x}")
        with CaptureQueriesContext(connection) as captured:
            assert len(list(Sweeper(service).orphans())) == 900
        # the storages, the owners of 400 pieces at a time, and what was attached
        assert len(captured) == 1 + 3 + 1

    def test_R14_bytes_of_unfinished_uploads_stay_however_old(  # noqa: N802
        self, service: UploadService, partials: Path
    ) -> None:
        upload = make(service)
        append(service, upload, 0, b"hello")
        make_old(partials)
        assert list(Sweeper(service).orphans()) == []
        append(service, upload, 5, b"world")
        assert content(service, upload) == CONTENT

    def test_R14_bytes_that_are_being_written_stay(  # noqa: N802
        self, service: UploadService, partials: Path
    ) -> None:
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([b"hello"])
        make_old(partials)
        assert list(Sweeper(service).orphans()) == []
        appending.feed([b"world"])
        appending.end(BodyEnd.WHOLE)
        assert content(service, upload) == CONTENT

    def test_an_upload_that_is_made_while_the_folder_is_listed_stays(
        self, service: UploadService, partials: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        strays = LocalStore.strays
        made = []

        def make_first(store: LocalStore, grace_seconds: float) -> Iterator[Stray]:
            made.append(make(service))
            append(service, made[0], 0, b"hello")
            yield from strays(store, -1)

        monkeypatch.setattr(LocalStore, "strays", make_first)
        put_orphan(partials)
        assert told(Sweeper(service).orphans()) == [(Kind.ORPHAN, Fate.SWEPT)]
        append(service, made[0], 5, b"world")
        assert content(service, made[0]) == CONTENT

    def test_young_bytes_stay(self, service: UploadService, partials: Path) -> None:
        path = put_orphan(partials, hours=0.9)
        assert list(Sweeper(service).orphans()) == []
        assert path.exists()

    @pytest.mark.parametrize("suffix", ["", ".lock", f".{'1' * 32}", f".{'1' * 32}.joined"])
    def test_what_a_finished_upload_left_behind_is_an_orphan(
        self, service: UploadService, partials: Path, suffix: str
    ) -> None:
        upload = finish(service)
        put_orphan(partials, f"{upload.upload_id}{suffix}")
        assert told(Sweeper(service).orphans()) == [(Kind.ORPHAN, Fate.SWEPT)]
        assert content(service, upload) == CONTENT

    @pytest.mark.parametrize("status", [Status.COMPLETE, Status.TERMINATED, Status.UPLOADING])
    def test_bytes_of_a_part_for_a_concatenation_stay(
        self, service: UploadService, partials: Path, status: Status
    ) -> None:
        """tus 1.0.0, concatenation: a partial upload's bytes may stay where they are."""
        upload = make(service)
        Upload.objects.update(status=status, concat=Concat.PARTIAL)
        path = put_orphan(partials, upload.upload_id)
        assert list(Sweeper(service).orphans()) == []
        assert path.exists()

    def test_a_copy_that_a_crash_left_beside_a_finished_file_is_an_orphan(
        self, service: UploadService, media: Path
    ) -> None:
        upload = finish(service)
        copy = media / f"{upload.file.name}.{'1' * 32}.part"
        copy.write_bytes(b"half")
        os.utime(copy, (1, 1))
        assert told(Sweeper(service).orphans()) == [(Kind.ORPHAN, Fate.SWEPT)]
        assert files(media) == [upload.upload_id]

    def test_foreign_files_are_counted_and_stay(
        self, service: UploadService, partials: Path
    ) -> None:
        put_orphan(partials, "README")
        (partials / "lost+found").mkdir()
        orphan = put_orphan(partials)
        found = told(Sweeper(service, limit=1).orphans())
        assert sorted(found) == [
            *[(Kind.FOREIGN, Fate.SPARED)] * (len(found) - 1),
            (Kind.ORPHAN, Fate.SWEPT),
        ]
        assert told(Sweeper(service).orphans()) == [(Kind.FOREIGN, Fate.SPARED)] * 2
        assert not orphan.exists()
        assert (partials / "RE" / "README").exists()

    def test_one_that_somebody_holds_is_told_and_stops_none_of_the_others(
        self, service: UploadService, partials: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(3):
            put_orphan(partials, f"{number:032x}")
        remove = LocalStore.remove_stray

        def refuse(store: LocalStore, stray: Stray) -> bool:
            if stray.key == f"{1:032x}":
                raise StoreError
            return remove(store, stray)

        monkeypatch.setattr(LocalStore, "remove_stray", refuse)
        found = list(Sweeper(service).orphans())
        assert sorted(finding.code for finding in found) == ["", "", "store-error"]
        assert len(list(partials.rglob("0*1"))) == 1

    def test_one_that_another_sweep_took_is_not_counted_twice(
        self, service: UploadService, partials: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_orphan(partials)
        remove = LocalStore.remove_stray

        def overtaken(store: LocalStore, stray: Stray) -> bool:
            assert remove(store, stray)
            return remove(store, stray)

        monkeypatch.setattr(LocalStore, "remove_stray", overtaken)
        assert list(Sweeper(service).orphans()) == []

    def test_a_database_that_goes_away_ends_the_walk(
        self, service: UploadService, partials: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put_orphan(partials)
        monkeypatch.setattr(Sweeper, "_owned", raising(DatabaseUnavailable()))
        with pytest.raises(DatabaseUnavailable):
            list(Sweeper(service).orphans())
        assert path.exists()

    def test_a_folder_that_cannot_be_walked_is_told(
        self, service: UploadService, monkeypatch: pytest.MonkeyPatch, partials: Path
    ) -> None:
        monkeypatch.setattr(os, "scandir", raising(PermissionError(13, "refused")))
        (found,) = Sweeper(service).orphans()
        assert (found.kind, found.fate, found.what) == (Kind.ORPHAN, Fate.FAILED, str(partials))

    def test_two_storages_with_one_folder_are_walked_once(
        self,
        settings: Any,
        service: UploadService,
        tmp_path: Path,
        tusbridge_settings: Callable[..., None],
    ) -> None:
        settings.STORAGES = {
            **settings.STORAGES,
            "archive": {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": str(tmp_path / "archive")},
            },
        }
        tusbridge_settings(PARTIALS_DIR=str(tmp_path / "shared"))
        make(UploadService())
        Upload.objects.update(storage_alias="archive")
        put_orphan(tmp_path / "shared")
        assert len(list(Sweeper(UploadService(), dry_run=True).orphans())) == 1


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
        assert len(captured) == 3


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


def snapshot(media: Path) -> tuple[Any, ...]:
    """All that a sweep could change: every file with its times and bytes, every row."""
    found = {
        str(path): (path.lstat().st_mtime_ns, path.is_file() and path.read_bytes())
        for place in (media, media.with_name("media.partial"))
        for path in place.rglob("*")
    }
    return found, list(Upload.objects.order_by("pk").values())


@pytest.fixture
def everything(
    service: UploadService, media: Path, partials: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, AbstractUpload]:
    """One of each kind, and uploads that have to stay."""
    made = {
        "expired": make(service),
        "unfinished": make(service),
        "uncompleted": leave_uncompleted(service, monkeypatch),
        "terminated": leave_terminated(service, monkeypatch),
        "old": finish(service),
        "missing": finish(service),
        "finished": finish(service),
    }
    for name in ("expired", "unfinished"):
        append(service, made[name], 0, b"hello")
    past = timezone.now() - timedelta(minutes=1)
    Upload.objects.filter(pk=made["expired"].pk).update(expires_at=past)
    Upload.objects.filter(pk=made["old"].pk).update(completed_on=past - 30 * DAY)
    Upload.objects.filter(pk=made["finished"].pk).update(announce_at=past - DAY)
    (media / made["missing"].file.name).unlink()
    make_old(partials)
    for name in (KEY, f"{KEY}.{'1' * 32}", f"{'f' * 32}.lock", f"{'e' * 32}.{'1' * 32}.joined"):
        put_orphan(partials, name)
    put_orphan(partials, "README")
    return made


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
