"""Checks of who may upload, and from which pages."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import run_checks

from tests.checks.support import ids, texts
from tusbridge.auth.ninja import NinjaAuthPolicy
from tusbridge.policy import Actor, Policy

AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"


class Tokens(NinjaAuthPolicy):
    """By a header field."""

    auth = staticmethod(lambda request: None)


class Sessions(NinjaAuthPolicy):
    """By session, with Django's CSRF check."""

    from ninja.security import django_auth as auth  # type: ignore[assignment]


class NoAuth(NinjaAuthPolicy):
    """Forgot to say by what."""


class Own(Policy):
    """Finds users in its own way."""

    def authenticate(self, request: Any) -> Actor:
        return Actor(user_id=1)


class Grown(Policy):
    """Has other rules, and the session's users."""

    def can_create(self, actor: Actor, request: Any) -> bool:
        return False


class TestAccess:
    @pytest.fixture
    def use(self, tusbridge_settings: Callable[..., None]) -> Callable[..., None]:
        return lambda policy, **options: tusbridge_settings(
            POLICY=f"{__name__}.{policy.__name__}", **options
        )

    @pytest.mark.parametrize(
        "policy",
        [
            "tests.nowhere.Policy",
            "tests.checks.test_access.Nothing",
            "tests.checks.test_access.AUTH",
            "tests.checks.test_access.NoAuth",
            "tests.checks.broken_policy.Policy",
            "",
        ],
    )
    def test_E005_a_policy_that_is_none(  # noqa: N802
        self, tusbridge_settings: Callable[..., None], policy: str
    ) -> None:
        tusbridge_settings(POLICY=policy)
        assert ids() == ["E005"]

    @pytest.mark.parametrize(
        "middleware", [[], [SESSIONS], [AUTH], [AUTH, SESSIONS], ["nowhere.Middleware"]]
    )
    @pytest.mark.parametrize("policy", [Policy, Grown])
    def test_E006_nobody_can_log_in(  # noqa: N802
        self, use: Any, settings: Any, middleware: list[str], policy: type[Policy]
    ) -> None:
        use(policy)
        settings.MIDDLEWARE = middleware
        assert ids() == ["E006"]

    @pytest.mark.parametrize("policy", [Tokens, Own])
    def test_nobody_has_to_where_the_policy_knows_another_way(
        self, use: Any, settings: Any, policy: type[Policy]
    ) -> None:
        use(policy)
        settings.MIDDLEWARE = []
        assert ids() == []

    def test_nobody_has_to_where_nobody_may_upload_too(self, use: Any, settings: Any) -> None:
        use(Grown, ALLOW_ANONYMOUS=True)
        settings.MIDDLEWARE = []
        assert ids(deploy=True) == []

    @pytest.mark.parametrize(
        ("origin", "why"),
        [
            ("https://a.example/page", "has a path"),
            ("a.example", "has no scheme"),
            ("//a.example", "has no scheme"),
            ("https://*", "has a star elsewhere"),
            ("https://a.*.example", "has a star elsewhere"),
            ("http://localhost:3*", "has a port"),
            ("https://", "is not an origin"),
            ("https://user@a.example", "is not an origin"),
            ("https://stra\u00dfe.example", "Punycode"),
            ("https://a.example:port", "has a port"),
            ("", "has no scheme"),
        ],
    )
    def test_E009_what_no_browser_ever_sends(  # noqa: N802
        self, tusbridge_settings: Callable[..., None], origin: str, why: str
    ) -> None:
        tusbridge_settings(CORS_ORIGINS=["https://good.example", origin])
        assert ids() == ["E009"]
        assert repr(origin) in texts()
        assert why in texts()

    @pytest.mark.parametrize(
        "origin",
        [
            "https://a.example",
            "http://localhost:3000",
            "http://[::1]:8000",
            "https://a.example:80",
            "capacitor://localhost",
            "chrome-extension://abcdefghijklmnop",
            "https://xn--bcher-kva.example",
            "https://a.example/",
            "https://A.example",
            "HTTPS://a.example",
            "https://a.example:443",
            "http://a.example:80",
            "https://a.example ",
            "https://b\u00fccher.example",
        ],
    )
    def test_what_they_send(self, tusbridge_settings: Callable[..., None], origin: str) -> None:
        tusbridge_settings(CORS_ORIGINS=[origin])
        assert ids() == []

    @pytest.mark.parametrize("origin", ["*", "http://localhost:*", "https://*.a.example", "null"])
    def test_W008_origins_that_get_no_cookies(  # noqa: N802
        self, use: Any, tusbridge_settings: Callable[..., None], origin: str
    ) -> None:
        tusbridge_settings(CORS_ORIGINS=[origin])
        assert ids() == ["W008"]
        tusbridge_settings(ALLOW_ANONYMOUS=True)
        assert ids() == []
        use(Tokens, ALLOW_ANONYMOUS=False)
        assert ids() == []

    def test_W009_origins_that_djangos_csrf_check_refuses(self, use: Any, settings: Any) -> None:  # noqa: N802
        use(Sessions, CORS_ORIGINS=["https://a.example"])
        assert ids() == ["W009"]
        settings.CSRF_TRUSTED_ORIGINS = ["https://*.a.example"]
        assert ids() == []
        settings.CSRF_TRUSTED_ORIGINS = ["https://a.example"]
        assert ids() == []

    def test_what_cors_lists_the_default_policy_trusts(
        self, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(CORS_ORIGINS=["https://a.example"])
        assert ids() == []

    def test_W020_nobody_may_upload_though_users_can_log_in(  # noqa: N802
        self, settings: Any, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(ALLOW_ANONYMOUS=True)
        assert ids() == []
        assert ids(deploy=True) == ["W020"]
        settings.MIDDLEWARE = []
        assert ids(deploy=True) == []

    def test_W021_W022_locations_that_are_not_the_sites(  # noqa: N802
        self, settings: Any, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(ABSOLUTE_LOCATION=True)
        assert ids() == []
        assert ids(deploy=True) == ["W022"]
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        assert ids(deploy=True) == []
        settings.ALLOWED_HOSTS = ["*"]
        assert ids(deploy=True) == ["W021"]

    def test_deployment_checks_are_about_security(
        self, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(ALLOW_ANONYMOUS=True)
        found = run_checks(tags=["security"], include_deployment_checks=True)
        assert "tusbridge.W020" in [message.id for message in found]
