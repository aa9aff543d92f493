"""django-silk and django-debug-toolbar on a site, which read the requests of uploads."""

import importlib.util
from collections.abc import Iterator

import pytest

from tests.faults.support import client_of, sample, wait_for
from tests.legacy.form_client import FormClient
from tests.support.serve import require
from tests.support.servers import Server, running

pytestmark = pytest.mark.servers

KINDS = ("gunicorn", "gunicorn-plain", "uvicorn", "granian")
SHORT, LONG = sample(4000), sample(3_000_000)


@pytest.fixture(
    scope="module", params=[(app, kind) for app in ("silk", "toolbar") for kind in KINDS]
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    app, kind = request.param
    module = {"silk": "silk", "toolbar": "debug_toolbar"}[app]
    require(importlib.util.find_spec(module), f"{module} (make services installs it)")
    settings = f"tests.site.with_{app}"
    # silk logs a traceback when SQLite is busy with something else
    place = tmp_path_factory.mktemp(f"{app}-{kind}")
    with running(
        kind, place, options={"READ_TIMEOUT": 5}, settings=settings, may_stumble=True
    ) as s:
        yield s


@pytest.mark.parametrize("content", [SHORT, LONG], ids=["short", "long"])
def test_uploads_are_what_they_are_without_it(server: Server, content: bytes) -> None:
    with client_of(server) as client:
        url = client.create(len(content))
        client.append(url, 0, content)
        client.expect_content(url, content)
        assert client.patch(url, 7, b"x").status == 409
        client.delete(url)
        client.expect_gone(url)


@pytest.mark.parametrize("content", [SHORT, LONG], ids=["short", "long"])
def test_so_are_forms(server: Server, content: bytes) -> None:
    forms = FormClient(server.url.replace("/files/", "/legacy/"))
    half = len(content) // 2
    first = forms.chunk(content[:half], (0, len(content)))
    assert first.status == 200, first
    upload_id = first.data["upload_id"]
    assert forms.chunk(content[half:], (half, len(content)), upload_id).status == 200
    assert forms.complete(upload_id, content).status == 200


def test_what_it_reads_from_a_broken_patch_is_no_whole_one(server: Server) -> None:
    with client_of(server) as client:
        url = client.create(len(LONG))
        connection = client.start_patch(url, 0, len(LONG), LONG[:100_000])
        connection.finish_sending()
        wait_for(lambda: client.offset(url) == 100_000, "what came to be kept")
        assert client.send("GET", url).status == 409
