"""What uploads of one account, and all together, may add up to (R50)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from tests.api.test_tus import TUS, create, patch
from tusbridge import quotas
from tusbridge.errors import QuotaExceeded, StoreFull, TooManyCreations, TooManyUploads
from tusbridge.models import Status, Upload
from tusbridge.policy import Actor, Policy
from tusbridge.protocol.rules import CreateRequest
from tusbridge.quotas import Quota

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> Any:
    return get_user_model().objects.create(username="one")


@pytest.fixture
def other() -> Any:
    return get_user_model().objects.create(username="two")


def add(user: Any = None, *, offset: int = 0, length: int | None = 10, **values: Any) -> Upload:
    """An upload of which ``offset`` bytes are there."""
    age = values.pop("age", timedelta(minutes=5))
    upload = Upload.objects.create(user=user, offset=offset, length=length, **values)
    Upload.objects.filter(pk=upload.pk).update(created_on=timezone.now() - age)
    return upload


def complete(user: Any = None, *, length: int = 10) -> Upload:
    return add(user, offset=length, length=length, status=Status.COMPLETE, file="a/file")


def attached(user: Any = None, *, length: int = 10) -> Upload:
    """A complete upload whose file is another model's now."""
    return add(user, offset=length, length=length, status=Status.COMPLETE)


def expired(user: Any = None, *, offset: int = 0) -> Upload:
    return add(user, offset=offset, expires_at=timezone.now() - timedelta(seconds=1))


def alive(user: Any = None, *, offset: int = 0) -> Upload:
    return add(user, offset=offset, expires_at=timezone.now() + timedelta(hours=1))


def check(user: Any, length: int = 10, *, total: int | None = None, **quota: int) -> None:
    user_id = None if user is None else user.pk
    quotas.check_create(user_id, Quota(**quota), length=length, max_total_bytes=total)


class TestBytes:
    def test_R50_what_fits_exactly_is_taken(self, user: Any) -> None:  # noqa: N802
        add(user, offset=5)
        complete(user)
        check(user, 30, max_bytes=50)

    def test_R50_one_byte_more_is_refused_with_the_numbers(self, user: Any) -> None:  # noqa: N802
        add(user, offset=5)
        complete(user)
        with pytest.raises(QuotaExceeded) as caught:
            check(user, 31, max_bytes=50)
        error = caught.value
        assert (error.limit, error.used, error.wanted) == (50, 20, 31)
        assert str(error) == "20 of 50 bytes are taken, and 31 more are asked for"

    @pytest.mark.parametrize(
        ("made", "taken"),
        [
            pytest.param(lambda user: add(user, offset=3, length=100), 100, id="promised"),
            pytest.param(lambda user: alive(user, offset=3), 10, id="promised-for-a-while"),
            pytest.param(lambda user: complete(user, length=70), 70, id="complete"),
            pytest.param(lambda user: complete(user, length=0), 4096, id="complete-and-empty"),
            pytest.param(lambda user: add(user, offset=9, length=5), 9, id="length-below-offset"),
            pytest.param(lambda user: attached(user, length=70), 0, id="attached"),
            pytest.param(lambda user: add(user, offset=7, length=None), 7, id="deferred"),
            pytest.param(lambda user: expired(user, offset=4), 4, id="expired-and-not-swept"),
            pytest.param(lambda user: add(user, status=Status.TERMINATED, offset=9), 0, id="ended"),
        ],
    )
    def test_what_counts(self, user: Any, made: Callable[[Any], Any], taken: int) -> None:
        made(user)
        check(user, 9000 - taken, max_bytes=9000)
        with pytest.raises(QuotaExceeded):
            check(user, 9001 - taken, max_bytes=9000)

    def test_everybody_has_an_account_of_their_own(self, user: Any, other: Any) -> None:
        complete(other, length=50)
        complete(None, length=50)
        check(user, 50, max_bytes=50)

    def test_nobodys_uploads_share_one(self, user: Any) -> None:
        complete(None, length=30)
        complete(user, length=30)
        check(None, 20, max_bytes=50)
        with pytest.raises(QuotaExceeded):
            check(None, 21, max_bytes=50)

    def test_an_empty_upload_takes_room_for_its_row_and_file(self, user: Any) -> None:
        complete(user, length=50)
        check(user, 0, max_bytes=50 + 4096)
        with pytest.raises(QuotaExceeded):
            check(user, 0, max_bytes=49 + 4096)

    def test_sums_beyond_63_bits_are_right(self, user: Any) -> None:
        add(user, length=2**63 - 1), add(user, length=2**63 - 1)
        with pytest.raises(QuotaExceeded) as caught:
            check(user, 1, max_bytes=2**63 - 1)
        assert caught.value.used == 2**64 - 2

    def test_sums_beyond_32_bits_are_right(self, user: Any) -> None:
        complete(user, length=2**40)
        add(user, length=2**40)
        check(user, 2**40, max_bytes=3 * 2**40)
        with pytest.raises(QuotaExceeded):
            check(user, 2**40 + 1, max_bytes=3 * 2**40)


class TestOpen:
    def test_R50_as_many_as_allowed_may_be_unfinished(self, user: Any) -> None:  # noqa: N802
        add(user)
        check(user, max_open=2)
        alive(user)
        with pytest.raises(TooManyUploads, match="no more than 2 uploads"):
            check(user, max_open=2)

    def test_what_is_finished_expired_ended_or_anothers_does_not_count(
        self, user: Any, other: Any
    ) -> None:
        complete(user)
        expired(user)
        add(user, status=Status.TERMINATED)
        add(other)
        add(None)
        check(user, max_open=1)


class TestRate:
    def test_R50_as_many_as_allowed_may_be_begun_in_a_minute(self, user: Any) -> None:  # noqa: N802
        add(user, age=timedelta(seconds=61))
        add(user, age=timedelta(seconds=30))
        check(user, creations_per_minute=2)
        add(user, age=timedelta(seconds=5))
        with pytest.raises(TooManyCreations, match="no more than 2 uploads"):
            check(user, creations_per_minute=2)

    def test_the_wait_is_until_the_oldest_is_a_minute_old(self, user: Any) -> None:
        add(user, age=timedelta(seconds=40))
        add(user, age=timedelta(seconds=5))
        with pytest.raises(TooManyCreations) as caught:
            check(user, creations_per_minute=2)
        assert 19 <= caught.value.retry_after_seconds <= 20

    def test_finished_ones_count_and_others_do_not(self, user: Any, other: Any) -> None:
        add(other, age=timedelta(0))
        check(user, creations_per_minute=1)
        add(user, age=timedelta(0), offset=10, status=Status.COMPLETE)
        with pytest.raises(TooManyCreations):
            check(user, creations_per_minute=1)


class TestTotal:
    def test_R50_everybodys_bytes_count(self, user: Any, other: Any) -> None:  # noqa: N802
        complete(user)
        add(other, offset=1)
        expired(None, offset=4)
        check(user, 6, total=30)
        with pytest.raises(StoreFull):
            check(user, 7, total=30)


class TestCost:
    def test_without_limits_nothing_is_asked(
        self, user: Any, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(0):
            check(user)
            quotas.check_growth(user.pk, Quota())

    @pytest.mark.parametrize(
        ("limits", "queries"),
        [
            ({"max_open": 9}, 1),
            ({"max_bytes": 99}, 1),
            ({"creations_per_minute": 9}, 1),
            ({"total": 99}, 1),
            ({"max_open": 9, "max_bytes": 99, "creations_per_minute": 9, "total": 99}, 4),
        ],
        ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
    )
    def test_each_limit_costs_one_query(
        self, user: Any, django_assert_num_queries: Any, limits: dict[str, int], queries: int
    ) -> None:
        with django_assert_num_queries(queries):
            check(user, **limits)


class TestGrowth:
    """Uploads whose length is not known yet."""

    def test_R50_growing_ends_when_too_much_is_there(self, user: Any) -> None:  # noqa: N802
        add(user, offset=50, length=None)
        quotas.check_growth(user.pk, Quota(max_bytes=50))
        with pytest.raises(QuotaExceeded, match="50 of 49 bytes are taken"):
            quotas.check_growth(user.pk, Quota(max_bytes=49))
        with pytest.raises(StoreFull):
            quotas.check_growth(user.pk, Quota(), max_total_bytes=49)

    def test_an_append_without_a_length_is_judged_by_its_owners_account(
        self, user: Any, other: Any, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(USER_MAX_BYTES=40)
        add(user, offset=30, length=None)
        upload = add(user, offset=11, length=None)

        class Everybody(Policy):
            def can_append(self, actor: Actor, upload: Any) -> bool:
                return True

        from tusbridge.conf import get_options

        with pytest.raises(QuotaExceeded):
            Everybody(get_options()).check_append(Actor(user_id=other.pk), upload)

    def test_an_append_to_a_promised_length_asks_nothing(
        self, user: Any, tusbridge_settings: Callable[..., None], django_assert_num_queries: Any
    ) -> None:
        tusbridge_settings(USER_MAX_BYTES=40, MAX_TOTAL_BYTES=40)
        from tusbridge.conf import get_options

        upload = add(user, offset=1, length=100)
        with django_assert_num_queries(0):
            Policy(get_options()).check_append(Actor(user_id=user.pk), upload)


@pytest.mark.usefixtures("media")
class TestRequests:
    """The answers, as clients get them."""

    def test_R50_too_many_bytes_are_413_and_leave_nothing(  # noqa: N802
        self, client: Client, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(USER_MAX_BYTES=25)
        assert [create(client).status_code for _ in range(3)] == [201, 201, 413]
        response = create(client)
        assert response.content == (
            b"quota-exceeded: 20 of 25 bytes are taken, and 10 more are asked for\n"
        )
        assert "Location" not in response
        assert "Retry-After" not in response
        assert Upload.objects.count() == 2

    def test_R50_bytes_are_free_again_once_an_upload_is_deleted(  # noqa: N802
        self, client: Client, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(USER_MAX_BYTES=10)
        url = create(client)["Location"]
        assert create(client).status_code == 413
        client.delete(url, **TUS)
        assert create(client).status_code == 201

    def test_R50_one_upload_over_the_quota_is_413(  # noqa: N802
        self, client: Client, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(USER_MAX_BYTES=9)
        response = create(client)
        assert (response.status_code, b"at most 9 bytes" in response.content) == (413, True)

    def test_R50_too_many_unfinished_are_429_until_one_is_finished(  # noqa: N802
        self, client: Client, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(USER_MAX_OPEN=1)
        url = create(client)["Location"]
        response = create(client)
        assert (response.status_code, response["Retry-After"]) == (429, "10")
        assert response.content.startswith(b"too-many-uploads: ")
        assert patch(client, url, b"helloworld").status_code == 204
        assert create(client).status_code == 201

    def test_R50_too_many_in_a_minute_are_429_for_the_rest_of_it(  # noqa: N802
        self, client: Client, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(USER_CREATIONS_PER_MINUTE=2)
        create(client), create(client)
        response = create(client)
        assert response.status_code == 429
        assert 1 <= int(response["Retry-After"]) <= 60
        assert response.content.startswith(b"too-many-creations: ")
        Upload.objects.update(created_on=timezone.now() - timedelta(seconds=61))
        assert create(client).status_code == 201

    def test_R50_a_full_server_is_507(  # noqa: N802
        self, client: Client, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(MAX_TOTAL_BYTES=15)
        assert create(client).status_code == 201
        response = create(client)
        assert (response.status_code, response["Retry-After"]) == (507, "30")
        assert response.content.startswith(b"store-full: ")
        assert Upload.objects.count() == 1

    def test_R50_a_creation_with_its_bytes_is_judged_alike(  # noqa: N802
        self, client: Client, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(USER_MAX_BYTES=15)

        def upload() -> int:
            response = client.generic(
                "POST",
                "/files/",
                b"helloworld",
                content_type="application/offset+octet-stream",
                HTTP_UPLOAD_LENGTH="10",
                **TUS,
            )
            return int(response.status_code)

        assert [upload(), upload()] == [201, 413]

    def test_R50_refusals_can_be_read_by_pages(  # noqa: N802
        self, client: Client, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(USER_MAX_OPEN=1, CORS_ORIGINS=["http://page.example"])
        create(client)
        response = create(client, HTTP_ORIGIN="http://page.example")
        assert response["Access-Control-Allow-Origin"] == "http://page.example"
        assert "Retry-After" in response["Access-Control-Expose-Headers"]


def test_a_policy_may_give_each_user_a_quota_of_their_own(user: Any, other: Any) -> None:
    class Plans(Policy):
        def quota(self, actor: Actor) -> Quota:
            return Quota(max_open=2 if actor.user_id == user.pk else 1)

    from tusbridge.conf import Options

    add(user), add(other)
    wanted = CreateRequest(
        length=1, metadata="", filename="", content_type="", has_body=False, content_length=0
    )
    Plans(Options()).check_create(Actor(user_id=user.pk), wanted)
    with pytest.raises(TooManyUploads):
        Plans(Options()).check_create(Actor(user_id=other.pk), wanted)
