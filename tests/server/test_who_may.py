"""Whom the runnable server takes for this machine, and when it asks for a token."""

import socket
from contextlib import closing
from pathlib import Path

import pytest
from django.test import RequestFactory

from tests.server.test_cli import tusbridge
from tests.support.servers import Server, running
from tusbridge.server.config import ServerConfig
from tusbridge.server.policy import sign_of_others

CREATION = {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Content-Length": "0"}
# One each of what proxies, load balancers, tunnels and content delivery networks add.
ADDED = [
    ("X-Forwarded-For", "192.0.2.1"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "files.example"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Prefix", "/up"),
    ("X-Forwarded-Scheme", "https"),
    ("X-Forwarded-Server", "proxy"),
    ("X-Forwarded-Ssl", "on"),
    ("X-Forwarded", "for=192.0.2.1"),
    ("Forwarded", "for=192.0.2.1"),
    ("Forwarded-For", "192.0.2.1"),
    ("Via", "1.1 proxy"),
    ("X-Real-IP", "192.0.2.1"),
    ("X-Client-IP", "192.0.2.1"),
    ("Client-IP", "192.0.2.1"),
    ("X-Cluster-Client-IP", "192.0.2.1"),
    ("True-Client-IP", "192.0.2.1"),
    ("CF-Connecting-IP", "192.0.2.1"),
    ("CF-Connecting-IPv6", "2001:db8::1"),
    ("CF-Ray", "1"),
    ("CDN-Loop", "cloudflare"),
    ("Fastly-Client-IP", "192.0.2.1"),
    ("Fly-Client-IP", "192.0.2.1"),
    ("X-Azure-ClientIP", "192.0.2.1"),
    ("X-Amzn-Trace-Id", "Root=1"),
    ("X-Appengine-User-IP", "192.0.2.1"),
    ("X-Envoy-External-Address", "192.0.2.1"),
    ("X-Original-For", "192.0.2.1"),
    ("X-Original-Host", "files.example"),
    ("X-Remote-Addr", "192.0.2.1"),
    ("WL-Proxy-Client-IP", "192.0.2.1"),
    ("X-ProxyUser-IP", "192.0.2.1"),
    ("X-Host", "files.example"),
    ("X-Scheme", "https"),
    ("Front-End-Https", "on"),
    ("Tailscale-User-Login", "alice"),
    ("X-Request-Start", "t=1"),
    ("X-Forwarded-For", ""),
]


def meta(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


class TestSigns:
    @pytest.mark.parametrize(("name", "value"), ADDED)
    def test_what_a_proxy_adds_is_seen(self, name: str, value: str) -> None:
        made = RequestFactory().post("/files/", HTTP_HOST="127.0.0.1:8000", **{meta(name): value})
        assert sign_of_others(made).lower() == name.lower()

    @pytest.mark.parametrize(
        ("fields", "sign"),
        [
            ({"SERVER_PROTOCOL": "HTTP/1.0"}, "HTTP/1.0"),
            ({"HTTP_HOST": "files.example"}, "Host is not a name of loopback"),
            ({"HTTP_HOST": "192.0.2.1:8000"}, "Host is not a name of loopback"),
            ({"HTTP_HOST": "app.localhost"}, "Host is not a name of loopback"),
            ({"HTTP_HOST": "localhost.example"}, "Host is not a name of loopback"),
            ({"HTTP_HOST": ""}, "Host is not a name of loopback"),
            ({"REMOTE_ADDR": "192.0.2.1"}, "the peer is not on loopback"),
            ({"REMOTE_ADDR": ""}, "the peer is not on loopback"),
        ],
    )
    def test_so_are_other_hosts_peers_and_the_old_version(
        self, fields: dict[str, str], sign: str
    ) -> None:
        told = {"HTTP_HOST": "127.0.0.1:8000", "SERVER_PROTOCOL": "HTTP/1.1"} | fields
        assert sign_of_others(RequestFactory().post("/files/", **told)) == sign

    @pytest.mark.parametrize(
        "fields",
        [
            {"HTTP_HOST": "localhost"},
            {"HTTP_HOST": "LOCALHOST:8000"},
            {"HTTP_HOST": "127.0.0.1"},
            {"HTTP_HOST": "127.0.0.2:8000"},
            {"HTTP_HOST": "[::1]:8000", "REMOTE_ADDR": "::1"},
            {"HTTP_HOST": "localhost:1", "REMOTE_ADDR": "::ffff:127.0.0.1"},
            {"HTTP_HOST": "localhost", "HTTP_CONNECTION": "close"},
            # what browsers and clients send by themselves
            {
                "HTTP_HOST": "localhost:8000",
                "HTTP_ORIGIN": "http://localhost:8000",
                "HTTP_SEC_FETCH_SITE": "same-origin",
                "HTTP_X_REQUEST_ID": "1",
                "HTTP_X_REQUESTED_WITH": "XMLHttpRequest",
                "HTTP_X_HTTP_METHOD_OVERRIDE": "PATCH",
                "HTTP_SEC_CH_UA_PLATFORM": '"Linux"',
                "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
                "HTTP_USER_AGENT": "x",
            },
        ],
    )
    def test_this_machines_own_clients_show_none(self, fields: dict[str, str]) -> None:
        assert sign_of_others(RequestFactory().post("/files/", **fields)) == ""


@pytest.mark.parametrize(
    ("given", "anonymous"),
    [
        ({}, "this machine"),
        ({"host": "::1"}, "this machine"),
        ({"host": "localhost"}, "this machine"),
        ({"allowed_host": ("localhost", "127.0.0.1", "[::1]", "LOCALHOST.")}, "this machine"),
        ({"allowed_host": ("files.example",)}, "no machine"),
        ({"allowed_host": ("localhost", "files.example")}, "no machine"),
        ({"allowed_host": ("*",)}, "no machine"),
        ({"allowed_host": (".localhost",)}, "no machine"),
        ({"require_token": True}, "no machine"),
        ({"host": "0.0.0.0"}, "no machine"),
        ({"host": "::"}, "no machine"),
        ({"host": "192.0.2.1"}, "no machine"),
        ({"allow_anonymous": True}, "any machine"),
        ({"allow_anonymous": True, "allowed_host": ("files.example",)}, "any machine"),
    ],
)
def test_the_settings_say_from_where_no_token_is_needed(
    given: dict[str, object], anonymous: str
) -> None:
    assert ServerConfig(**given).anonymous == anonymous  # type: ignore[arg-type]


def answer(server: Server, path: str = "/files/", version: str = "1.1", **fields: str) -> int:
    """The status of a creation, sent by hand."""
    told = {"Host": f"127.0.0.1:{server.port}"} | CREATION | fields
    lines = [f"{name}: {value}\r\n" for name, value in told.items()]
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=20)) as connection:
        connection.sendall(f"POST {path} HTTP/{version}\r\n{''.join(lines)}\r\n".encode())
        return int(connection.recv(65536).split(b" ", 2)[1])


class TestServer:
    def test_what_a_proxy_passes_on_needs_a_token(self, tmp_path: Path) -> None:
        with running("serve", tmp_path) as server:
            assert "only this machine may upload without a token" in server.log
            assert answer(server) == 201
            for name, value in ADDED:
                assert answer(server, **{name: value}) == 401, name
            # `proxy_pass http://127.0.0.1:8000;` and nothing else, before nginx 1.29.7
            assert answer(server, version="1.0", Connection="close") == 401
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            assert answer(server, "/legacy/complete/", **form) == 400
            assert answer(server, "/legacy/complete/", **form, Via="1.1 x") == 403
            assert server.log.count("token-required") == len({n for n, _ in ADDED} | {"1.0"})
            token = tusbridge("token", "one", "--data-dir", str(tmp_path / "data")).stdout.strip()
            bearer = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "192.0.2.1"}
            assert answer(server, **bearer) == 201

    @pytest.mark.parametrize(
        "flags",
        [("--require-token",), ("--allowed-host", "files.example", "--allowed-host", "127.0.0.1")],
    )
    def test_a_server_for_others_asks_this_machine_too(
        self, tmp_path: Path, flags: tuple[str, ...]
    ) -> None:
        with running("serve", tmp_path, flags=flags) as server:
            assert "uploads need a token: tusbridge token NAME" in server.log
            assert answer(server) == 401

    def test_a_server_for_all_says_so(self, tmp_path: Path) -> None:
        with running("serve", tmp_path, flags=("--allow-anonymous",)) as server:
            assert "all who reach this address may upload without a token" in server.log
            assert answer(server, Via="1.1 x", Host="127.0.0.1") == 201

    @pytest.mark.parametrize(
        ("flags", "environ"),
        [
            (("--require-token", "--allow-anonymous"), {}),
            (("--allow-anonymous",), {"TUSBRIDGE_REQUIRE_TOKEN": "1"}),
            (("--require-token",), {"TUSBRIDGE_ALLOW_ANONYMOUS": "true"}),
        ],
    )
    def test_a_contradiction_is_refused_at_the_start(
        self, tmp_path: Path, flags: tuple[str, ...], environ: dict[str, str]
    ) -> None:
        ran = tusbridge("serve", "--data-dir", str(tmp_path), *flags, **environ)
        assert ran.returncode != 0
        assert "--require-token: contradicts --allow-anonymous" in ran.stderr
