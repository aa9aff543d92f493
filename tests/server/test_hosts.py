"""Host names under `tusbridge serve`: who is answered, who is told what to set, and what the server
calls itself."""

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.test_cli import tusbridge
from tests.support.servers import Server, running
from tusbridge.server.links import forget_links

CREATE = {"Tus-Resumable": "1.0.0", "Upload-Length": "5"}
PAGE = "https://app.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ("--allowed-host", "Files.example", "--cors-origin", f"{PAGE}/")
    with running("serve", tmp_path_factory.mktemp("hosts"), flags=flags) as server:
        yield server


def ask(
    server: Server, method: str, path: str, host: str, **fields: str
) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, headers={"Host": host} | fields)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response, body


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize(
    "host", ["10.0.0.5:8000", "tus_bridge:8000", "files.example", "[fd00::5]:8000", "a b", ""]
)
def test_probes_are_answered_under_any_host(server: Server, path: str, host: str) -> None:
    response, body = ask(server, "GET", path, host)
    assert response.status == 200, body
    assert ask(server, "HEAD", path, host)[0].status == 200
    assert ask(server, "POST", path, host)[0].status == 405


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", "/files/"), ("POST", "/files"), ("OPTIONS", "/files/"), ("GET", "/files/x")),
        *(("GET", "/"), ("GET", "/docs"), ("POST", "/legacy/upload/"), ("GET", "/admin/")),
    ],
)
def test_another_name_is_told_what_to_set(server: Server, method: str, path: str) -> None:
    response, body = ask(server, method, path, "uploads.example", Origin=PAGE, **CREATE)
    assert response.status == 400
    assert body.startswith("host-not-allowed: ")
    assert "--allowed-host" in body
    assert "uploads.example" not in body
    assert response.getheader("Tus-Resumable") == "1.0.0"
    assert response.getheader("Access-Control-Allow-Origin") == PAGE
    # once, however often it comes
    lines = [line for line in server.log.splitlines() if "host-not-allowed" in line]
    (line,) = [line for line in lines if "host=uploads.example" in line]
    assert "WARNING" in line
    assert "--allowed-host uploads.example" in line


@pytest.mark.parametrize("host", ["tus_bridge:8000", "a b", "files.example:x", "\u00fc.example"])
def test_what_is_no_host_name_is_told(server: Server, host: str) -> None:
    response, body = ask(server, "POST", "/files/", host, **CREATE)
    assert response.status == 400
    assert body.startswith("host-not-allowed: Host is not a valid host name")
    assert "underscore" in body
    assert "not a valid host name" in server.log


@pytest.mark.parametrize(
    "host", ["files.example", "FILES.example:8443", "files.example.", "127.0.0.1", "localhost:1"]
)
def test_its_own_names_are_answered(server: Server, host: str) -> None:
    response, body = ask(server, "OPTIONS", "/files/", host)
    assert response.status == 200, body


def test_the_start_tells_the_names(server: Server) -> None:
    assert re.search(r"host names +files\.example", server.log)


def test_names_that_scanners_make_up_do_not_fill_the_log(tmp_path: Path) -> None:
    with running("serve", tmp_path) as server:
        for number in range(150):
            assert ask(server, "GET", "/", f"x{number}.example")[0].status == 400
        assert server.log.count("host-not-allowed") == 100


@pytest.mark.parametrize("host", ["files.example", "127.0.0.1"])
def test_a_client_may_need_a_whole_url(tmp_path: Path, host: str) -> None:
    """R31: it comes from the flag, and from no field of the request."""
    url = "https://Files.example:8443/up/"
    flags = ("--absolute-location", url, "--allowed-host", "files.example", "--allow-anonymous")
    with running("serve", tmp_path, flags=flags) as server:
        told = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
        response, _ = ask(server, "POST", "/files/", host, **CREATE, **told)
        location = response.getheader("Location", "")
        assert re.fullmatch("https://files.example:8443/up/files/[0-9a-f]{32}", location)
        assert "https://files.example:8443/up/files/" in ask(server, "GET", "/", host)[1]
        part = CREATE | {"Upload-Concat": "partial", "Upload-Length": "0"}
        parts = [ask(server, "POST", "/files/", host, **part)[0].getheader("Location")] * 2
        final = {"Tus-Resumable": "1.0.0", "Upload-Concat": f"final;{' '.join(map(str, parts))}"}
        assert ask(server, "POST", "/files", host, **final)[0].status == 201


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--allowed-host", "https://files.example/"), "'https://files.example/' is a URL"),
        (("--allowed-host", "my_service"), "--allowed-host: 'my_service' has an underscore"),
        (("--absolute-location", "files.example"), "--absolute-location: 'files.example' is not"),
    ],
)
def test_what_would_never_match_is_told_at_the_start(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    ran = tusbridge("serve", "--data-dir", str(tmp_path / "data"), *words)
    assert ran.returncode != 0
    assert said in ran.stderr


LINKS = {
    "TUSBRIDGE_PORT": "tcp://10.0.0.11:8000",
    "TUSBRIDGE_PORT_8000_TCP": "tcp://10.0.0.11:8000",
    "TUSBRIDGE_PORT_8000_TCP_PROTO": "tcp",
    "TUSBRIDGE_PORT_8000_TCP_PORT": "8000",
    "TUSBRIDGE_PORT_8000_TCP_ADDR": "10.0.0.11",
    "TUSBRIDGE_SERVICE_HOST": "10.0.0.11",
    "TUSBRIDGE_SERVICE_PORT": "8000",
    "TUSBRIDGE_SERVICE_PORT_HTTP": "8000",
    "TUSBRIDGE_NAME": "/web/tusbridge",
    "TUSBRIDGE_ENV_PORT": "8000",
}


def test_a_kubernetes_service_of_that_name_does_not_stop_the_start(tmp_path: Path) -> None:
    with running("serve", tmp_path) as server:
        server.stop()
        server.environ |= LINKS
        server.start()
        response, _ = ask(server, "GET", "/readyz", "127.0.0.1")
        assert response.status == 200
        assert "TUSBRIDGE_PORT=tcp://10.0.0.11:8000 is ignored" in server.log
        data = ("--data-dir", str(tmp_path / "data"))
        made = tusbridge("token", "alice", *data, **LINKS)
        assert made.returncode == 0, made.stderr
        assert len(made.stdout.split()) == 1
        swept = tusbridge("sweep", "--json", *data, **LINKS)
        assert swept.returncode == 0, swept.stderr
        assert json.loads(swept.stdout.splitlines()[-1])["kinds"]


@pytest.mark.parametrize("value", ["tcp://10.0.0.11:8000", "udp://[fd00::1]:53", "SCTP://x:1"])
def test_only_links_are_forgotten(value: str) -> None:
    environ = LINKS | {"TUSBRIDGE_PORT": value, "TUSBRIDGE_HOST": "0.0.0.0"}
    (line,) = forget_links(environ)
    assert f"TUSBRIDGE_PORT={value} is ignored" in line
    assert environ == {k: v for k, v in LINKS.items() if k != "TUSBRIDGE_PORT"} | {
        "TUSBRIDGE_HOST": "0.0.0.0"
    }
    assert forget_links({"TUSBRIDGE_PORT": "9000"}) == []
    assert forget_links({"TUSBRIDGE_PORT": "http"}) == []
