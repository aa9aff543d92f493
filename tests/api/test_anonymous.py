"""Anonymous uploads: from which pages, with which credentials, and what never becomes one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import models
from django.test import Client
from django.utils import timezone

from tests.api.test_tus import TUS, create, every_verb, patch
from tusbridge import models as tusbridge_models
from tusbridge.models import Upload
from tusbridge.policy import Actor, Policy

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

FORM = "multipart/form-data; boundary=x"
CHUNK = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\nhello\r\n--x--\r\n"
)
FOREIGN = [
    {"HTTP_ORIGIN": "http://evil.example"},
    {"HTTP_ORIGIN": "null"},
    {"HTTP_ORIGIN": ""},
    {"HTTP_ORIGIN": "http://testserver.evil.example"},
    {"HTTP_ORIGIN": "http://testserver:81"},
    {"HTTP_ORIGIN": "file://testserver"},
    {"HTTP_ORIGIN": "http://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"},
    {"HTTP_ORIGIN": "http://evil.example", "HTTP_REFERER": "http://testserver/"},
    {"HTTP_REFERER": "http://evil.example/testserver"},
    {"HTTP_REFERER": "about:blank"},
    {"HTTP_SEC_FETCH_SITE": "cross-site"},
    {"HTTP_SEC_FETCH_SITE": "same-site"},
]
OWN = [
    {},
    {"HTTP_ORIGIN": "http://testserver"},
    {"HTTP_ORIGIN": "http://TESTSERVER:80"},
    {"HTTP_ORIGIN": "https://testserver"},
    {"HTTP_ORIGIN": "https://pub.example", "HTTP_X_FORWARDED_HOST": "a.example, pub.example"},
    {"HTTP_ORIGIN": "https://pub.example", "HTTP_SEC_FETCH_SITE": "same-origin"},
    {"HTTP_REFERER": "http://testserver/page"},
    {"HTTP_SEC_FETCH_SITE": "none"},
]


def send_form(fields: dict[str, str]) -> Any:
    return Client().generic("POST", "/legacy/upload/", CHUNK, content_type=FORM, **fields)


class TestPages:
    @pytest.mark.parametrize("fields", FOREIGN, ids=str)
    def test_R41_other_sites_pages_upload_nothing(self, fields: dict[str, str]) -> None:  # noqa: N802
        url = create(Client())["Location"]
        refused = create(Client(), **fields)
        assert refused.status_code == 403
        assert refused.content.startswith(b"forbidden: without a login, uploads are taken from")
        assert b"CORS_ORIGINS" in refused.content
        body = {"content_type": "application/offset+octet-stream", "HTTP_UPLOAD_OFFSET": "0"}
        assert Client().patch(url, b"x", **body, **TUS, **fields).status_code == 403
        assert Client().delete(url, **TUS, **fields).status_code == 403
        override = {"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"}
        assert Client().get(url, **override, **TUS, **fields).status_code == 403
        assert send_form(fields).status_code == 403
        assert Client().head(url, **TUS, **fields).status_code == 200
        assert Upload.objects.get().offset == 0

    @pytest.mark.parametrize("fields", OWN, ids=str)
    def test_its_own_pages_and_programs_do(self, fields: dict[str, str]) -> None:
        assert create(Client(), **fields).status_code == 201
        assert send_form(fields).status_code == 200

    def test_a_program_may_override_a_get(self) -> None:
        url = create(Client())["Location"]
        override = {"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"}
        assert Client().get(url, **override, **TUS).status_code == 204

    @pytest.mark.parametrize(
        ("listed", "origin", "status"),
        [
            ("https://app.example", "https://app.example", 201),
            ("https://app.example", "https://other.example", 403),
            ("http://localhost:*", "http://localhost:5173", 201),
            ("http://localhost:*", "http://localhost.evil.example", 403),
            ("*", "https://any.example", 201),
            ("*", "null", 201),
            ("null", "null", 201),
        ],
    )
    def test_pages_that_the_site_lists_do(
        self, tusbridge_settings: Callable[..., None], listed: str, origin: str, status: int
    ) -> None:
        tusbridge_settings(CORS_ORIGINS=[listed])
        assert create(Client(), HTTP_ORIGIN=origin).status_code == status
        assert send_form({"HTTP_ORIGIN": origin}).status_code == (200 if status == 201 else 403)

    def test_so_do_trusted_ones(self, settings: Any) -> None:
        settings.CSRF_TRUSTED_ORIGINS = ["https://*.wide.example"]
        assert create(Client(), HTTP_ORIGIN="https://a.wide.example").status_code == 201

    def test_R41_whatever_the_policy_is(  # noqa: N802
        self, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(POLICY=f"{__name__}.OpenPolicy", ALLOW_ANONYMOUS=False)
        assert create(Client()).status_code == 201
        assert create(Client(), HTTP_ORIGIN="http://evil.example").status_code == 403


class OpenPolicy(Policy):
    """Takes all, and calls nothing of ours."""

    def authenticate(self, request: Any) -> Actor:
        return Actor()


class TestEndedSessions:
    @pytest.fixture
    def client(self) -> Client:
        client = Client()
        client.force_login(get_user_model().objects.create(username="one"))
        return client

    def expire(self, client: Client) -> None:
        Session.objects.update(expire_date=timezone.now() - timedelta(days=1))

    def end(self, client: Client) -> None:
        Session.objects.all().delete()

    def delete_user(self, client: Client) -> None:
        get_user_model().objects.all().delete()

    def lock_out(self, client: Client) -> None:
        get_user_model().objects.update(is_active=False)

    def change_password(self, client: Client) -> None:
        get_user_model().objects.update(password="another")

    def forge(self, client: Client) -> None:
        client.cookies["sessionid"] = "0" * 32

    @pytest.mark.parametrize(
        "how", ["expire", "end", "delete_user", "lock_out", "change_password", "forge"]
    )
    @pytest.mark.parametrize("path", ["/files/", "/legacy/upload/"])
    def test_R45_an_ended_session_makes_no_anonymous_upload(  # noqa: N802
        self, client: Client, how: str, path: str
    ) -> None:
        getattr(self, how)(client)
        if path == "/files/":
            assert create(client).status_code == 401
        else:
            assert client.generic("POST", path, CHUNK, content_type=FORM).status_code == 403
        assert not Upload.objects.exists()

    @pytest.mark.parametrize("engine", ["cache", "file", "cached_db", "signed_cookies"])
    def test_whatever_keeps_the_sessions(self, settings: Any, engine: str) -> None:
        settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
        client = Client()
        client.cookies["sessionid"] = "0" * 32
        assert create(client).status_code == 401

    def test_the_answer_takes_a_stale_cookie_back(self, client: Client) -> None:
        self.end(client)
        assert create(client).status_code == 401
        assert create(client).status_code == 201

    def test_a_session_without_a_user_is_no_credential(self) -> None:
        client = Client()
        session = client.session
        session["cart"] = [1]
        session.save()
        assert create(client).status_code == 201

    def test_reading_asks_for_nothing_new(self, client: Client) -> None:
        url = create(Client())["Location"]
        self.end(client)
        assert client.head(url, **TUS).status_code == 200

    @pytest.mark.parametrize(
        ("value", "status"),
        [("Bearer x", 401), ("Token x", 401), ("x", 401), ("Basic eDp5", 201)],
    )
    def test_a_token_that_the_site_cannot_read_is_none(self, value: str, status: int) -> None:
        assert create(Client(headers={"Authorization": value})).status_code == status


class TestLostOwners:
    """A model of a site's own that keeps uploads whose user is deleted."""

    @pytest.fixture(autouse=True)
    def keeps_rows(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        relation: Any = Upload._meta.get_field("user").remote_field
        monkeypatch.setattr(relation, "on_delete", models.SET_NULL)
        tusbridge_models._loses_owners.cache_clear()
        yield
        tusbridge_models._loses_owners.cache_clear()

    def client_of(self, name: str) -> Client:
        client = Client()
        client.force_login(get_user_model().objects.create(username=name))
        return client

    @pytest.mark.parametrize("body", [b"", b"helloworld"], ids=["unfinished", "complete"])
    def test_a_deleted_users_upload_is_for_nobody(self, body: bytes) -> None:
        one = self.client_of("one")
        url = create(one)["Location"]
        patch(one, url, body)
        get_user_model().objects.all().delete()
        assert Upload.objects.get().user_id is None
        assert set(every_verb(Client(), url).values()) == {404}
        assert set(every_verb(self.client_of("two"), url).values()) == {404}

    def test_nor_is_one_from_before_that_column(self) -> None:
        url = create(Client())["Location"]
        Upload.objects.update(is_anonymous=None)
        assert set(every_verb(Client(), url).values()) == {404}

    def test_an_anonymous_one_stays_so(self) -> None:
        url = create(Client())["Location"]
        assert Upload.objects.get().is_anonymous is True
        assert patch(Client(), url, b"helloworld").status_code == 204

    @pytest.mark.parametrize("how", ["save", "save-fields", "update"])
    def test_one_that_a_user_took_over_does_not_come_back(self, how: str) -> None:
        url = create(Client())["Location"]
        user = get_user_model().objects.create(username="one")
        upload = Upload.objects.get()
        if how == "update":
            Upload.objects.filter(pk=upload.pk).update(user=user)
        else:
            upload.user = user
            upload.save(**({"update_fields": ["user"]} if how == "save-fields" else {}))
        get_user_model().objects.all().delete()
        assert set(every_verb(Client(), url).values()) == {404}

    def test_it_does_not_count_against_anonymous_uploads(
        self, tusbridge_settings: Callable[..., None]
    ) -> None:
        create(self.client_of("one"))
        get_user_model().objects.all().delete()
        tusbridge_settings(USER_MAX_OPEN=1)
        assert create(Client()).status_code == 201
        assert create(Client()).status_code == 429


def test_where_rows_go_with_their_user_old_rows_are_as_they_were() -> None:
    url = create(Client())["Location"]
    Upload.objects.update(is_anonymous=None)
    assert patch(Client(), url, b"helloworld").status_code == 204
