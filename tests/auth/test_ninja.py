"""NinjaAuthPolicy with ninja's own classes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.test import Client
from ninja.errors import AuthorizationError, HttpError
from ninja.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HttpBasicAuth,
    HttpBearer,
    django_auth,
)

from tests.api.test_tus import create, every_verb
from tusbridge.auth.ninja import NinjaAuthPolicy
from tusbridge.conf import Options
from tusbridge.models import Upload
from tusbridge.policy import Policy

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


def user_named(name: str) -> Any:
    return get_user_model().objects.filter(username=name).first()


class Bearer(HttpBearer):
    """The token is the user's name."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        return user_named(token)


class Basic(HttpBasicAuth):
    """Any password will do."""

    def authenticate(self, request: HttpRequest, username: str, password: str) -> Any:
        return user_named(username)


class KeyOfUser:
    """As a site's model of keys: it has a user, and is none."""

    def __init__(self, user: Any) -> None:
        self.user = user


class Key(APIKeyHeader):
    """Gives a key, not its user."""

    param_name = "X-API-Key"

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        user = user_named(key or "")
        return KeyOfUser(user) if user else None


class Cookie(APIKeyCookie):
    """Looks at a cookie, and so for a CSRF token."""

    param_name = "key"

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        return user_named(key or "")


class BearerPolicy(NinjaAuthPolicy):
    """One callable."""

    auth = Bearer()


class SeveralPolicy(NinjaAuthPolicy):
    """Several, one of them as a class."""

    auth = (Bearer(), Basic, Key())


class CookiePolicy(NinjaAuthPolicy):
    """A cookie of the site's own."""

    auth = Cookie


class SessionPolicy(NinjaAuthPolicy):
    """ninja's own way to Django's session."""

    auth = django_auth


def sets_user(request: HttpRequest) -> Any:
    """As allauth's JWT class does: gives the payload, and sets request.user."""
    name = request.headers.get("X-Name", "")
    if not name:
        return None
    request.user = user_named(name)
    return {"sub": name}


class FunctionPolicy(NinjaAuthPolicy):
    """A plain function, which must not become a method."""

    auth = sets_user


def yes(request: HttpRequest) -> bool:
    """Somebody's key was right; whose, is not said."""
    return request.headers.get("X-Key") == "right"


class YesPolicy(NinjaAuthPolicy):
    """Gives no user."""

    auth = yes


class NamedPolicy(NinjaAuthPolicy):
    """Says which user its callable means."""

    auth = staticmethod(lambda request: request.headers.get("X-Name"))

    def user_of(self, found: Any) -> Any:
        return user_named(found)


def refuses(request: HttpRequest) -> Any:
    """As ninja's own classes and sites' callables may."""
    status = request.headers.get("X-Status", "")
    if status == "403":
        raise AuthorizationError(message="not on Sundays")
    if status == "error":
        raise OperationalError("the server closed the connection")
    raise HttpError(int(status), "something")


class RefusingPolicy(NinjaAuthPolicy):
    """Raises."""

    auth = refuses


@pytest.fixture
def use(tusbridge_settings: Callable[..., None]) -> Callable[..., None]:
    def name_policy(policy: type[Policy], **options: Any) -> None:
        path = f"{policy.__module__}.{policy.__name__}"
        tusbridge_settings(**{"POLICY": path, "ALLOW_ANONYMOUS": False} | options)

    for name in ("one", "two"):
        get_user_model().objects.create(username=name)
    return name_policy


def owner() -> str:
    return str(Upload.objects.select_related("user").get().user.username)


class TestCredentials:
    def test_R40_each_user_of_a_token_has_the_own_uploads_only(self, use: Any) -> None:  # noqa: N802
        use(BearerPolicy)
        one = Client(headers={"Authorization": "Bearer one"})
        two = Client(headers={"Authorization": "Bearer two"})
        url = create(one)["Location"]
        assert owner() == "one"
        assert set(every_verb(two, url).values()) == {404}
        assert set(every_verb(Client(), url).values()) == {401}
        assert every_verb(one, url) == {"HEAD": 200, "PATCH": 204, "GET": 409, "DELETE": 204}

    @pytest.mark.parametrize("credentials", ["Bearer three", "Bearer ", "Basic x", "Bearer \x7f"])
    def test_R40_what_is_no_token_is_401(self, use: Any, credentials: str) -> None:  # noqa: N802
        use(BearerPolicy)
        assert create(Client(headers={"Authorization": credentials})).status_code == 401

    @pytest.mark.parametrize(
        "headers",
        [
            {"Authorization": "Bearer one"},
            {"Authorization": "Basic b25lOng="},
            {"X-API-Key": "one"},
        ],
        ids=["bearer", "basic", "key"],
    )
    def test_several_are_tried_in_turn(self, use: Any, headers: dict[str, str]) -> None:
        use(SeveralPolicy)
        assert create(Client(headers=headers)).status_code == 201
        assert owner() == "one"

    @pytest.mark.parametrize("origin", ["http://evil.example", "null"])
    def test_R41_tokens_need_no_origin(self, use: Any, origin: str) -> None:  # noqa: N802
        use(BearerPolicy)
        client = Client(enforce_csrf_checks=True, headers={"Authorization": "Bearer one"})
        assert create(client, HTTP_ORIGIN=origin).status_code == 201

    def test_a_function_may_set_the_requests_user(self, use: Any) -> None:
        use(FunctionPolicy)
        assert create(Client(headers={"X-Name": "two"})).status_code == 201
        assert owner() == "two"

    def test_R41_a_right_key_does_not_make_the_sessions_user_act(  # noqa: N802
        self, use: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        use(YesPolicy)
        client = Client(headers={"X-Key": "right"})
        client.force_login(user_named("one"))
        assert create(client).status_code == 500
        assert "override user_of" in caplog.text
        assert not Upload.objects.exists()

    def test_a_site_may_say_whom_a_callable_means(self, use: Any) -> None:
        use(NamedPolicy)
        assert create(Client(headers={"X-Name": "two"})).status_code == 201
        assert owner() == "two"

    def test_who_is_locked_out_is_401(self, use: Any) -> None:
        use(BearerPolicy)
        get_user_model().objects.update(is_active=False)
        assert create(Client(headers={"Authorization": "Bearer one"})).status_code == 401


class TestAnonymous:
    def test_R45_nobody_may_upload_where_the_site_says_so(self, use: Any) -> None:  # noqa: N802
        use(BearerPolicy, ALLOW_ANONYMOUS=True)
        assert create(Client()).status_code == 201
        assert Upload.objects.get().user_id is None

    def test_R45_with_a_token_that_is_not_known_nobody_uploads(self, use: Any) -> None:  # noqa: N802
        use(BearerPolicy, ALLOW_ANONYMOUS=True)
        assert create(Client(headers={"Authorization": "Bearer gone"})).status_code == 401
        assert not Upload.objects.exists()


class QueryKey(APIKeyQuery):
    """A key in the URL."""

    param_name = "api_key"

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        return user_named(key or "")


class FieldBearer(Bearer):
    """A bearer token in a field of its own."""

    header = "X-Access-Token"


class EverywherePolicy(NinjaAuthPolicy):
    """All the places where ninja's classes look."""

    auth = (Key(), QueryKey(), Cookie(csrf=False), FieldBearer(), django_auth)


class TestRefusedCredentials:
    """What came and was not accepted never makes an anonymous upload."""

    @pytest.fixture(autouse=True)
    def policy(self, use: Any) -> None:
        use(EverywherePolicy, ALLOW_ANONYMOUS=True)

    @pytest.mark.parametrize("name", ["X-API-Key", "X-Access-Token", "Authorization"])
    @pytest.mark.parametrize("value", ["Bearer gone", ""])
    def test_R45_in_a_field(self, name: str, value: str) -> None:  # noqa: N802
        client = Client(headers={name: value}, enforce_csrf_checks=False)
        assert create(client).status_code == 401

    def test_R45_in_the_query(self) -> None:  # noqa: N802
        for query, status in (("?api_key=gone", 401), ("?api_key=one", 201), ("?x=1", 201)):
            wanted = {"HTTP_UPLOAD_LENGTH": "10", "HTTP_TUS_RESUMABLE": "1.0.0"}
            answer = Client().generic("POST", f"/files/{query}", **wanted)
            assert answer.status_code == status

    def test_R45_in_a_cookie(self) -> None:  # noqa: N802
        client = Client()
        client.cookies["key"] = "gone"
        assert create(client).status_code == 401

    def test_R45_in_an_ended_session(self) -> None:  # noqa: N802
        client = Client()
        client.cookies["sessionid"] = "0" * 32
        assert create(client).status_code == 401

    def test_a_visitor_without_any_uploads(self) -> None:
        assert create(Client()).status_code == 201


class TestCookies:
    @pytest.fixture(params=[CookiePolicy, SessionPolicy])
    def client(self, request: pytest.FixtureRequest, use: Any) -> Client:
        use(request.param)
        client = Client(enforce_csrf_checks=True)
        client.force_login(user_named("one"))
        client.cookies["key"] = "one"
        return client

    def token(self, client: Client) -> str:
        """A CSRF token that fits the client's cookie from now on."""
        request = HttpRequest()
        token = get_token(request)
        client.cookies["csrftoken"] = request.META["CSRF_COOKIE"]
        return token

    def test_R41_a_cookie_without_a_token_is_403(self, client: Client) -> None:  # noqa: N802
        response = create(client)
        assert (response.status_code, response.content) == (403, b"forbidden: CSRF check Failed\n")
        assert not Upload.objects.exists()

    def test_R41_a_cookie_with_a_token_is_taken(self, client: Client) -> None:  # noqa: N802
        token = self.token(client)
        assert create(client, HTTP_X_CSRFTOKEN=token).status_code == 201

    def test_R41_not_from_somebody_elses_page(self, client: Client) -> None:  # noqa: N802
        token = self.token(client)
        response = create(client, HTTP_X_CSRFTOKEN=token, HTTP_ORIGIN="http://evil.example")
        assert response.status_code == 403

    @pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
    def test_the_check_does_not_look_into_the_body(self, client: Client, kind: str) -> None:
        """A token in a form is none: the body is the upload's."""
        body = f"csrfmiddlewaretoken={self.token(client)}".encode()
        response = client.generic(
            "POST",
            "/files/",
            body,
            content_type=kind,
            HTTP_TUS_RESUMABLE="1.0.0",
            HTTP_UPLOAD_LENGTH="10",
        )
        assert response.status_code == 403


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "answer", "text"),
        [("401", 401, b""), ("403", 403, b"not on Sundays"), ("error", 503, b"")],
    )
    def test_ninjas_errors_become_ours(
        self, use: Any, status: str, answer: int, text: bytes
    ) -> None:
        use(RefusingPolicy)
        response = create(Client(headers={"X-Status": status}))
        assert response.status_code == answer
        assert text in response.content

    def test_any_other_status_is_ninjas_answer_with_our_fields(self, use: Any) -> None:
        use(RefusingPolicy)
        response = create(Client(headers={"X-Status": "418"}))
        assert (response.status_code, response["Tus-Resumable"]) == (418, "1.0.0")
        assert response.json() == {"detail": "something"}


class AsyncBearer(HttpBearer):
    """Not for uploads."""

    async def authenticate(self, request: HttpRequest, token: str) -> Any:  # type: ignore[override]
        return user_named(token)


class AsyncCall:
    """Not for uploads."""

    async def __call__(self, request: HttpRequest) -> Any:
        return None


async def asynchronous(request: HttpRequest) -> Any:
    return None


class TestSettings:
    def made(self, auth: Any) -> NinjaAuthPolicy:
        return type("Made", (NinjaAuthPolicy,), {"auth": auth})(Options())

    @pytest.mark.parametrize("auth", [AsyncBearer(), AsyncBearer, AsyncCall(), [asynchronous]])
    def test_asynchronous_callables_are_refused_clearly(self, auth: Any) -> None:
        with pytest.raises(ImproperlyConfigured, match="is asynchronous, and uploads are served"):
            self.made(auth)

    def test_one_that_only_turns_out_to_be_is_refused_too(self) -> None:
        policy = self.made([lambda request: asynchronous(request)])
        with pytest.raises(ImproperlyConfigured, match="is asynchronous"):
            policy.authenticate(HttpRequest())

    @pytest.mark.parametrize("auth", [(), []])
    def test_without_any_nobody_could_upload(self, auth: Any) -> None:
        with pytest.raises(ImproperlyConfigured, match="is empty"):
            self.made(auth)

    def test_what_cannot_be_called_is_refused(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="cannot be called"):
            self.made("Bearer")

    @pytest.mark.parametrize(
        ("auth", "checks"),
        [(Bearer(), False), (Cookie, True), (django_auth, True), (Cookie(csrf=False), False)],
    )
    def test_it_is_known_whether_tokens_are_checked(self, auth: Any, checks: bool) -> None:
        assert self.made(auth).checks_csrf_tokens is checks


@pytest.mark.parametrize(
    ("auth", "challenges"),
    [
        (Bearer, ("Bearer",)),
        (Basic, ('Basic realm="uploads"',)),
        (Key, ("ApiKey",)),
        (Cookie, ("Session",)),
        (django_auth, ("Session",)),
        ((Key, Bearer, Bearer), ("ApiKey", "Bearer")),
        (user_named, ("Bearer",)),
    ],
)
def test_a_401_names_the_schemes_of_its_callables(
    auth: Any, challenges: tuple[str, ...], rf: Any
) -> None:
    policy = type(
        "Made", (NinjaAuthPolicy,), {"auth": (auth if isinstance(auth, tuple) else [auth])}
    )
    assert policy(Options()).challenges(rf.get("/")) == challenges
