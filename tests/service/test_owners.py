"""Whose an upload is: by the key of the site's users, however a policy writes it."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest
from django.test import Client

from tests.api.test_tus import TUS, create, every_verb, patch
from tusbridge import models as tusbridge_models
from tusbridge.models import Upload, owner_key
from tusbridge.policy import Actor, Policy

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


class ClaimPolicy(Policy):
    """The user is what a claim says, as in a JWT: always text."""

    claim: Any = None

    def authenticate(self, request: HttpRequest) -> Actor:
        return Actor(user_id=self.claim or request.META["HTTP_X_SUB"])


class ReaderPolicy(ClaimPolicy):
    """All may read everything, and do no more than that."""

    def can_read(self, actor: Actor, upload: Any) -> bool:
        return True


class HelperPolicy(ClaimPolicy):
    """All may append to everything."""

    def can_append(self, actor: Actor, upload: Any) -> bool:
        return True


class DenyingPolicy(ClaimPolicy):
    """Says no as Django's views do."""

    def can_create(self, actor: Actor, request: Any) -> bool:
        raise PermissionDenied("secret")

    def can_read(self, actor: Actor, upload: Any) -> bool:
        raise PermissionDenied


@pytest.fixture
def use(tusbridge_settings: Callable[..., None]) -> Callable[..., None]:
    return lambda policy, **options: tusbridge_settings(
        POLICY=f"{__name__}.{policy.__name__}", ALLOW_ANONYMOUS=False, **options
    )


def client_of(user: Any) -> Client:
    return Client(headers={"X-Sub": str(user.pk)})


@pytest.fixture
def one() -> Any:
    return get_user_model().objects.create(username="one")


@pytest.fixture
def two() -> Any:
    return get_user_model().objects.create(username="two")


def test_R40_a_key_in_text_is_the_same_users(use: Any, one: Any, two: Any) -> None:  # noqa: N802
    use(ClaimPolicy)
    url = create(client_of(one))["Location"]
    assert Upload.objects.get().user_id == one.pk
    assert set(every_verb(client_of(two), url).values()) == {404}
    assert patch(client_of(one), url, b"helloworld").status_code == 204
    assert client_of(one).get(url).status_code == 200
    assert client_of(one).delete(url, **TUS).status_code == 204


def test_so_it_is_in_quotas_and_for_the_service_itself(use: Any, one: Any) -> None:
    use(ClaimPolicy, USER_MAX_OPEN=1)
    assert create(client_of(one)).status_code == 201
    assert create(client_of(one)).status_code == 429
    upload = Upload.objects.get()
    assert Policy(None).owns(Actor(user_id=str(one.pk)), upload)  # type: ignore[arg-type]
    assert not Policy(None).owns(Actor(user_id="x"), upload)  # type: ignore[arg-type]


@pytest.mark.parametrize("claim", ["abc", "01", "+1", " 1", "1_0", "1.0", 1.0, True, "", "9" * 30])
def test_what_is_not_a_key_is_401_and_logged(
    use: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, claim: Any
) -> None:
    use(ClaimPolicy)
    monkeypatch.setattr(ClaimPolicy, "authenticate", lambda self, request: Actor(user_id=claim))
    assert create(Client()).status_code == 401
    assert not Upload.objects.exists()
    (record,) = [record for record in caplog.records if record.message == "not-a-user"]
    assert "is not a key of auth.User" in record.why  # type: ignore[attr-defined]


def test_a_uuid_is_compared_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    field = models.UUIDField(primary_key=True)
    field.model = get_user_model()
    monkeypatch.setattr(tusbridge_models, "_owner_field", lambda model: field)
    key = uuid.uuid4()
    for text in (key, str(key), key.hex, str(key).upper()):
        assert owner_key(Upload, text) == key
        assert Policy(None).owns(Actor(user_id=text), Upload(user_id=key))  # type: ignore[arg-type]
    for text in ("1", "", 1.5):
        with pytest.raises(ValueError, match="is not a key"):
            owner_key(Upload, text)


def parts_of(client: Client, count: int = 2) -> list[str]:
    urls = [create(client, HTTP_UPLOAD_CONCAT="partial")["Location"] for _ in range(count)]
    for url in urls:
        patch(client, url, b"helloworld")
    return urls


def join(client: Client, urls: list[str]) -> Any:
    concat = f"final;{' '.join(urls)}"
    return client.generic("POST", "/files/", HTTP_UPLOAD_CONCAT=concat, **TUS)


def test_R16_who_may_only_read_a_part_cannot_use_it(use: Any, one: Any, two: Any) -> None:  # noqa: N802
    use(ReaderPolicy)
    urls = parts_of(client_of(one))
    waiting = create(client_of(one), HTTP_UPLOAD_CONCAT="partial")["Location"]
    before = list(Upload.objects.order_by("pk").values_list("expires_at", "parts"))
    assert client_of(two).head(urls[0], **TUS).status_code == 200
    unknown = join(client_of(two), [f"/files/{'0' * 32}"])
    for asked in (urls, [waiting], [urls[0], waiting]):
        refused = join(client_of(two), asked)
        assert (refused.status_code, refused.content) == (404, unknown.content)
    assert before == list(Upload.objects.order_by("pk").values_list("expires_at", "parts"))
    assert join(client_of(one), urls).status_code == 201


def test_who_may_append_to_a_part_may_use_it(use: Any, one: Any, two: Any) -> None:
    use(HelperPolicy)
    assert join(client_of(two), parts_of(client_of(one))).status_code == 201


def test_a_final_upload_is_found_again_by_the_same_user(use: Any, one: Any) -> None:
    use(ClaimPolicy)
    urls = parts_of(client_of(one))
    first = join(client_of(one), urls)
    assert join(client_of(one), urls)["Location"] == first["Location"]


def test_djangos_own_no_is_a_no(use: Any, one: Any, two: Any) -> None:
    use(ClaimPolicy)
    url = create(client_of(one))["Location"]
    use(DenyingPolicy)
    refused = create(client_of(one))
    assert (refused.status_code, refused.content) == (403, b"forbidden: this is not allowed\n")
    assert client_of(one).get(url).status_code == 403
    assert client_of(two).get(url).status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("body", ["none", "at hand", "concatenation", "empty"])
def test_a_user_who_was_deleted_meanwhile_makes_nothing(
    use: Any, one: Any, monkeypatch: pytest.MonkeyPatch, media: Any, body: str
) -> None:
    use(ClaimPolicy)
    urls = parts_of(client_of(one))
    monkeypatch.setattr(ClaimPolicy, "claim", one.pk + 1)
    monkeypatch.setattr(ClaimPolicy, "can_concatenate", lambda self, actor, upload: True)
    fields: dict[str, Any] = {"HTTP_UPLOAD_LENGTH": "0" if body == "empty" else "10", **TUS}
    if body == "concatenation":
        answer = join(Client(), urls)
    elif body == "at hand":
        kind = "application/offset+octet-stream"
        answer = Client().generic("POST", "/files/", b"hello", content_type=kind, **fields)
    else:
        answer = Client().generic("POST", "/files/", **fields)
    assert answer.status_code == 401
    assert Upload.objects.count() == len(urls)
    left = [path for path in media.with_name(f"{media.name}.partial").rglob("*") if path.is_file()]
    assert not [path for path in left if not any(url[-32:] in path.name for url in urls)]
