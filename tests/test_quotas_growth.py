"""Bytes that nobody promised: they are judged as they come (docs/permissions.md, Quotas)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from tests.api.test_tus import TUS, patch
from tests.service.test_service import NOBODY
from tusbridge.body import BodyEnd
from tusbridge.concatenating import MAX_REPEATS
from tusbridge.conf import Options
from tusbridge.errors import InvalidField, QuotaExceeded, StoreFull, UploadError
from tusbridge.models import Upload
from tusbridge.policy import Actor, Policy
from tusbridge.protocol.rules import AppendRequest, CreateRequest
from tusbridge.service import UploadService

KIB = 1024
BODY = "application/offset+octet-stream"


def create(client: Client, length: int | None = None) -> Any:
    """A creation; without a length, that is deferred."""
    told = {"HTTP_UPLOAD_DEFER_LENGTH": "1"}
    if length is not None:
        told = {"HTTP_UPLOAD_LENGTH": str(length)}
    return client.generic("POST", "/files/", **TUS, **told)


def asked(length: int | None, concat: str = "", field: str = "") -> CreateRequest:
    return CreateRequest(
        length=length,
        metadata="",
        filename="",
        content_type="",
        has_body=True,
        content_length=None,
        concat=concat,
        concat_field=field,
    )


def part(service: UploadService, size: int, *, sent: bool = True) -> str:
    upload = service.create(asked(size, "partial"), NOBODY)
    if sent:
        service.append(
            upload.upload_id, AppendRequest(offset=0, content_length=size), [[b"p" * size]], NOBODY
        )
    return str(upload.upload_id)


@pytest.mark.django_db
class TestEachWay:
    """A megabyte against 64 KiB for all, by each way to send without a promise."""

    @pytest.fixture(autouse=True)
    def limit(self, tusbridge_settings: Callable[..., None], media: Path) -> None:
        tusbridge_settings(MAX_TOTAL_BYTES=64 * KIB)

    def counted(self) -> int:
        return sum(Upload.objects.exclude(status=3).values_list("offset", flat=True))

    def test_a_patch_to_a_deferred_length(self, client: Client) -> None:
        url = create(client)["Location"]
        assert patch(client, url, bytes(KIB * KIB)).status_code == 507
        assert self.counted() <= 64 * KIB
        assert patch(client, url, bytes(KIB)).status_code == 204

    def test_a_deferred_creation_with_its_bytes(self, client: Client) -> None:
        response = client.generic(
            "POST",
            "/files/",
            bytes(KIB * KIB),
            content_type=BODY,
            HTTP_UPLOAD_DEFER_LENGTH="1",
            **TUS,
        )
        assert (response.status_code, Upload.objects.count()) == (507, 0)

    def test_a_length_that_is_declared_later(self, client: Client) -> None:
        url = create(client)["Location"]
        response = client.patch(
            url,
            b"x",
            content_type=BODY,
            HTTP_UPLOAD_OFFSET="0",
            HTTP_UPLOAD_LENGTH=str(KIB * KIB),
            **TUS,
        )
        assert response.status_code == 507
        assert Upload.objects.get().length is None

    @pytest.mark.parametrize("is_chunk", [False, True])
    def test_a_form(self, client: Client, is_chunk: bool) -> None:
        more = {"HTTP_CONTENT_RANGE": f"bytes 0-{KIB * KIB - 1}/{KIB * KIB}"} if is_chunk else {}
        file = SimpleUploadedFile("a", bytes(KIB * KIB))
        assert client.post("/legacy/upload/", {"file": file}, **more).status_code == 507
        assert Upload.objects.count() == 0

    def test_a_form_whose_later_chunk_names_a_larger_total(self, client: Client) -> None:
        first = client.post(
            "/legacy/upload/",
            {"file": SimpleUploadedFile("a", b"x")},
            HTTP_CONTENT_RANGE="bytes 0-0/2",
        )
        answer = client.post(
            "/legacy/upload/",
            {"upload_id": first.json()["upload_id"], "file": SimpleUploadedFile("a", b"y")},
            HTTP_CONTENT_RANGE=f"bytes 1-1/{KIB * KIB}",
        )
        assert (first.status_code, answer.status_code, self.counted()) == (200, 507, 1)

    def test_empty_uploads(self, client: Client) -> None:
        assert [create(client, 0).status_code for _ in range(17)] == [201] * 16 + [507]

    def test_a_final_upload_of_many_parts(self) -> None:
        service = UploadService()
        ids = [part(service, 8 * KIB)] * 9
        with pytest.raises(StoreFull):
            service.concatenate(asked(None, "final", "a"), ids, NOBODY)
        final = service.concatenate(asked(None, "final", "b"), ids[:8], NOBODY)
        assert final.length == 64 * KIB

    def test_a_final_upload_that_waits_for_parts_of_a_deferred_length(self) -> None:
        service = UploadService()
        upload = service.create(asked(None, "partial"), NOBODY)
        final = service.concatenate(asked(None, "final", "a"), [upload.upload_id] * 3, NOBODY)
        body = AppendRequest(offset=0, content_length=32 * KIB, length=32 * KIB)
        service.append(upload.upload_id, body, [[bytes(32 * KIB)]], NOBODY)
        final = service.head(final.upload_id, NOBODY)
        assert (final.offset, final.is_complete) == (0, False)

    def test_a_promise_without_bytes_keeps_room_for_ten_minutes_only(self) -> None:
        service = UploadService()
        promised = service.create(asked(64 * KIB), NOBODY)
        with pytest.raises(StoreFull):
            service.create(asked(1), NOBODY)
        long_ago = timezone.now() - timedelta(minutes=11)
        Upload.objects.update(created_on=long_ago, progress_at=None)
        service.create(asked(64 * KIB), NOBODY)
        # and what comes after all is judged like any other
        with pytest.raises(StoreFull):
            service.append(
                promised.upload_id, AppendRequest(offset=0, content_length=9), [[b"x" * 9]], NOBODY
            )


@pytest.mark.django_db
class TestConcatenation:
    def test_a_part_is_named_a_few_times_at_most(self, service: UploadService) -> None:
        ids = [part(service, 64 * KIB)] * 1000
        with pytest.raises(InvalidField, match="more than 16 times"):
            service.concatenate(asked(None, "final", "a"), ids, NOBODY)
        final = service.concatenate(asked(None, "final", "b"), ids[:MAX_REPEATS], NOBODY)
        assert final.length == MAX_REPEATS * 64 * KIB
        # a mebibyte more
        final = service.concatenate(asked(None, "final", "c"), ids[: MAX_REPEATS + 16], NOBODY)
        assert final.length == (MAX_REPEATS + 16) * 64 * KIB
        with pytest.raises(InvalidField):
            service.concatenate(asked(None, "final", "d"), ids[: MAX_REPEATS + 17], NOBODY)

    def test_a_small_part_is_named_as_often_as_one_likes(self, service: UploadService) -> None:
        ids = [part(service, 1)] * 1000
        assert service.concatenate(asked(None, "final", "a"), ids, NOBODY).length == 1000

    def test_many_unfinished_parts_are_noted_in_a_few_statements(
        self, service: UploadService, django_assert_max_num_queries: Any
    ) -> None:
        ids = [part(service, 1, sent=False) for _ in range(150)]
        with django_assert_max_num_queries(16):
            final = service.concatenate(asked(None, "final", "a"), ids, NOBODY)
        assert all(
            upload.parts == {"finals": [final.upload_id]}
            for upload in Upload.objects.filter(upload_id__in=ids)
        )


@pytest.mark.django_db
class TestHook:
    def test_none_is_no_limit(self) -> None:
        class Unlimited(Policy):
            def quota(self, actor: Actor) -> Any:
                return None

        policy = Unlimited(Options())
        policy.check_create(NOBODY, asked(9))
        assert policy.limits(NOBODY).max_length == Options().MAX_LENGTH


@pytest.mark.parametrize("limit", [None, 9])
def test_growing_asks_once_after_a_commit_where_there_is_a_limit(
    media: Path,
    db: None,
    tusbridge_settings: Callable[..., None],
    django_assert_num_queries: Any,
    limit: int | None,
) -> None:
    tusbridge_settings(MAX_TOTAL_BYTES=limit)
    service = UploadService()
    upload = service.create(asked(None), NOBODY)
    appending = service.begin_append(
        upload, AppendRequest(offset=0, content_length=None), NOBODY, wait=0
    )
    assert appending is not None
    appending.feed([b"x"], commit=True)
    with django_assert_num_queries(0 if limit is None else 1):
        appending.feed([b"x"])
    with django_assert_num_queries(0):
        appending.feed([b"x"])
    with django_assert_num_queries(1):
        appending.feed([b"x"], commit=True)
    appending.end(BodyEnd.WHOLE)


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Results or our errors of as many threads, which begin at once."""
    barrier = Barrier(count)

    def run(number: int) -> Any:
        try:
            barrier.wait(30)
            return work(number)
        except UploadError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="threads share a database in memory")
class TestParallel:
    def test_promises_never_pass_the_limit(
        self, tusbridge_settings: Callable[..., None], media: Path
    ) -> None:
        tusbridge_settings(MAX_TOTAL_BYTES=100, USER_MAX_BYTES=100, USER_MAX_OPEN=3)
        for _ in range(8):
            in_threads(6, lambda _: UploadService().create(asked(30), NOBODY))
            lengths = list(Upload.objects.values_list("length", flat=True))
            assert sum(lengths) <= 100
            assert len(lengths) <= 3
            Upload.objects.all().delete()

    def test_growth_passes_the_limit_by_one_commit_of_each_append_at_most(
        self, tusbridge_settings: Callable[..., None], media: Path
    ) -> None:
        limit, piece, count = 1000, 100, 6
        tusbridge_settings(MAX_TOTAL_BYTES=limit)
        uploads = [UploadService().create(asked(None), NOBODY) for _ in range(count)]

        def grow(number: int) -> None:
            service = UploadService()
            appending = service.begin_append(
                uploads[number], AppendRequest(offset=0, content_length=None), NOBODY, wait=0
            )
            assert appending is not None
            for _ in range(20):
                appending.feed([b"x" * piece], commit=True)

        results = in_threads(count, grow)
        total = sum(Upload.objects.values_list("offset", flat=True))
        assert all(isinstance(result, StoreFull | QuotaExceeded) for result in results), results
        assert limit - piece <= total <= limit + (count - 1) * piece
