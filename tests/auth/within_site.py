"""What ``test_with_apps.py`` runs with ``site_settings.py``."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from rest_framework.authtoken.models import Token

from tests.api.test_tus import TUS, create, every_verb
from tusbridge.models import Upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture(autouse=True)
def users() -> None:
    for name in ("one", "two"):
        get_user_model().objects.create_user(username=name, password=f"{name}'s")


class TestAllauth:
    @pytest.fixture(autouse=True)
    def policy(self, tusbridge_settings: Callable[..., None]) -> None:
        tusbridge_settings(POLICY="tusbridge.auth.allauth_headless.AllauthHeadlessPolicy")

    def log_in(self, client: Client, name: str, kind: str = "app", **fields: str) -> Any:
        answer = client.post(
            f"/_allauth/{kind}/v1/auth/login",
            {"username": name, "password": f"{name}'s"},
            content_type="application/json",
            **fields,
        )
        assert answer.status_code == 200, answer.content
        return answer.json()

    def app(self, name: str) -> Client:
        """A client with the session token that allauth gives to apps."""
        token = self.log_in(Client(), name)["meta"]["session_token"]
        return Client(headers={"X-Session-Token": token})

    def browser(self, name: str) -> Client:
        """A client with the session cookie that allauth gives to browsers."""
        client = Client()
        self.log_in(client, name, "browser")
        return client

    def test_R40_each_user_of_a_token_has_the_own_uploads_only(self) -> None:  # noqa: N802
        one, two = self.app("one"), self.app("two")
        url = create(one)["Location"]
        assert Upload.objects.get().user.username == "one"
        assert set(every_verb(two, url).values()) == {404}
        assert set(every_verb(Client(), url).values()) == {401}
        assert every_verb(one, url) == {"HEAD": 200, "PATCH": 204, "GET": 409, "DELETE": 204}

    def test_R41_a_token_needs_no_origin(self) -> None:  # noqa: N802
        one = self.app("one")
        assert create(one, HTTP_ORIGIN="https://app.example").status_code == 201

    @pytest.mark.parametrize("token", ["", "x", "0" * 32])
    def test_R40_a_token_of_nobodys_is_401(self, token: str) -> None:  # noqa: N802
        assert create(Client(headers={"X-Session-Token": token})).status_code == 401

    def test_R45_with_a_token_of_nobodys_nobody_uploads(  # noqa: N802
        self, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(ALLOW_ANONYMOUS=True)
        assert create(Client(headers={"X-Session-Token": "x"})).status_code == 401
        assert create(Client(headers={"Authorization": "Bearer x"})).status_code == 401
        assert create(Client()).status_code == 201

    def test_a_token_of_nobodys_is_not_made_up_for_by_a_cookie(self) -> None:
        one = self.browser("one")
        assert create(one, HTTP_X_SESSION_TOKEN="x").status_code == 401

    def test_a_session_that_ended_is_401(self) -> None:
        one = self.app("one")
        url = create(one)["Location"]
        one.delete("/_allauth/app/v1/auth/session")
        assert one.head(url, **TUS).status_code == 401

    def test_R41_a_browsers_session_writes_from_trusted_pages_only(self) -> None:  # noqa: N802
        one = self.browser("one")
        assert create(one, HTTP_ORIGIN="http://testserver").status_code == 201
        assert create(one, HTTP_ORIGIN="http://evil.example").status_code == 403

    def test_R45_a_browsers_ended_session_makes_no_anonymous_upload(  # noqa: N802
        self, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(ALLOW_ANONYMOUS=True)
        one = self.browser("one")
        get_user_model().objects.update(is_active=False)
        assert create(one).status_code == 401
        assert not Upload.objects.exists()

    def test_who_is_locked_out_is_401(self) -> None:
        one = self.app("one")
        get_user_model().objects.update(is_active=False)
        assert create(one).status_code == 401


class TestTokens:
    """REST framework's TokenAuthentication, as the site's settings name it."""

    @pytest.fixture(autouse=True)
    def policy(self, tusbridge_settings: Callable[..., None]) -> None:
        tusbridge_settings(POLICY="tusbridge.auth.drf.DRFPolicy")

    def user(self, name: str) -> Client:
        token = Token.objects.create(user=get_user_model().objects.get(username=name))
        return Client(headers={"Authorization": f"Token {token.key}"})

    def test_R40_each_user_of_a_token_has_the_own_uploads_only(self) -> None:  # noqa: N802
        one, two = self.user("one"), self.user("two")
        url = create(one)["Location"]
        assert set(every_verb(two, url).values()) == {404}
        assert set(every_verb(Client(), url).values()) == {401}
        assert every_verb(one, url) == {"HEAD": 200, "PATCH": 204, "GET": 409, "DELETE": 204}

    @pytest.mark.parametrize("word", ["Token x", "Token", "Token a b", "Token \u00e4"])
    def test_R40_what_is_no_token_is_401(self, word: str) -> None:  # noqa: N802
        assert create(Client(headers={"Authorization": word})).status_code == 401

    @pytest.mark.parametrize("word", ["Token x", "Bearer x", "Basic eDp5", "x"])
    def test_R45_nor_does_it_make_an_anonymous_upload(  # noqa: N802
        self, word: str, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(ALLOW_ANONYMOUS=True)
        assert create(Client(headers={"Authorization": word})).status_code == 401
        assert not Upload.objects.exists()

    def test_a_session_that_is_not_asked_for_is_no_credential(
        self, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(ALLOW_ANONYMOUS=True)
        client = Client()
        client.force_login(get_user_model().objects.get(username="one"))
        assert create(client).status_code == 201

    def test_R41_a_session_is_not_among_what_the_site_takes(self) -> None:  # noqa: N802
        client = Client()
        client.force_login(get_user_model().objects.get(username="one"))
        assert create(client).status_code == 401


def test_the_documentations_example_for_allauth_says_who_may_upload() -> None:
    from tests.support.examples import example
    from tusbridge.conf import Options
    from tusbridge.policy import Actor

    policy = example("permissions.md", "allauth_policy").UploadPolicy(Options())
    user = get_user_model()
    inside, outside = user(email="a@example.com"), user(email="a@elsewhere.example")
    assert policy.can_create(Actor(user_id=1, user=inside), None)
    assert not policy.can_create(Actor(user_id=2, user=outside), None)
    assert not policy.can_create(Actor(), None)


def test_its_checks_find_nothing_wrong(tusbridge_settings: Callable[..., None]) -> None:
    from django.core.checks import run_checks

    for policy in ("allauth_headless.AllauthHeadlessPolicy", "drf.DRFPolicy"):
        tusbridge_settings(POLICY=f"tusbridge.auth.{policy}")
        assert [str(found) for found in run_checks(tags=["tusbridge"])] == []
