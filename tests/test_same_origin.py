"""From which pages a session's cookie is taken (R41)."""

from typing import Any

import pytest
from django.middleware.csrf import get_token
from django.test import RequestFactory

from tusbridge.errors import Forbidden
from tusbridge.same_origin import check_same_origin, is_writing, without_form

# What the site's settings trust.
CORS_ORIGINS = ("https://cors.example", "http://localhost:*", "*", "null")
TRUSTED_ORIGINS = ["https://trusted.example", "https://*.wide.example", "http://plain.example:8080"]


@pytest.fixture(autouse=True)
def trusted(settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = TRUSTED_ORIGINS


def request(method: str = "PATCH", *, secure: bool = True, **meta: str) -> Any:
    """A request to https://site.example (or http) with a session's cookie."""
    fields = {"HTTP_HOST": "site.example"} | {f"HTTP_{name}": meta[name] for name in meta}
    made: Any = RequestFactory().generic(method, "/files/x", secure=secure, **fields)
    override = meta.get("X_HTTP_METHOD_OVERRIDE")
    made.method = override or method
    return made


def is_taken(made: Any) -> bool:
    try:
        check_same_origin(made, CORS_ORIGINS)
    except Forbidden:
        return False
    return True


# --- by Origin


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param("https://site.example", id="its-own"),
        pytest.param("https://SITE.example", id="its-own-in-capitals"),
        pytest.param("https://trusted.example", id="trusted"),
        pytest.param("https://sub.wide.example", id="trusted-with-subdomains"),
        pytest.param("https://a.b.wide.example", id="trusted-with-all-below"),
        pytest.param("http://plain.example:8080", id="trusted-with-a-port"),
        pytest.param("https://cors.example", id="listed-for-cors"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
def test_R41_page_that_is_trusted_may_write(method: str, origin: str) -> None:  # noqa: N802
    assert is_taken(request(method, ORIGIN=origin))


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param("https://evil.example", id="another-host"),
        pytest.param("http://site.example", id="its-own-without-tls"),
        pytest.param("https://site.example:8443", id="its-own-on-another-port"),
        pytest.param("https://sub.site.example", id="a-subdomain-of-its-own"),
        pytest.param("https://site.example.evil.example", id="its-own-as-a-prefix"),
        pytest.param("https://evilsite.example", id="its-own-as-a-suffix"),
        pytest.param("https://trusted.example.evil.example", id="trusted-as-a-prefix"),
        pytest.param("http://trusted.example", id="trusted-without-tls"),
        pytest.param("http://sub.wide.example", id="trusted-subdomain-without-tls"),
        pytest.param("https://evilwide.example", id="trusted-subdomains-as-a-suffix"),
        pytest.param("http://plain.example", id="trusted-without-its-port"),
        pytest.param("http://localhost:3000", id="any-port-is-no-name"),
        pytest.param("http://localhost", id="any-port-or-none-is-no-name"),
        pytest.param("http://localhost:*", id="the-entry-itself"),
        pytest.param("*", id="the-star-itself"),
        pytest.param("null", id="null-though-listed"),
        pytest.param("", id="empty"),
        pytest.param("https://", id="no-host"),
        pytest.param("site.example", id="no-scheme"),
        pytest.param("https://site.example/", id="a-path"),
        pytest.param("https://[bad", id="malformed"),
        pytest.param("https://site.example, https://evil.example", id="two"),
        pytest.param("https://user@site.example", id="user-information"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
def test_R41_any_other_page_may_not(method: str, origin: str) -> None:  # noqa: N802
    assert not is_taken(request(method, ORIGIN=origin))


def test_R41_the_refusal_says_what_to_do() -> None:  # noqa: N802
    with pytest.raises(Forbidden, match="CSRF_TRUSTED_ORIGINS or CORS_ORIGINS"):
        check_same_origin(request(ORIGIN="https://evil.example"), CORS_ORIGINS)
    with pytest.raises(Forbidden, match="X-CSRFToken"):
        check_same_origin(request(SEC_FETCH_SITE="cross-site"), CORS_ORIGINS)


@pytest.mark.parametrize(
    ("host", "origin", "secure"),
    [
        ("site.example:443", "https://site.example", True),
        ("site.example:80", "http://site.example", False),
        ("site.example", "https://site.example:443", True),
        ("site.example:8000", "http://site.example:8000", False),
        ("[::1]:8000", "http://[::1]:8000", False),
        ("[::1]:80", "http://[::1]", False),
    ],
)
def test_a_schemes_own_port_may_be_written_or_not(host: str, origin: str, secure: bool) -> None:
    made = request(secure=secure, HOST=host, ORIGIN=origin)
    assert is_taken(made)


def test_the_scheme_is_what_a_trusted_proxy_says(settings: Any) -> None:
    behind = {"ORIGIN": "https://site.example", "X_FORWARDED_PROTO": "https"}
    assert not is_taken(request(secure=False, **behind))
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert is_taken(request(secure=False, **behind))


def test_R31_the_host_is_what_a_proxy_says_only_if_it_is_trusted(settings: Any) -> None:  # noqa: N802
    behind = {"ORIGIN": "https://public.example", "X_FORWARDED_HOST": "public.example"}
    assert not is_taken(request(**behind))
    settings.USE_X_FORWARDED_HOST = True
    assert is_taken(request(**behind))


def test_a_host_that_is_not_the_sites_is_nobodys_own(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["other.example"]
    assert not is_taken(request(ORIGIN="https://site.example"))


# --- without Origin


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        pytest.param({"REFERER": "https://site.example/page?x=1"}, True, id="referer-its-own"),
        pytest.param({"REFERER": "https://cors.example/page"}, True, id="referer-listed-for-cors"),
        pytest.param({"REFERER": "https://evil.example/site.example"}, False, id="referer-other"),
        pytest.param({"REFERER": "http://site.example/"}, False, id="referer-without-tls"),
        pytest.param({"REFERER": "about:blank"}, False, id="referer-of-no-page"),
        pytest.param({"REFERER": ""}, False, id="referer-empty"),
        pytest.param({"REFERER": "https://[bad"}, False, id="referer-malformed"),
        pytest.param(
            {"REFERER": "https://evil.example/", "SEC_FETCH_SITE": "same-origin"},
            False,
            id="referer-comes-before-fetch-metadata",
        ),
        pytest.param({"SEC_FETCH_SITE": "same-origin"}, True, id="fetch-metadata-same-origin"),
        pytest.param({"SEC_FETCH_SITE": "none"}, True, id="fetch-metadata-by-the-user"),
        pytest.param({"SEC_FETCH_SITE": "same-site"}, False, id="fetch-metadata-same-site"),
        pytest.param({"SEC_FETCH_SITE": "cross-site"}, False, id="fetch-metadata-cross-site"),
        pytest.param({"SEC_FETCH_SITE": ""}, False, id="fetch-metadata-empty"),
        pytest.param({}, True, id="a-program-that-is-no-browser"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
def test_R41_what_counts_where_origin_is_missing(  # noqa: N802
    method: str, fields: dict[str, str], taken: bool
) -> None:
    assert is_taken(request(method, **fields)) is taken


# --- by method


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_who_only_looks_needs_no_proof(method: str) -> None:
    assert not is_writing(request(method))
    assert is_taken(request(method, ORIGIN="https://evil.example"))


@pytest.mark.parametrize(
    ("real", "effective"),
    [
        ("POST", "PATCH"),
        ("POST", "HEAD"),
        ("PUT", "GET"),
        ("GET", "DELETE"),
        ("HEAD", "PATCH"),
        ("GET", "patch"),
        ("GET", "FOO"),
    ],
)
def test_R41_both_the_real_and_the_effective_method_count(real: str, effective: str) -> None:  # noqa: N802
    made = request(real, X_HTTP_METHOD_OVERRIDE=effective, ORIGIN="https://evil.example")
    assert is_writing(made)
    assert not is_taken(made)


@pytest.mark.parametrize("effective", ["PATCH", "DELETE"])
def test_R41_a_get_that_is_overridden_proves_nothing_by_its_silence(effective: str) -> None:  # noqa: N802
    assert not is_taken(request("GET", X_HTTP_METHOD_OVERRIDE=effective))
    assert is_taken(request("GET", X_HTTP_METHOD_OVERRIDE=effective, SEC_FETCH_SITE="same-origin"))


# --- by token


def with_token(made: Any, *, fits: bool = True) -> Any:
    """The request with a CSRF cookie, and a token in the field for it."""
    token = get_token(made)
    made.COOKIES["csrftoken"] = made.META["CSRF_COOKIE"]
    made.META["HTTP_X_CSRFTOKEN"] = token if fits else token[::-1]
    return made


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_R41_a_token_proves_what_fetch_metadata_does_not(method: str) -> None:  # noqa: N802
    assert is_taken(with_token(request(method, SEC_FETCH_SITE="same-site")))
    assert not is_taken(with_token(request(method, SEC_FETCH_SITE="same-site"), fits=False))


def test_R41_a_token_without_its_cookie_proves_nothing() -> None:  # noqa: N802
    made = with_token(request(SEC_FETCH_SITE="same-site"))
    made.COOKIES.clear()
    assert not is_taken(made)


def test_R41_the_test_clients_exemption_makes_no_wrong_token_right() -> None:  # noqa: N802
    made = with_token(request(SEC_FETCH_SITE="same-site"), fits=False)
    made._dont_enforce_csrf_checks = True
    assert not is_taken(made)


def test_R41_no_token_outweighs_a_foreign_origin() -> None:  # noqa: N802
    assert not is_taken(with_token(request(ORIGIN="https://evil.example")))


def test_the_token_may_be_kept_in_the_session(settings: Any) -> None:
    settings.CSRF_USE_SESSIONS = True
    made = request(SEC_FETCH_SITE="same-site")
    made.session = {}
    token = get_token(made)
    made.session["_csrftoken"] = made.META["CSRF_COOKIE"]
    made.META["HTTP_X_CSRFTOKEN"] = token
    assert is_taken(made)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_looking_for_a_token_leaves_the_body_alone(kind: str) -> None:
    made: Any = RequestFactory().generic(
        "POST", "/files/", b"csrfmiddlewaretoken=x", content_type=kind, HTTP_SEC_FETCH_SITE="x"
    )
    assert not is_taken(with_token(made, fits=False))
    assert made.method == "POST"
    assert made.read() == b"csrfmiddlewaretoken=x"


def test_the_method_is_back_after_an_error() -> None:
    made = request("POST")

    def fail() -> None:
        with without_form(made):
            assert made.method == "PUT"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert made.method == "POST"
