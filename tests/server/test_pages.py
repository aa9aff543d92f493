"""The pages of `tusbridge serve`: what they answer, and the fields that every one carries."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest

from tests.support.servers import Server, running

# with its status
PAGES = {
    "/": 200,
    "/docs": 200,
    "/openapi.json": 200,
    "/legacy/": 200,
    "/legacy/docs": 200,
    "/legacy/openapi.json": 200,
    "/healthz": 200,
    "/readyz": 200,
    "/admin/login/": 200,
    "/admin/nothing": 302,
    "/static/ninja/swagger-ui.css": 200,
    "/static/nothing": 404,
    "/nothing": 404,
    "/legacy/nothing": 404,
    "/%00": 404,
    "/admin": 301,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running("serve", tmp_path_factory.mktemp("pages")) as started:
        yield started


def ask(server: Server, path: str, method: str = "GET", **fields: str) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, headers=fields)
    response = connection.getresponse()
    response.text = response.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return response


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_page_stays_out_of_frames_and_runs_nothing_foreign(
    server: Server, path: str, method: str
) -> None:
    response = ask(server, path, method)
    assert response.status == PAGES[path]
    policy = response.getheader("Content-Security-Policy", "")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response.getheader("X-Frame-Options") == "DENY"
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    assert response.getheader("Referrer-Policy") in {"no-referrer", "same-origin"}


def test_a_host_that_is_refused_gets_the_fields_too(server: Server) -> None:
    response = ask(server, "/", Host="evil.example")
    assert response.status == 400
    assert "default-src 'none'" in response.getheader("Content-Security-Policy", "")


def test_both_schemas_say_where_the_operations_are(server: Server) -> None:
    tus = json.loads(ask(server, "/openapi.json").text)  # type: ignore[attr-defined]
    legacy = json.loads(ask(server, "/legacy/openapi.json").text)  # type: ignore[attr-defined]
    assert set(tus["paths"]) == {"/files/", "/files/{upload_id}"}
    assert set(legacy["paths"]) == {"/legacy/upload/", "/legacy/complete/"}
