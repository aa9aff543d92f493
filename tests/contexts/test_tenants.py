"""django-tenants: uploads are in the schema of their tenant, wherever they are written."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from tests.contexts.client import SIZES, TUS, Client, content
from tests.support.databases import fresh_database, query
from tests.support.serve import require
from tests.support.servers import ROOT, Server, running

pytestmark = pytest.mark.service

SCOPE = "tusbridge.scopes.django_tenants"
# under WSGI what is done in the view's thread needs no scope
SITES: dict[str, tuple[str, str, list[str]]] = {
    "uvicorn": ("uvicorn", "", [SCOPE]),
    "granian": ("granian", "", [SCOPE]),
    "middleware-as-scope": (
        "uvicorn",
        "",
        ["django_tenants.middleware.main.TenantMainMiddleware"],
    ),
    "gunicorn": ("gunicorn", "tests.contexts.site.wsgi:application", [SCOPE]),
}
MAKE_TENANTS = """
import django; django.setup()
from django.core.management import call_command
from tests.contexts.tenancy.models import Domain, Tenant
call_command("migrate_schemas", "--shared", "--run-syncdb", verbosity=0)
for name, hosts in {"one": ["one.example", "127.0.0.1"], "two": ["two.example"]}.items():
    tenant = Tenant.objects.create(schema_name=name, name=name)
    for host in hosts:
        Domain.objects.create(domain=host, tenant=tenant)
"""


def prepare(environ: dict[str, str]) -> None:
    command = [sys.executable, "-c", MAKE_TENANTS]
    subprocess.run(command, env=environ, cwd=ROOT, check=True, timeout=120)


@pytest.fixture(scope="module", params=SITES)
def server(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require(find_spec("django_tenants"), "django-tenants")
    kind, application, scopes = SITES[request.param]
    with (
        fresh_database("postgresql") as url,
        running(
            kind,
            tmp_path_factory.mktemp("tenants"),
            database_url=url,
            options={"REQUEST_SCOPES": scopes},
            settings="tests.contexts.tenancy.settings",
            application=application,
            prepare=prepare,
        ) as server,
    ):
        yield server


def tenant(server: Server, name: str) -> Client:
    return Client(server.port, Host=f"{name}.example")


def schemas_of(server: Server, upload_id: str) -> list[str]:
    """Those with a row of this upload."""
    return [
        name
        for name in ("one", "two")
        if query(
            server.database_url,
            f"SELECT 1 FROM {name}.tusbridge_upload WHERE upload_id = '{upload_id}'",
        ).strip()
    ]


def heard(server: Server) -> set[str]:
    """Schema and upload of each completion that was heard of."""
    return set((server.place / "heard").read_text().splitlines())


@pytest.mark.parametrize("size", SIZES)
def test_an_upload_is_its_tenants(server: Server, size: int) -> None:
    one, two = tenant(server, "one"), tenant(server, "two")
    for name, client, other in (("one", one, two), ("two", two, one)):
        url = client.upload(size, steps=2)
        upload_id = url[-32:]
        assert schemas_of(server, upload_id) == [name]
        assert f"{name} {upload_id}" in heard(server)
        (file,) = (server.place / "media" / name / "files").rglob(f"*{upload_id}*")
        assert file.read_bytes() == content(size)
        assert client.download(url) == content(size)
        assert other.ask("HEAD", url, TUS)[0].status == 404
        assert client.ask("DELETE", url, TUS)[0].status == 204
        assert not file.exists()


def test_two_appends_with_one_primary_key(server: Server) -> None:
    """Longer than a lease lives: two rows of two schemas are not taken for one."""
    size, urls = 300_000, []
    clients = [tenant(server, "one"), tenant(server, "two")]
    # until both tables have counted as far
    while True:
        urls = [client.create(length=size) for client in clients]
        keys = [_key(server, name, url) for name, url in zip(("one", "two"), urls, strict=True)]
        if keys[0] == keys[1]:
            break
        behind = keys.index(min(keys))
        for _ in range(max(keys) - min(keys)):
            clients[behind].create(length=size)
    running = [
        client.begin_trickle(url, content(size), seconds=4.0)
        for client, url in zip(clients, urls, strict=True)
    ]
    assert [offset.result() for offset in running] == [size, size]


def _key(server: Server, schema: str, url: str) -> int:
    statement = f"SELECT id FROM {schema}.tusbridge_upload WHERE upload_id = '{url[-32:]}'"
    return int(query(server.database_url, statement))


def test_forms_and_final_uploads(server: Server) -> None:
    two = tenant(server, "two")
    for size in SIZES:
        assert schemas_of(server, two.send_form(size)["upload_id"]) == ["two"]
    url, body = two.concatenate(100 * 1024, 5)
    assert schemas_of(server, url[-32:]) == ["two"]
    assert two.download(url) == body
