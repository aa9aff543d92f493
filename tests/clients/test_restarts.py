"""What a long upload meets: restarts of the server behind nginx, and tokens that run out."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.node import NodeClient, require_client
from tests.server.test_cli import tusbridge
from tests.support.nginx import Nginx
from tests.support.proxy import FaultProxy
from tests.support.serve import download, require, sha256
from tests.support.servers import ROOT, Server, running
from tests.support.tus_js import Outcome, make_file, wait_until_held

pytestmark = [pytest.mark.node, pytest.mark.nginx]

MIB = 1024 * 1024
LENGTH = 24 * MIB
CHUNK = 4 * MIB
# What the heads of an upload's requests take at most, in bytes.
HEADS_BYTES = 64 * 1024
# A client that waits for a server goes on for longer than any of this takes.
PATIENT = [0, 200, 500, *[1000] * 30]


@pytest.fixture(autouse=True, scope="module")
def _parts_are_installed() -> None:
    require_client()
    require(shutil.which("nginx"), "nginx (apt-get install nginx-light)")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running("serve", tmp_path / "serve") as server:
        yield server


@pytest.fixture
def nginx(server: Server, tmp_path: Path) -> Iterator[Nginx]:
    with Nginx(tmp_path / "nginx", server.port) as nginx:
        yield nginx


@pytest.fixture
def proxy(nginx: Nginx) -> Iterator[FaultProxy]:
    """Between client and nginx: it counts what is sent, and stalls requests."""
    with FaultProxy(nginx.url) as proxy:
        yield proxy


def token_of(server: Server, *words: str) -> str:
    made = tusbridge("token", "alice", "--data-dir", str(server.place / "data"), *words)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def assert_arrived(outcome: Outcome, server: Server, file: Path, token: str) -> None:
    assert outcome.ok, outcome
    assert outcome.url
    url = re.sub("^http://[^/]*/files/", server.url, outcome.url)
    assert sha256(download(url, token)) == sha256(file.read_bytes())


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize(
    ("options", "count"), [({}, 1), ({"parallelUploads": 3}, 3)], ids=["one", "parallel"]
)
def test_an_upload_outlives_a_restart_behind_nginx(
    server: Server,
    nginx: Nginx,
    proxy: FaultProxy,
    tmp_path: Path,
    how: str,
    options: dict[str, Any],
    count: int,
) -> None:
    """nginx's own 502 for HEAD would have the client begin at byte 0."""
    file = make_file(tmp_path, LENGTH)
    token = token_of(server)
    # in the midst of the second chunk
    held = [proxy.hold_after(CHUNK // 2, head=f"Upload-Offset: {CHUNK}\r\n") for _ in range(count)]
    fields = {"Authorization": f"Bearer {token}"}
    options = {**options, "chunkSize": CHUNK, "retryDelays": PATIENT, "headers": fields}
    with NodeClient(proxy.url, file, options=options) as client:
        wait_until_held(held)
        server.stop() if how == "stop" else server.kill()
        for fault in held:
            fault.release()
        nginx.wait_for("HEAD /files/[0-9a-f]{32} 423", count=count + 1)
        server.start()
        outcome = client.outcome()
    assert_arrived(outcome, server, file, token)
    assert sum(sent.method == "POST" for sent in outcome.requests) == (
        count + 1 if count > 1 else 1
    )
    # nothing twice but the interrupted chunks
    assert proxy.bytes_upstream <= LENGTH + count * CHUNK + HEADS_BYTES
    assert not [line for line in nginx.requests if re.fullmatch("HEAD .* 502", line)]


def _block(page: str, wanted: str) -> str:
    """The JavaScript of a page that has this in it."""
    blocks = re.findall(r"```js\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    (block,) = [block for block in blocks if wanted in block]
    return str(block)


def test_an_upload_outlives_its_token_as_the_documentation_says(
    server: Server, nginx: Nginx, proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, LENGTH)
    kept = tmp_path / "token"
    kept.write_text(token_of(server))
    # the fifth chunk of a mebibyte
    held = proxy.hold_after(0, head="Upload-Offset: 4194304\r\n")
    script = ROOT / "tests" / "clients" / "js" / "documented.mjs"
    block = _block("tus-js-client.md", "forgetToken")
    given = {"block": block, "tokenFile": str(kept)}
    with NodeClient(proxy.url, file, script=script, **given) as client:
        wait_until_held([held])
        token_of(server, "--revoke")
        kept.write_text(token_of(server))
        held.release()
        outcome = client.outcome()
    assert_arrived(outcome, server, file, kept.read_text())
    statuses = [(sent.method, sent.status) for sent in outcome.requests]
    assert ("PATCH", 401) in statuses
    assert ("HEAD", 401) not in statuses
    assert statuses.count(("POST", 201)) == 1
    assert proxy.bytes_upstream <= LENGTH + 2 * MIB


@pytest.mark.parametrize("page", ["uppy.md", "tus-js-client.md"])
def test_clients_wait_for_longer_than_a_deployment_takes(page: str) -> None:
    told = re.findall(r"retryDelays: \[([0-9, ]+)\]", (ROOT / "docs" / page).read_text())
    assert told
    for delays in told:
        assert sum(map(int, delays.split(","))) >= 120_000
