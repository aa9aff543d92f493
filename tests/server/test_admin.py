"""/admin/ of the runnable server: logging in over a socket, and what uploads do not pay for it."""

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.server.test_cli import get, make_file, tusbridge
from tests.support.servers import ROOT, Server, running
from tusbridge.server.config import ServerConfig

PASSWORD = "correct horse battery"


class Browser:
    """As much of a browser as a form and its cookies need."""

    def __init__(self, server: Server, **fields: str) -> None:
        self.port = server.port
        self.fields = {"Host": f"127.0.0.1:{server.port}"} | fields
        self.cookies: SimpleCookie = SimpleCookie()

    def request(
        self, method: str, path: str, form: dict[str, str] | None = None, **fields: str
    ) -> tuple[HTTPResponse, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = self.fields | fields
        sent = [
            f"{name}={cookie.value}"
            for name, cookie in self.cookies.items()
            if path.startswith(cookie["path"])
        ]
        if sent:
            headers["Cookie"] = "; ".join(sent)
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with closing(connection):
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                self.cookies.load(value)
        return response, text

    def token(self, text: str) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)
        assert found, text[:500]
        return found[1]

    def log_in(self, name: str = "root", password: str = PASSWORD, **fields: str) -> HTTPResponse:
        _, text = self.request("GET", "/admin/login/", **fields)
        form = {"csrfmiddlewaretoken": self.token(text), "username": name, "password": password}
        response, _ = self.request("POST", "/admin/login/?next=/admin/", form, **fields)
        return response


def make_admin(place: Path, name: str = "root", password: str = PASSWORD) -> None:
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "tusbridge", "admin", name, "--password-stdin"),
            *("--data-dir", str(place / "data")),
        ],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("TUSBRIDGE_")},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("admin")
    make_admin(place)
    with running("serve", place) as server:
        yield server


def test_a_login_leads_to_the_uploads(server: Server, tmp_path: Path) -> None:
    file = make_file(tmp_path, 1000)
    url = tusbridge("upload", "-q", str(file), server.url).stdout.strip()
    browser = Browser(server)
    response, _ = browser.request("GET", "/admin/tusbridge/upload/")
    assert (response.status, response.getheader("Location", "").split("?")[0]) == (
        302,
        "/admin/login/",
    )
    origin = f"http://127.0.0.1:{server.port}"
    response = browser.log_in(Origin=origin, Referer=f"{origin}/admin/login/")
    assert (response.status, response.getheader("Location")) == (302, "/admin/")
    response, text = browser.request("GET", "/admin/tusbridge/upload/")
    assert response.status == 200
    assert url.rpartition("/")[2] in text
    download = re.search(r'href="(/admin/tusbridge/upload/\d+/download/)"', text)
    assert download
    response, text = browser.request("GET", download[1])
    assert (response.status, response.getheader("Content-Length")) == (200, "1000")
    assert "sandbox" in response.getheader("Content-Security-Policy", "")
    assert len(file.read_bytes()) == 1000


def test_a_large_download_from_the_admin_is_whole_and_costs_no_memory(
    server: Server, tmp_path: Path
) -> None:
    file = make_file(tmp_path, 96 * 2**20)
    tusbridge("upload", "-q", str(file), server.url)
    browser = Browser(server)
    browser.log_in()
    _, text = browser.request("GET", "/admin/tusbridge/upload/")
    path = re.findall(r'href="(/admin/tusbridge/upload/\d+/download/)"', text)[0]
    before = server.memory()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    with closing(connection), file.open("rb") as expected:
        cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in browser.cookies.items())
        connection.request("GET", path, headers={"Cookie": cookies})
        response = connection.getresponse()
        assert response.status == 200
        peak = before
        while block := response.read(2**20):
            assert block == expected.read(len(block))
            peak = max(peak, server.memory())
        assert not expected.read(1)
    assert peak - before < 48 * 2**20, f"{(peak - before) / 2**20:.0f} MiB more"


@pytest.mark.parametrize(
    ("name", "password"), [("root", "wrong"), ("nobody", PASSWORD), ("user", PASSWORD)]
)
def test_others_do_not_get_in(server: Server, name: str, password: str) -> None:
    tusbridge("token", "user", "--data-dir", str(server.place / "data"))
    assert Browser(server).log_in(name, password).status == 200


@pytest.mark.parametrize("missing", ["token", "cookie", "origin"])
def test_a_form_of_another_page_is_refused(server: Server, missing: str) -> None:
    browser = Browser(server)
    _, text = browser.request("GET", "/admin/login/")
    form = {"csrfmiddlewaretoken": browser.token(text), "username": "root", "password": PASSWORD}
    fields = {}
    if missing == "token":
        del form["csrfmiddlewaretoken"]
    elif missing == "cookie":
        browser.cookies.clear()
    else:
        fields["Origin"] = "http://evil.example"
    response, _ = browser.request("POST", "/admin/login/", form, **fields)
    assert response.status == 403


def test_cookies_are_for_the_admin_only_and_out_of_reach_for_scripts(server: Server) -> None:
    browser = Browser(server)
    browser.log_in()
    assert set(browser.cookies) == {"tusbridge-csrf", "tusbridge-session"}
    for cookie in browser.cookies.values():
        assert (cookie["path"], cookie["samesite"]) == ("/admin/", "Strict")
        assert cookie["httponly"]
        assert not cookie["secure"]


@pytest.mark.parametrize("proto", ["https", "HTTPS"])
def test_behind_tls_cookies_stay_there(server: Server, proto: str) -> None:
    browser = Browser(server, **{"X-Forwarded-Proto": proto})
    browser.log_in()
    assert all(cookie["secure"] for cookie in browser.cookies.values())
    assert len(browser.cookies) == 2


def test_behind_a_proxy_that_ends_tls_its_name_has_to_be_told(tmp_path: Path) -> None:
    make_admin(tmp_path)
    flags = ("--allowed-host", "files.example", "--allowed-host", "127.0.0.1")
    with running("serve", tmp_path, flags=flags) as server:
        fields = {
            "Host": "files.example",
            "X-Forwarded-Proto": "https",
            "Origin": "https://files.example",
        }
        assert Browser(server, **fields).log_in().status == 302
        assert Browser(server, **(fields | {"Origin": "https://x.example"})).log_in().status == 403


@pytest.mark.parametrize(
    ("names", "origins"),
    [
        ((), []),
        (("*",), []),
        (("a.example", "*"), ["https://a.example"]),
        ((".a.example",), ["https://*.a.example", "https://a.example"]),
    ],
)
def test_origins_that_are_trusted_come_from_the_names(
    names: tuple[str, ...], origins: list[str]
) -> None:
    assert ServerConfig(allowed_host=names).tls_origins == origins
    seen = ServerConfig(allowed_host=names, absolute_location="https://s.example:8443/up")
    assert seen.tls_origins == ["https://s.example:8443", *origins]


def test_every_answer_of_the_admin_has_strict_fields(server: Server) -> None:
    for path in ("/admin/login/", "/admin/", "/admin/nothing/"):
        response, _ = Browser(server).request("GET", path)
        policy = response.getheader("Content-Security-Policy", "")
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert response.getheader("X-Frame-Options") == "DENY"
        assert response.getheader("X-Content-Type-Options") == "nosniff"


def test_its_scripts_and_styles_are_served(server: Server) -> None:
    base = server.url.removesuffix("/files/")
    _, text = Browser(server).request("GET", "/admin/login/")
    found = re.findall(r'(?:href|src)="(/static/[^"]+)"', text)
    assert len(found) > 3
    for path in found:
        assert get(base + path)[0] == 200, path


def test_uploads_know_nothing_of_cookies(server: Server, tmp_path: Path) -> None:
    """An administrator's browser is nobody in particular to /files/, whatever it sends."""
    browser = Browser(server)
    browser.log_in()
    url = tusbridge("upload", "-q", str(make_file(tmp_path, 10)), server.url).stdout.strip()
    path = url[url.index("/files/") :]
    for cookie in browser.cookies.values():
        cookie["path"] = "/"
    response, _ = browser.request("HEAD", path, **{"Tus-Resumable": "1.0.0"})
    assert response.status == 200
    assert response.getheader("Set-Cookie") is None
    assert "Cookie" not in (response.getheader("Vary") or "")


def test_a_user_takes_the_uploads_along_with_their_files(server: Server, tmp_path: Path) -> None:
    data = ("--data-dir", str(server.place / "data"))
    token = tusbridge("token", "leaving", *data).stdout.strip()
    ran = tusbridge("upload", "-q", str(make_file(tmp_path, 10)), server.url, "--token", token)
    key = ran.stdout.strip().rpartition("/")[2]
    stored = server.place / "data" / "files" / "uploads" / key[:2] / key
    assert stored.exists()
    browser = Browser(server)
    browser.log_in()
    _, text = browser.request("GET", "/admin/auth/user/?q=leaving")
    user = re.search(r"/admin/auth/user/(\d+)/change/[^\"]*\">leaving", text)
    assert user
    path = f"/admin/auth/user/{user[1]}/delete/"
    _, text = browser.request("GET", path)
    assert key in text
    form = {"csrfmiddlewaretoken": browser.token(text), "post": "yes"}
    assert browser.request("POST", path, form)[0].status == 302
    assert not stored.exists()
    assert get(ran.stdout.strip(), Authorization=f"Bearer {token}")[0] == 401


def test_tokens_are_seen_and_revoked_there(server: Server) -> None:
    token = tusbridge("token", "revoked", "--data-dir", str(server.place / "data")).stdout.strip()
    fields = {"Authorization": f"Bearer {token}"}
    url = server.url + "0" * 32
    assert get(url, **fields)[0] == 404
    browser = Browser(server)
    browser.log_in()
    _, text = browser.request("GET", "/admin/tusbridge_server/accesstoken/")
    assert "revoked" in text
    assert token not in text
    key = re.findall(r"/accesstoken/(\d+)/change/", text)[0]
    path = f"/admin/tusbridge_server/accesstoken/{key}/delete/"
    _, text = browser.request("GET", path)
    browser.request("POST", path, {"csrfmiddlewaretoken": browser.token(text), "post": "yes"})
    assert get(url, **fields)[0] == 401


QUERIES = """
import django
django.setup()
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
client = Client(HTTP_HOST="localhost")
fields = {"tus-resumable": "1.0.0", "upload-length": "10"}
create = client.generic("POST", "/files/", headers=fields)
url = create["Location"]
client.head(url, headers={"tus-resumable": "1.0.0"})
with CaptureQueriesContext(connection) as captured:
    client.cookies["tusbridge-session"] = "x" * 32
    assert client.head(url, headers={"tus-resumable": "1.0.0"}).status_code == 200
print([query["sql"] for query in captured.captured_queries])
assert len(captured) == 1
"""


def test_a_head_costs_one_query_under_the_servers_own_settings(tmp_path: Path) -> None:
    make_admin(tmp_path)
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tusbridge.server.settings",
        "TUSBRIDGE_DATA_DIR": str(tmp_path / "data"),
    }
    ran = subprocess.run(
        [sys.executable, "-c", QUERIES],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:] + ran.stdout


def test_the_system_checks_have_nothing_to_say(tmp_path: Path) -> None:
    make_admin(tmp_path)
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tusbridge.server.settings",
        "TUSBRIDGE_DATA_DIR": str(tmp_path / "data"),
    }
    command = [sys.executable, "-W", "error", "-m", "django", "check", "--fail-level", "WARNING"]
    ran = subprocess.run(
        command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "no issues" in ran.stdout


class TestCommand:
    def run(self, place: Path, *words: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "tusbridge", "admin", *words, "--data-dir", str(place)]
        return subprocess.run(
            command,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if not k.startswith("TUSBRIDGE_")},
            check=False,
        )

    def test_it_makes_an_administrator_and_changes_the_password(self, tmp_path: Path) -> None:
        first = self.run(tmp_path, "root", "--password-stdin", typed="first horse battery\n")
        assert (first.returncode, first.stdout) == (0, "root is an administrator now\n")
        second = self.run(tmp_path, "root", "--password-stdin", typed="second horse battery")
        assert second.stdout == "root is an administrator, with the new password\n"
        assert "horse" not in first.stdout + first.stderr + second.stdout + second.stderr

    @pytest.mark.parametrize(
        ("name", "password", "said"),
        [
            ("root", "short", "too short"),
            ("root", "123456789012", "entirely numeric"),
            ("root", "password1", "too common"),
            ("administrator", "administrator1", "too similar"),
            ("root", "", "too short"),
            ("a b", PASSWORD, "valid username"),
            ("x" * 151, PASSWORD, "at most 150"),
            ("", PASSWORD, "cannot be blank"),
        ],
        ids=lambda value: value[:14],
    )
    def test_what_will_not_do_is_told_and_changes_nothing(
        self, tmp_path: Path, name: str, password: str, said: str
    ) -> None:
        ran = self.run(tmp_path, name, "--password-stdin", typed=f"{password}\n")
        assert ran.returncode == 1
        assert said in ran.stderr
        assert "Traceback" not in ran.stderr
        again = self.run(tmp_path, "root", "--password-stdin", typed=f"{PASSWORD}\n")
        assert again.stdout == "root is an administrator now\n"

    def test_without_a_terminal_it_says_how_to_give_the_password(self, tmp_path: Path) -> None:
        ran = self.run(tmp_path / "data", "root", typed=f"{PASSWORD}\n")
        assert ran.returncode == 1
        assert "--password-stdin" in ran.stderr
        assert not (tmp_path / "data").exists()

    @pytest.mark.parametrize("second", [PASSWORD, "something else"], ids=["same", "different"])
    def test_on_a_terminal_it_asks_twice_and_shows_nothing(
        self, tmp_path: Path, second: str
    ) -> None:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "tusbridge", "admin", "root", "--data-dir", str(tmp_path)]
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, start_new_session=True
        )
        os.close(theirs)
        seen = ""
        answers = [("Password: ", PASSWORD), ("Repeat for confirmation: ", second)]
        if second != PASSWORD:
            answers += [("Password: ", PASSWORD), ("Repeat for confirmation: ", PASSWORD)]
        deadline = time.monotonic() + 60
        at = 0
        for prompt, answer in answers:
            while prompt not in seen[at:]:
                assert time.monotonic() < deadline, seen
                seen += os.read(ours, 1000).decode()
            at = seen.index(prompt, at) + len(prompt)
            os.write(ours, f"{answer}\n".encode())
        with suppress(OSError):  # the other end is closed when it ends
            while block := os.read(ours, 1000):
                seen += block.decode()
        assert process.wait(60) == 0, seen
        os.close(ours)
        assert "root is an administrator now" in seen
        assert PASSWORD not in seen
        assert ("do not match" in seen) == (second != PASSWORD)
