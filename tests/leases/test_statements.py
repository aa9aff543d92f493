"""Statements that are built once: they do what the ORM's own do, on whatever database tests run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.db.models.signals import post_save, pre_save

from tusbridge import rows
from tusbridge.models import Status, Upload, generate_upload_id
from tusbridge.rows import insert_row
from tusbridge.statements import Exists, Insert, Slot, Update

pytestmark = pytest.mark.django_db(transaction=True)

MOMENT = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


def filled() -> Upload:
    """An upload with something in every column that a creation sets."""
    return Upload(
        upload_id=generate_upload_id(),
        length=2**40,
        offset=5,
        metadata="filename aGVsbG8=",
        filename="héllo %s \" ' \\ %% `",
        content_type="text/plain",
        file="uploads/aa/name",
        parts={"ids": ["a", "b"], "field": "final;/a /b"},
        concat="final",
        concat_key="key",
        expires_at=MOMENT,
        store_state={"segments": [[0, "x"]]},
        completes_itself=False,
    )


def columns(upload: Upload) -> dict[str, Any]:
    differing = {"id", "upload_id", "created_on", "concat_key"}
    found = Upload.objects.filter(pk=upload.pk).values().get()
    return {name: value for name, value in found.items() if name not in differing}


class TestInsert:
    def test_it_writes_what_save_writes(self) -> None:
        ours, djangos = filled(), filled()
        djangos.concat_key = "another"
        insert_row(ours)
        djangos.save(force_insert=True)
        assert ours.pk is not None
        assert ours.pk != djangos.pk
        assert columns(ours) == columns(djangos)
        assert not ours._state.adding
        again = Upload.objects.get(upload_id=ours.upload_id)
        assert again.created_on == ours.created_on
        assert again.filename == ours.filename

    def test_a_lease_is_counted_by_the_databases_clock(self) -> None:
        upload = filled()
        upload.lease_token = "t" * 32
        insert_row(upload, lease_ttl=60)
        upload.refresh_from_db()
        assert upload.lease_until is not None
        assert upload.progress_at is not None
        assert upload.lease_until - upload.progress_at == pytest.approx(
            timedelta(seconds=60), abs=timedelta(seconds=1)
        )

    def test_an_id_that_is_taken_is_an_integrity_error(self) -> None:
        first = Upload(upload_id="a" * 32)
        insert_row(first)
        with pytest.raises(IntegrityError):
            insert_row(Upload(upload_id="a" * 32))
        with transaction.atomic():
            with pytest.raises(IntegrityError):
                insert_row(Upload(upload_id="a" * 32))
            # the transaction around it can go on
            insert_row(Upload(upload_id="b" * 32))
        assert Upload.objects.count() == 2

    @pytest.mark.parametrize("signal", [pre_save, post_save], ids=["pre_save", "post_save"])
    def test_receivers_of_a_site_hear_of_it(self, signal: Any) -> None:
        heard = []

        def receive(instance: Upload, **_: Any) -> None:
            heard.append(instance.upload_id)

        signal.connect(receive, sender=Upload)
        try:
            upload = filled()
            insert_row(upload, lease_ttl=60)
        finally:
            signal.disconnect(receive, sender=Upload)
        assert heard == [upload.upload_id]
        assert Upload.objects.filter(lease_until__isnull=False).exists()

    def test_a_site_that_saves_in_its_own_way_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        saved = []
        save = Upload.save

        def own(upload: Upload, *args: Any, **given: Any) -> None:
            saved.append(upload.upload_id)
            save(upload, *args, **given)

        monkeypatch.setattr(Upload, "save", own)
        upload = filled()
        insert_row(upload)
        assert saved == [upload.upload_id]

    def test_a_column_that_the_database_makes_is_left_to_the_orm(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Upload._meta.get_field("confirmed_on"), "generated", True)
        monkeypatch.delattr(Insert, "run")
        upload = filled()
        insert_row(upload)
        assert Upload.objects.filter(pk=upload.pk).exists()

    def test_nobody_listens_to_the_uploads_of_these_tests(self) -> None:
        """Or none of them would try the statements."""
        assert not pre_save.has_listeners(Upload)
        assert not post_save.has_listeners(Upload)

    def test_no_column_of_a_site_is_taken_for_what_the_lease_is_told(self) -> None:
        insert_row(filled(), lease_ttl=60)
        (built,) = rows._INSERT_LEASED._built.values()
        columns = {field.attname for field in Upload._meta.concrete_fields}
        (other,) = {name for _, name, _ in built.slots} - columns
        assert not other.isidentifier()

    def test_it_is_one_statement(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            Insert().run(filled(), "default", {})


class TestUpdate:
    @pytest.fixture
    def upload(self) -> Upload:
        upload = filled()
        insert_row(upload)
        return upload

    def test_columns_of_every_kind_are_written_as_the_orm_writes_them(self, upload: Upload) -> None:
        change = {
            "store_state": {"a": [1, None, "ü"]},
            "expires_at": MOMENT,
            "file": "x/y%s",
            "length": None,
            "completes_itself": True,
        }
        update = Update(Q(pk=Slot("pk")), {"status": Status.COMPLETE})
        assert update.run(Upload, "default", {"pk": upload.pk}, change) == 1
        ours = columns(upload)
        Upload.objects.filter(pk=upload.pk).update(status=Status.COMPLETE, **change)
        assert ours == columns(upload)
        # the statement that was built serves other values, and other columns build another
        assert update.run(Upload, "default", {"pk": upload.pk}, change | {"length": 7}) == 1
        assert update.run(Upload, "default", {"pk": upload.pk}, {"length": 8}) == 1
        upload.refresh_from_db()
        assert (upload.length, upload.store_state) == (8, change["store_state"])

    def test_rows_that_are_so_already_count(self, upload: Upload) -> None:
        update = Update(Q(pk=Slot("pk")), {"offset": Slot("offset")})
        for _ in range(2):
            assert update.run(Upload, "default", {"pk": upload.pk, "offset": 5}) == 1
        assert update.run(Upload, "default", {"pk": upload.pk + 1, "offset": 5}) == 0

    def test_it_takes_part_in_a_transaction(self, upload: Upload) -> None:
        update = Update(Q(pk=Slot("pk")), {"offset": Slot("offset")})
        with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
            update.run(Upload, "default", {"pk": upload.pk, "offset": 9})
            raise RuntimeError
        upload.refresh_from_db()
        assert upload.offset == 5

    def test_exists(self, upload: Upload) -> None:
        has = Exists(Q(pk=Slot("pk"), offset=Slot("offset")))
        assert has.ask(Upload, "default", {"pk": upload.pk, "offset": 5})
        assert not has.ask(Upload, "default", {"pk": upload.pk, "offset": 6})


def test_no_value_is_part_of_the_text(django_assert_num_queries: Any) -> None:
    """What a client sends goes to the database beside the statement, never in it."""
    upload = filled()
    upload.filename = "'; DROP TABLE tusbridge_upload; --"
    insert_row(upload)
    assert connection.introspection.table_names()
    assert Upload.objects.get(pk=upload.pk).filename == upload.filename
