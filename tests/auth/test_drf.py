"""DRFPolicy with REST framework's own classes."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.test import Client
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.exceptions import NotAuthenticated, Throttled
from rest_framework.test import APIClient

from tests.api.test_tus import BYTES, TUS, create, every_verb
from tusbridge.auth.drf import DRFPolicy
from tusbridge.conf import Options
from tusbridge.models import Upload
from tusbridge.policy import Policy

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


class Raising(BaseAuthentication):
    """As a site's own class may."""

    def authenticate(self, request: Any) -> Any:
        what = request.META.get("HTTP_X_RAISE")
        if what == "away":
            raise OperationalError("the server closed the connection")
        if what == "throttled":
            raise Throttled
        raise NotAuthenticated


class Reading(BaseAuthentication):
    """Would like to see the body."""

    def authenticate(self, request: Any) -> Any:
        assert not request.POST
        return get_user_model().objects.get(username="one"), None


class BasicPolicy(DRFPolicy):
    """By password."""

    authentication_classes = (BasicAuthentication,)


class SessionPolicy(DRFPolicy):
    """By session."""

    authentication_classes = (SessionAuthentication,)


class RaisingPolicy(DRFPolicy):
    """Never."""

    authentication_classes = (Raising,)


class ReadingPolicy(DRFPolicy):
    """Always."""

    authentication_classes = (Reading,)


@pytest.fixture
def use(settings: Any, tusbridge_settings: Callable[..., None]) -> Callable[..., None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

    def name_policy(policy: type[Policy], **options: Any) -> None:
        path = f"{policy.__module__}.{policy.__name__}"
        tusbridge_settings(**{"POLICY": path, "ALLOW_ANONYMOUS": False} | options)

    for name in ("one", "two"):
        get_user_model().objects.create_user(username=name, password=f"{name}'s")
    return name_policy


def basic(name: str, password: str) -> Client:
    word = b64encode(f"{name}:{password}".encode()).decode()
    return Client(headers={"Authorization": f"Basic {word}"})


def user_named(name: str) -> Any:
    return get_user_model().objects.get(username=name)


class TestCredentials:
    @pytest.mark.parametrize("policy", [BasicPolicy, DRFPolicy], ids=["its-own", "the-sites"])
    def test_R40_each_user_has_the_own_uploads_only(self, use: Any, policy: Any) -> None:  # noqa: N802
        use(policy)
        one, two = basic("one", "one's"), basic("two", "two's")
        url = create(one)["Location"]
        assert Upload.objects.get().user == user_named("one")
        assert set(every_verb(two, url).values()) == {404}
        assert set(every_verb(Client(), url).values()) == {401}
        assert every_verb(one, url) == {"HEAD": 200, "PATCH": 204, "GET": 409, "DELETE": 204}

    def test_R40_a_wrong_password_is_401(self, use: Any) -> None:  # noqa: N802
        use(BasicPolicy)
        assert create(basic("one", "two's")).status_code == 401

    def test_R45_with_a_wrong_password_nobody_uploads(self, use: Any) -> None:  # noqa: N802
        use(BasicPolicy, ALLOW_ANONYMOUS=True)
        assert create(basic("one", "two's")).status_code == 401
        assert create(Client()).status_code == 201

    def test_who_is_locked_out_is_401(self, use: Any) -> None:
        use(BasicPolicy)
        get_user_model().objects.update(is_active=False)
        assert create(basic("one", "one's")).status_code == 401

    def test_R41_a_password_needs_no_origin(self, use: Any) -> None:  # noqa: N802
        use(BasicPolicy)
        assert create(basic("one", "one's"), HTTP_ORIGIN="http://evil.example").status_code == 201

    def test_its_test_client_can_force_a_user(self, use: Any) -> None:
        use(DRFPolicy)
        client = APIClient()
        client.force_authenticate(user_named("two"))
        assert create(client).status_code == 201
        assert Upload.objects.get().user == user_named("two")

    def test_a_class_that_looks_at_the_form_leaves_the_body_alone(self, use: Any) -> None:
        use(ReadingPolicy)
        response = Client().generic(
            "POST",
            "/files/",
            b"helloworld",
            content_type="application/x-www-form-urlencoded",
            HTTP_UPLOAD_LENGTH="10",
            **TUS,
        )
        assert response.status_code == 415
        response = Client().generic(
            "POST", "/files/", b"helloworld", content_type=BYTES, HTTP_UPLOAD_LENGTH="10", **TUS
        )
        assert (response.status_code, response["Upload-Offset"]) == (201, "10")


class TestSessions:
    @pytest.fixture(params=[SessionPolicy, DRFPolicy], ids=["its-own", "the-sites"])
    def client(self, request: pytest.FixtureRequest, use: Any) -> Client:
        use(request.param)
        client = Client(enforce_csrf_checks=True)
        client.force_login(user_named("one"))
        return client

    def token(self, client: Client) -> str:
        """A CSRF token that fits the client's cookie from now on."""
        request = HttpRequest()
        token = get_token(request)
        client.cookies["csrftoken"] = request.META["CSRF_COOKIE"]
        return token

    def test_R41_a_session_without_a_token_is_403(self, client: Client) -> None:  # noqa: N802
        response = create(client)
        assert response.status_code == 403
        assert response.content.startswith(b"forbidden: CSRF Failed: ")
        assert not Upload.objects.exists()

    def test_R41_a_session_with_a_token_is_taken(self, client: Client) -> None:  # noqa: N802
        token = self.token(client)
        url = create(client, HTTP_X_CSRFTOKEN=token)["Location"]
        assert client.head(url, **TUS).status_code == 200
        assert client.delete(url, **TUS).status_code == 403
        assert client.delete(url, **TUS, HTTP_X_CSRFTOKEN=token).status_code == 204

    def test_R41_not_from_somebody_elses_page(self, client: Client) -> None:  # noqa: N802
        token = self.token(client)
        response = create(client, HTTP_X_CSRFTOKEN=token, HTTP_ORIGIN="http://evil.example")
        assert response.status_code == 403

    def test_R41_a_get_is_judged_by_what_an_override_makes_of_it(self, client: Client) -> None:  # noqa: N802
        url = create(client, HTTP_X_CSRFTOKEN=self.token(client))["Location"]
        response = client.get(url, **TUS, HTTP_X_HTTP_METHOD_OVERRIDE="DELETE")
        assert response.status_code == 403
        assert Upload.objects.exists()


class TestRefusals:
    @pytest.mark.parametrize(("what", "status"), [("", 401), ("away", 503), ("throttled", 500)])
    def test_its_errors_become_ours(
        self, use: Any, what: str, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        use(RaisingPolicy)
        assert create(Client(headers={"X-Raise": what})).status_code == status
        assert ("Throttled" in caplog.text) is (status == 500)


@pytest.mark.parametrize(
    ("policy", "checks"), [(BasicPolicy, False), (SessionPolicy, True), (DRFPolicy, True)]
)
def test_it_is_known_whether_tokens_are_checked(policy: type[DRFPolicy], checks: bool) -> None:
    assert policy(Options()).checks_csrf_tokens is checks


class Keyword(TokenAuthentication):
    """As sites rename it."""

    keyword = "Knock"


@pytest.mark.parametrize(
    ("classes", "challenge"),
    [
        ((TokenAuthentication,), "Token"),
        ((Keyword,), "Knock"),
        ((BasicAuthentication,), 'Basic realm="api"'),
        ((SessionAuthentication,), "Session"),
        (
            (SessionAuthentication, TokenAuthentication, BasicAuthentication),
            'Token, Basic realm="api"',
        ),
    ],
)
def test_a_401_names_the_schemes_of_its_classes(
    tusbridge_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    classes: tuple[type, ...],
    challenge: str,
) -> None:
    tusbridge_settings(POLICY="tusbridge.auth.drf.DRFPolicy", ALLOW_ANONYMOUS=False)
    monkeypatch.setattr(DRFPolicy, "authentication_classes", classes)
    response = create(Client())
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == challenge
