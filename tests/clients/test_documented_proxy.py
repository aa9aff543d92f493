"""README, operations.md and nginx.md followed to the letter, from another host name."""

import http.client
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.clients.node import NodeClient, require_client
from tests.clients.test_restarts import CHUNK, HEADS_BYTES, LENGTH, PATIENT, assert_arrived
from tests.server.test_cli import tusbridge
from tests.support.nginx import Nginx
from tests.support.proxy import FaultProxy
from tests.support.recipes import HOST, PAGES, commands, included, serve_behind_a_proxy, text_of
from tests.support.serve import require
from tests.support.servers import Server, running
from tests.support.tus_js import make_file, wait_until_held

pytestmark = [pytest.mark.node, pytest.mark.nginx]
CREATE = {"Tus-Resumable": "1.0.0", "Upload-Length": "5"}


@pytest.fixture(autouse=True, scope="module")
def _parts_are_installed() -> None:
    require_client()
    require(shutil.which("nginx"), "nginx (apt-get install nginx-light)")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Started as nginx.md says; only the port and the folder are others."""
    flags = serve_behind_a_proxy("docs/nginx.md")
    with running("serve", tmp_path_factory.mktemp("documented"), flags=flags) as server:
        yield server


@pytest.fixture(scope="module")
def nginx(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    site = included("docs/nginx.md")
    with Nginx(tmp_path_factory.mktemp("nginx"), server.port, site) as nginx:
        yield nginx


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    (words, *_) = commands("docs/nginx.md", "tusbridge token")
    made = tusbridge(*words[1:], "--data-dir", str(server.place / "data"))
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def ask(nginx: Nginx, method: str, path: str, host: str = HOST, **fields: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=10)
    connection.request(method, path, headers={"Host": host} | fields)
    response: Any = connection.getresponse()
    response.text = response.read().decode()
    connection.close()
    return response


def test_the_pages_give_one_command() -> None:
    assert len({serve_behind_a_proxy(page) for page in PAGES}) == 1


@pytest.mark.parametrize("path", ["/files/", "/files"])
def test_a_token_is_required(nginx: Nginx, token: str, path: str) -> None:
    assert ask(nginx, "POST", path, **CREATE).status == 401
    assert ask(nginx, "POST", path, **CREATE, Authorization="Bearer wrong").status == 401
    created = ask(nginx, "POST", path, **CREATE, Authorization=f"Bearer {token}")
    assert (created.status, created.text) == (201, "")
    assert re.fullmatch("/files/[0-9a-f]{32}", created.getheader("Location"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.1:8000"])
def test_a_client_that_claims_to_be_this_machine_needs_one_too(nginx: Nginx, host: str) -> None:
    assert ask(nginx, "POST", "/files/", host, **CREATE).status == 401


def test_pages_and_probes_are_there(nginx: Nginx) -> None:
    for path in ("/", "/legacy/", "/docs", "/healthz", "/readyz", "/admin/login/"):
        assert ask(nginx, "GET", path).status == 200, path
    assert f"http://{HOST}/files/" in ask(nginx, "GET", "/").text
    assert ask(nginx, "GET", "/healthz", "10.0.0.5").status == 200


def test_another_name_is_told_what_to_set(nginx: Nginx, server: Server) -> None:
    refused = ask(nginx, "POST", "/files/", "elsewhere.example", **CREATE)
    assert refused.status == 400
    assert refused.text.startswith("host-not-allowed: ")
    assert "host=elsewhere.example" in server.log


def test_the_command_line_uploads(nginx: Nginx, token: str, tmp_path: Path) -> None:
    """Of the documented URL only the name, which no name server knows, is another."""
    (words, *_) = commands("docs/nginx.md", "tusbridge upload")
    file = make_file(tmp_path, 1000)
    given = {"FILE": str(file), "TOKEN": token, f"http://{HOST}/files/": nginx.url}
    ran = tusbridge(*(given.get(word, word) for word in words[1:]))
    assert ran.returncode == 0, ran.stderr


def test_parallel_uploads_arrive_under_another_prefix(
    server: Server, token: str, tmp_path: Path
) -> None:
    """Clients name parts by URLs that the server does not know."""
    (block,) = re.findall(r"```nginx\n(.*?)```", text_of("docs/nginx.md"), re.DOTALL)
    site = included("docs/nginx.md").replace("    location / {", f"{block}\n    location / {{", 1)
    file = make_file(tmp_path, LENGTH)
    options = {"parallelUploads": 3, "headers": {"Authorization": f"Bearer {token}"}}
    with Nginx(tmp_path / "nginx", server.port, site) as nginx:
        endpoint = f"http://{HOST}:{nginx.port}/uploads"
        with NodeClient(endpoint, file, options=options) as client:
            outcome = client.outcome()
    assert outcome.ok, outcome
    assert {sent.url.split("/")[3] for sent in outcome.requests} == {"uploads"}
    assert outcome.url
    moved = replace(outcome, url=outcome.url.replace("/uploads/", "/files/"))
    assert_arrived(moved, server, file, token)


@pytest.mark.parametrize("parts", [1, 3])
def test_uploads_arrive_also_with_a_restart_in_the_midst(
    server: Server, nginx: Nginx, token: str, tmp_path: Path, parts: int
) -> None:
    file = make_file(tmp_path, LENGTH)
    options: dict[str, Any] = {
        "chunkSize": CHUNK,
        "retryDelays": PATIENT,
        "headers": {"Authorization": f"Bearer {token}"},
        **({"parallelUploads": parts} if parts > 1 else {}),
    }
    with FaultProxy(nginx.url) as proxy:
        url = proxy.url.replace("127.0.0.1", HOST)
        second = f"Upload-Offset: {CHUNK}\r\n"
        held = [proxy.hold_after(CHUNK // 2, head=second) for _ in range(parts)]
        before = len(nginx.requests)
        with NodeClient(url, file, options=options) as client:
            wait_until_held(held)
            server.stop()
            for fault in held:
                fault.release()
            nginx.wait_for("HEAD /files/[0-9a-f]{32} 423", since=before)
            server.start()
            outcome = client.outcome()
        assert_arrived(outcome, server, file, token)
        assert {sent.url.split("/")[2].split(":")[0] for sent in outcome.requests} == {HOST}
        assert proxy.bytes_upstream <= LENGTH + parts * CHUNK + HEADS_BYTES
