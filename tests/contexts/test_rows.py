"""Row-level security: every statement runs as the request that it is made for."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contexts.client import SIZES, TUS, Client, content
from tests.support.databases import fresh_database, query
from tests.support.servers import Server, migrate, running

pytestmark = pytest.mark.service

MIDDLEWARE = "tests.contexts.site.middleware.rows_of"
SCOPE = "tests.contexts.site.scopes.rows"
ASGI = "tests.contexts.site.asgi:application"
WSGI = "tests.contexts.site.wsgi:application"
# under WSGI nothing has to be named; the last keeps its connections
SITES: dict[str, tuple[str, str, list[str], dict[str, Any]]] = {
    "uvicorn": ("uvicorn", ASGI, [MIDDLEWARE], {}),
    "granian": ("granian", ASGI, [SCOPE], {}),
    "gunicorn": ("gunicorn", "tests.site.wsgi:application", [], {}),
    "gunicorn-without-wrapper": ("gunicorn", WSGI, [], {}),
    "gunicorn-with-scope": ("gunicorn", WSGI, [SCOPE], {}),
}
SECURITY = """
DO $$ BEGIN CREATE ROLE tusbridge_rows NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
GRANT USAGE ON SCHEMA public TO tusbridge_rows;
GRANT ALL ON ALL TABLES IN SCHEMA public TO tusbridge_rows;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO tusbridge_rows;
ALTER TABLE tusbridge_upload ADD COLUMN owner text NOT NULL
  DEFAULT current_setting('site.owner', true) CHECK (owner <> '');
ALTER TABLE tusbridge_upload ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tusbridge_upload USING (owner = current_setting('site.owner', true));
"""


@pytest.fixture(scope="module", params=SITES)
def server(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    kind, application, scopes, database = SITES[request.param]

    def prepare(environ: dict[str, str]) -> None:
        migrate({**environ, "SITE_DATABASE_OPTIONS": "{}"})
        query(environ["SITE_DATABASE_URL"], SECURITY)

    with (
        fresh_database("postgresql") as url,
        running(
            kind,
            tmp_path_factory.mktemp("rows"),
            database_url=url,
            database_options={"options": "-c role=tusbridge_rows", **database},
            options={"REQUEST_SCOPES": scopes},
            settings="tests.contexts.site.rows",
            application=application,
            prepare=prepare,
        ) as server,
    ):
        yield server


def owner_of(server: Server, upload_id: str) -> str:
    return query(
        server.database_url, f"SELECT owner FROM tusbridge_upload WHERE upload_id = '{upload_id}'"
    ).strip()


@pytest.mark.parametrize("size", SIZES)
def test_an_upload(server: Server, size: int) -> None:
    alice, bob = Client(server.port, X_Owner="alice"), Client(server.port, X_Owner="bob")
    url = alice.upload(size, steps=2)
    assert owner_of(server, url[-32:]) == "alice"
    assert alice.download(url) == content(size)
    assert bob.ask("GET", url)[0].status == 404
    assert bob.ask("DELETE", url, TUS)[0].status == 404
    assert alice.ask("DELETE", url, TUS)[0].status == 204


def test_a_body_that_takes_its_time(server: Server) -> None:
    """Longer than a lease lives: signs of life are the request's own, too."""
    size = 300_000
    alice, bob = Client(server.port, X_Owner="alice"), Client(server.port, X_Owner="bob")
    urls = {client: client.create(length=size) for client in (alice, bob)}
    offsets = [one.begin_trickle(url, content(size), seconds=4.0) for one, url in urls.items()]
    assert [offset.result() for offset in offsets] == [size, size]
    assert owner_of(server, urls[bob][-32:]) == "bob"


def test_a_form(server: Server) -> None:
    alice = Client(server.port, X_Owner="alice")
    for size in SIZES:
        upload_id = alice.send_form(size)["upload_id"]
        assert owner_of(server, upload_id) == "alice"


def test_a_final_upload(server: Server) -> None:
    alice = Client(server.port, X_Owner="alice")
    url, body = alice.concatenate(100 * 1024, 5)
    assert alice.download(url) == body
    assert owner_of(server, url[-32:]) == "alice"
