"""CORS: which pages may upload and read the answers (Fetch, CORS protocol)."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from tusbridge.api.cors import add_cors_fields
from tusbridge.conf import Options

ORIGINS = ("https://a.example", "http://localhost:*")


def answer(
    origins: tuple[str, ...],
    origin: str | None = None,
    method: str = "PATCH",
    status: int = 204,
    **options: tuple[str, ...],
) -> HttpResponse:
    """A response to a page's request, as the browser sees it."""
    request = RequestFactory().generic(method, "/files/x")
    if origin is not None:
        request.META["HTTP_ORIGIN"] = origin
    response = HttpResponse(status=status)
    add_cors_fields(request, response, Options(CORS_ORIGINS=origins, **options))
    return response


def cors_fields(response: HttpResponse) -> dict[str, str]:
    return {
        name: value
        for name, value in response.headers.items()
        if name.startswith("Access-Control-") or name == "Vary"
    }


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
        # by tracing tools, upload widgets and clients of other services, into every request
        *("sentry-trace", "baggage", "traceparent", "tracestate", "x-datadog-trace-id", "b3"),
        *("Cache-Control", "Pragma", "Accept", "X-CSRF-Token", "X-XSRF-TOKEN", "X-Correlation-ID"),
        *("x-upsert", "apikey", "x-client-info", "X-Tenant"),
        # downloads of a page
        *("Range", "If-Range", "If-None-Match"),
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
        "Accept-Ranges",
        "Content-Range",
        "Location",
        "Retry-After",
        "WWW-Authenticate",
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


def test_a_site_names_further_fields() -> None:
    response = answer(
        *(ORIGINS, "https://a.example", "OPTIONS", 200),
        CORS_ALLOW_HEADERS=("X-My-Login", "upload-offset"),
        CORS_EXPOSE_HEADERS=("X-My-Answer",),
    )
    assert {"x-my-login", "tus-resumable"} <= listed(response, "Allow-Headers")
    assert {"x-my-answer", "location"} <= listed(response, "Expose-Headers")
    names = response["Access-Control-Allow-Headers"].lower().split(",")
    assert names.count("upload-offset") == 1


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        ("https://one.app.example", True),
        ("https://a.b.app.example", True),
        ("https://app.example", False),
        ("https://evilapp.example", False),
        ("http://one.app.example", False),
        ("https://one.app.example:8443", False),
    ],
)
def test_subdomains_are_let_in_without_cookies(origin: str, is_let_in: bool) -> None:
    response = answer(("https://*.app.example",), origin)
    assert response.get("Access-Control-Allow-Origin") == (origin if is_let_in else None)
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.parametrize(
    "listed_as",
    [
        "https://app.example/",
        "HTTPS://App.Example",
        "https://app.example:443",
        " https://app.example",
    ],
)
def test_an_origin_that_is_written_otherwise_is_the_same_with_cookies(listed_as: str) -> None:
    response = answer((listed_as,), "https://app.example")
    assert response["Access-Control-Allow-Origin"] == "https://app.example"
    assert response["Access-Control-Allow-Credentials"] == "true"


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
    add_cors_fields(request, response, Options(CORS_ORIGINS=ORIGINS))
    assert "Access-Control-Allow-Methods" not in response
