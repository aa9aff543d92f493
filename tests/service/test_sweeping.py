"""The sweeper over real files: what it finds, what it spares, and what a crash in it leaves."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.service.leftovers import (
    finish,
    later,
    leave_terminated,
    leave_uncompleted,
    make_old,
    partials,
    put_orphan,
    told,
)
from tests.service.test_service import CONTENT, append, begin, content, files, make, raising
from tusbridge import leases
from tusbridge.body import BodyEnd
from tusbridge.errors import DatabaseUnavailable, StoreError, StoreFull
from tusbridge.models import AbstractUpload, Concat, Status, Upload
from tusbridge.service import UploadService
from tusbridge.stores import Stray
from tusbridge.stores.local import LocalStore
from tusbridge.sweeping import Fate, Kind, Sweeper, SweepResult

__all__ = ["later", "partials"]

pytestmark = pytest.mark.django_db(transaction=True)


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
