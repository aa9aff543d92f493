"""The lease, on whatever database the tests run: SQLite, PostgreSQL, MariaDB."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tusbridge import leases
from tusbridge.models import Status, Upload
from tusbridge.rows import get_row

pytestmark = pytest.mark.django_db(transaction=True)

ONE, TWO = "1" * 32, "2" * 32


@pytest.fixture
def upload() -> Upload:
    made: Upload = Upload.objects.create(length=10)
    return made


def take(upload: Upload, token: str, *, offset: int = 0, ttl: float = 60) -> bool:
    return leases.acquire(Upload, upload.pk, offset=offset, token=token, ttl=ttl)


def move(upload: Upload, token: str, old: int, new: int, **change: Any) -> bool:
    change = {"ttl": 60, "values": {}, "release": False} | change
    return leases.commit(Upload, upload.pk, token=token, old=old, new=new, **change)


def test_one_holder_at_a_time(upload: Upload) -> None:
    assert take(upload, ONE)
    assert not take(upload, TWO)
    assert leases.is_mine(Upload, upload.pk, token=ONE)
    assert not leases.is_mine(Upload, upload.pk, token=TWO)


def test_the_lease_is_only_for_whoever_knows_the_offset(upload: Upload) -> None:
    assert not take(upload, ONE, offset=1)
    assert take(upload, ONE, offset=0)


def test_a_lease_without_signs_of_life_is_for_anybody(upload: Upload) -> None:
    assert take(upload, ONE, ttl=0.05)
    deadline = time.monotonic() + 5
    while not take(upload, TWO):
        assert time.monotonic() < deadline
    assert not move(upload, ONE, 0, 5)
    assert move(upload, TWO, 0, 5)


def test_times_are_the_databases_and_in_utc(upload: Upload) -> None:
    assert take(upload, ONE, ttl=60)
    upload.refresh_from_db()
    for moment, expected in ((upload.progress_at, 0), (upload.lease_until, 60)):
        assert moment is not None
        ahead = moment - timezone.now()
        assert abs(ahead - timedelta(seconds=expected)) < timedelta(seconds=5)


def test_a_commit_moves_the_offset_once_and_may_be_repeated(upload: Upload) -> None:
    assert take(upload, ONE)
    assert move(upload, ONE, 0, 5)
    # the answer was lost, the statement was not
    assert move(upload, ONE, 0, 5)
    assert not move(upload, ONE, 3, 7)
    upload.refresh_from_db()
    assert upload.offset == 5


def test_a_commit_that_changes_nothing_still_counts(upload: Upload) -> None:
    assert take(upload, ONE)
    assert move(upload, ONE, 0, 0)
    assert move(upload, ONE, 0, 0)


def test_the_last_commit_lets_go(upload: Upload) -> None:
    assert take(upload, ONE)
    assert move(upload, ONE, 0, 5, release=True, values={"expires_at": None})
    assert take(upload, TWO, offset=5)


def test_release_is_for_the_holder_only(upload: Upload) -> None:
    assert take(upload, ONE)
    leases.release(Upload, upload.pk, token=TWO)
    assert not take(upload, TWO)
    leases.release(Upload, upload.pk, token=ONE)
    assert take(upload, TWO)


def test_complete_is_for_the_holder_and_once(upload: Upload) -> None:
    now = timezone.now()
    assert take(upload, ONE)
    assert not leases.complete(Upload, upload.pk, token=TWO, values={"completed_on": now})
    assert leases.complete(Upload, upload.pk, token=ONE, values={"completed_on": now})
    assert not leases.complete(Upload, upload.pk, token=ONE, values={"completed_on": now})
    assert not take(upload, TWO)


def test_terminate_ends_any_holder_and_says_whether_it_was_first(upload: Upload) -> None:
    assert take(upload, ONE)
    assert leases.terminate(Upload, upload.pk)
    assert not leases.terminate(Upload, upload.pk)
    assert not move(upload, ONE, 0, 5)
    assert not take(upload, TWO)


def test_expire_spares_the_living(upload: Upload) -> None:
    now = timezone.now()
    Upload.objects.update(expires_at=now - timedelta(seconds=1))
    assert take(upload, ONE)
    assert not leases.expire(Upload, upload.pk, now=now)
    leases.release(Upload, upload.pk, token=ONE)
    assert not leases.expire(Upload, upload.pk, now=now - timedelta(days=1))
    assert leases.expire(Upload, upload.pk, now=now)
    assert not leases.expire(Upload, upload.pk, now=now)


def test_take_down_is_for_the_holder_and_lets_the_lease_go(upload: Upload) -> None:
    Upload.objects.update(offset=5)
    assert not leases.take_down(Upload, upload.pk, old=5, new=3, token=ONE)
    assert take(upload, ONE, offset=5)
    assert not leases.take_down(Upload, upload.pk, old=5, new=3, token=TWO)
    assert leases.take_down(Upload, upload.pk, old=5, new=3, token=ONE)
    assert not leases.take_down(Upload, upload.pk, old=3, new=1, token=ONE)
    assert take(upload, TWO, offset=3)


@pytest.mark.parametrize("count", [3, 900], ids=["few", "more-than-a-statement-takes"])
def test_beats_keep_all_leases_alive_and_tell_the_lost_ones(count: int) -> None:
    uploads = [Upload.objects.create(length=1) for _ in range(count)]
    held = {upload.pk: leases.new_token() for upload in uploads}
    for upload in uploads:
        assert take(upload, held[upload.pk], ttl=0.01)
    leases.beat(Upload, held, ttl=60)
    assert leases.lost(Upload, held) == set()
    robbed = uploads[-1]
    assert leases.terminate(Upload, robbed.pk)
    leases.beat(Upload, held, ttl=60)
    assert leases.lost(Upload, held) == {robbed.pk}
    assert not take(uploads[0], TWO)


def test_a_row_read_by_compiled_sql_is_the_orms(upload: Upload) -> None:
    assert take(upload, ONE)
    Upload.objects.update(
        store_state={"segments": [[0, ""]]}, parts=["a"], metadata="k dg==", completed_on=None
    )
    expected = Upload.objects.get(pk=upload.pk)
    found = get_row(Upload, upload.upload_id)
    assert found is not None
    for field in Upload._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(expected, field.attname), field.attname
    assert found.file.storage is expected.file.storage
    assert not found._state.adding
    assert found.status == Status.UPLOADING
    assert get_row(Upload, "0" * 31) is None


def test_a_row_costs_one_query(upload: Upload, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        get_row(Upload, upload.upload_id)
    assert connection.queries_limit
