"""CORS: which pages may upload and read the answers (Fetch, CORS protocol)."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from tusbridge.api.cors import add_cors_fields, is_allowed

ORIGINS = ("https://a.example", "http://localhost:*")


def answer(
    origins: tuple[str, ...], origin: str | None = None, method: str = "PATCH", status: int = 204
) -> HttpResponse:
    """A response to a page's request, as the browser sees it."""
    request = RequestFactory().generic(method, "/files/x")
    if origin is not None:
        request.META["HTTP_ORIGIN"] = origin
    response = HttpResponse(status=status)
    add_cors_fields(request, response, origins)
    return response


def cors_fields(response: HttpResponse) -> dict[str, str]:
    return {
        name: value
        for name, value in response.headers.items()
        if name.startswith("Access-Control-") or name == "Vary"
    }


# --- who is allowed


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        pytest.param("https://a.example", "https://a.example", id="the-same"),
        pytest.param("https://a.example:8443", "https://a.example:8443", id="the-same-port"),
        pytest.param("http://localhost:3000", "http://localhost:*", id="any-port"),
        pytest.param("http://localhost", "http://localhost:*", id="any-port-or-none"),
        pytest.param("http://localhost:65535", "http://localhost:*", id="the-highest-port"),
        pytest.param("http://127.0.0.1:8000", "http://127.0.0.1:*", id="any-port-ipv4"),
        pytest.param("http://[::1]:8000", "http://[::1]:*", id="any-port-ipv6"),
        pytest.param("http://[::1]", "http://[::1]:*", id="ipv6-without-a-port"),
        pytest.param("null", "null", id="null-if-the-site-lists-it"),
    ],
)
def test_listed_origin_is_allowed(origin: str, listed: str) -> None:
    assert is_allowed(origin, ["https://other.example", listed])


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        pytest.param("https://b.example", "https://a.example", id="another-host"),
        pytest.param("http://a.example", "https://a.example", id="another-scheme"),
        pytest.param("https://a.example:8443", "https://a.example", id="another-port"),
        pytest.param("https://a.example", "https://a.example:8443", id="no-port"),
        pytest.param("https://sub.a.example", "https://a.example", id="a-subdomain"),
        pytest.param("https://a.example.evil.example", "https://a.example", id="listed-as-prefix"),
        pytest.param("https://evila.example", "https://a.example", id="listed-as-suffix"),
        pytest.param("https://a.example/", "https://a.example", id="a-slash-behind"),
        pytest.param("https://a.example\n", "https://a.example", id="a-newline-behind"),
        pytest.param("https://a.example https://b.example", "https://a.example", id="two"),
        pytest.param("null", "https://a.example", id="null"),
        pytest.param("null", "http://localhost:*", id="null-and-any-port"),
        pytest.param("", "https://a.example", id="empty"),
        pytest.param("", "http://localhost:*", id="empty-and-any-port"),
        pytest.param("https://localhost:3000", "http://localhost:*", id="any-port-other-scheme"),
        pytest.param("http://evil.localhost:3000", "http://localhost:*", id="any-port-subdomain"),
        pytest.param("http://localhost.evil.example", "http://localhost:*", id="any-port-prefix"),
        pytest.param("http://localhost:3000.evil", "http://localhost:*", id="port-with-a-host"),
        pytest.param("http://localhost:evil", "http://localhost:*", id="port-of-letters"),
        pytest.param("http://localhost:80:90", "http://localhost:*", id="two-ports"),
        pytest.param("http://localhost:", "http://localhost:*", id="port-empty"),
        pytest.param("http://localhost:\u0663", "http://localhost:*", id="port-arabic-digit"),
        pytest.param("http://localhost:\u00b2", "http://localhost:*", id="port-superscript"),
        pytest.param("http://localhost:-1", "http://localhost:*", id="port-negative"),
        pytest.param("http://localhost:80@evil.example", "http://localhost:*", id="user-info"),
        pytest.param("http://evil.example#://localhost", "http://localhost:*", id="fragment"),
        pytest.param("http://evil.example/http://localhost", "http://localhost:*", id="in-a-path"),
        pytest.param("localhost:3000", "http://localhost:*", id="no-scheme"),
        pytest.param("http://[::1]:3000.evil", "http://[::1]:*", id="ipv6-port-with-a-host"),
        pytest.param("http://[::2]:3000", "http://[::1]:*", id="another-ipv6"),
    ],
)
def test_any_other_origin_is_not(origin: str, listed: str) -> None:
    assert not is_allowed(origin, [listed])


def test_nobody_is_allowed_by_an_empty_list() -> None:
    assert not is_allowed("https://a.example", [])


# --- answers


@pytest.mark.parametrize("method", ["OPTIONS", "PATCH", "GET"])
def test_without_listed_origins_there_are_no_cors_fields(method: str) -> None:
    assert cors_fields(answer((), "https://a.example", method)) == {}


@pytest.mark.parametrize("status", [201, 204, 404, 409, 412, 413, 423, 500, 503])
def test_page_of_a_listed_origin_may_read_answers_and_errors(status: int) -> None:
    response = answer(ORIGINS, "https://a.example", "PATCH", status)
    assert response["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Upload-Offset" in response["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PATCH", "HEAD"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://a.example.evil.example", ""]
)
def test_page_of_another_origin_may_not(origin: str, method: str) -> None:
    assert cors_fields(answer(ORIGINS, origin, method)) == {"Vary": "Origin"}


def test_request_of_no_page_gets_no_permission() -> None:
    assert cors_fields(answer(ORIGINS)) == {"Vary": "Origin"}


@pytest.mark.parametrize("origin", ["https://a.example", "https://evil.example", None])
def test_caches_are_told_that_the_origin_decides(origin: str | None) -> None:
    assert answer(ORIGINS, origin)["Vary"] == "Origin"


def test_any_origin_is_answered_alike() -> None:
    response = answer(("*",), "https://a.example")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in response


@pytest.mark.parametrize(
    ("origins", "origin"),
    [
        pytest.param(("*",), "https://a.example", id="any-origin"),
        pytest.param(("*", "https://a.example"), "https://a.example", id="any-beside-a-listed-one"),
        pytest.param(ORIGINS, "http://localhost:3000", id="any-port"),
        pytest.param(ORIGINS, "https://evil.example", id="another"),
        pytest.param(("null",), "null", id="null-though-listed"),
    ],
)
def test_cookies_are_not_for_everybody(origins: tuple[str, ...], origin: str) -> None:
    assert "Access-Control-Allow-Credentials" not in answer(origins, origin)


def test_cookies_are_for_origins_listed_by_name() -> None:
    response = answer(ORIGINS, "https://a.example")
    assert response["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param("http://localhost:3000", id="a-port"),
        pytest.param("http://localhost", id="no-port"),
    ],
)
def test_origin_on_any_port_is_answered_with_itself(origin: str) -> None:
    assert answer(ORIGINS, origin)["Access-Control-Allow-Origin"] == origin


# --- preflights


def listed(response: HttpResponse, name: str) -> set[str]:
    return {part.lower() for part in response[f"Access-Control-{name}"].split(",")}


@pytest.mark.parametrize("origins", [ORIGINS, ("*",)], ids=["listed", "any"])
@pytest.mark.parametrize(
    "field",
    [
        "Authorization",
        "Content-Type",
        "Tus-Resumable",
        "Upload-Checksum",
        "Upload-Concat",
        "Upload-Defer-Length",
        "Upload-Length",
        "Upload-Metadata",
        "Upload-Offset",
        "X-HTTP-Method-Override",
        "X-Request-ID",
        "X-Requested-With",
        "X-API-Key",
        "X-CSRFToken",
        "X-Session-Token",
    ],
    ids=lambda field: f"row-129-{field}",
)
def test_preflight_allows_the_fields_that_clients_send(
    field: str, origins: tuple[str, ...]
) -> None:
    response = answer(origins, "https://a.example", "OPTIONS", 200)
    assert field.lower() in listed(response, "Allow-Headers")


@pytest.mark.parametrize(
    "field",
    [
        "Location",
        "Retry-After",
        "Tus-Checksum-Algorithm",
        "Tus-Extension",
        "Tus-Max-Size",
        "Tus-Resumable",
        "Tus-Version",
        "Upload-Concat",
        "Upload-Defer-Length",
        "Upload-Expires",
        "Upload-Length",
        "Upload-Metadata",
        "Upload-Offset",
    ],
    ids=lambda field: f"row-129-{field}",
)
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "HEAD"])
def test_pages_may_read_the_fields_that_servers_send(field: str, method: str) -> None:
    response = answer(ORIGINS, "https://a.example", method)
    assert field.lower() in listed(response, "Expose-Headers")


@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE", "GET", "OPTIONS"])
def test_preflight_allows_the_methods_there_are(method: str) -> None:
    response = answer(ORIGINS, "https://a.example", "OPTIONS", 200)
    assert method.lower() in listed(response, "Allow-Methods")
    assert "put" not in listed(response, "Allow-Methods")


def test_preflight_may_be_kept_for_some_time() -> None:
    response = answer(ORIGINS, "https://a.example", "OPTIONS", 200)
    assert 0 < int(response["Access-Control-Max-Age"]) <= 86_400


@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD", "GET", "DELETE"])
def test_only_preflights_tell_what_is_allowed(method: str) -> None:
    names = set(cors_fields(answer(ORIGINS, "https://a.example", method)))
    assert not names & {
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Headers",
        "Access-Control-Max-Age",
    }


@pytest.mark.parametrize("name", ["Allow-Headers", "Allow-Methods", "Expose-Headers"])
def test_lists_have_no_spaces_and_name_nothing_twice(name: str) -> None:
    text = answer(ORIGINS, "https://a.example", "OPTIONS", 200)[f"Access-Control-{name}"]
    assert " " not in text
    names = [part.lower() for part in text.split(",")]
    assert len(names) == len(set(names))
    # with cookies a star is a name like any other, and allows nothing
    assert "*" not in names


def test_request_without_a_method_is_no_preflight() -> None:
    request = HttpRequest()
    request.META["HTTP_ORIGIN"] = "https://a.example"
    response = HttpResponse()
    add_cors_fields(request, response, ORIGINS)
    assert "Access-Control-Allow-Methods" not in response
