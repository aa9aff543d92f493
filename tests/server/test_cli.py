"""The command line, run as a user runs it."""

import hashlib
import http.client
import json
import os
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.proxy import FaultProxy
from tests.support.servers import ROOT, running

MIB = 1024 * 1024


def tusbridge(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: v for name, v in os.environ.items() if not name.startswith("TUSBRIDGE_")}
    return subprocess.run(
        [sys.executable, "-m", "tusbridge", *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env=clean | environ,
        check=False,
    )


def get(url: str, **fields: str) -> tuple[int, bytes]:
    try:
        request = urllib.request.Request(url, headers=fields)
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def make_file(folder: Path, length: int) -> Path:
    path = folder / "häuser ☃.bin"
    path.write_bytes(os.urandom(length))
    return path


@pytest.mark.parametrize(
    "command",
    [[], ["serve"], ["upload"], ["token"], ["sweep"], ["admin"]],
    ids=lambda c: " ".join(c),
)
def test_help_is_there_and_does_not_load_django(command: list[str]) -> None:
    ran = tusbridge(*command, "--help")
    assert ran.returncode == 0
    assert "Usage: tusbridge" in ran.stdout
    code = (
        "import sys; from tusbridge.server.cli import cli\n"
        f"try: cli({[*command, '--help']!r})\n"
        "except SystemExit: pass\n"
        "print([m for m in ('django', 'ninja', 'pydantic', 'granian', 'rich') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert loaded.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "0"], "--port"),
        (["--max-length", "5x"], "--max-length: '5x' is no size"),
        (["--user-max-bytes", "5x"], "--user-max-bytes: '5x' is no size"),
        (["--user-max-open", "0"], "--user-max-open"),
        (["--expire-after", "soon"], "--expire-after: 'soon' is no time"),
        (["--durability", "some"], "--durability"),
        (["--cors-origin", "app.example"], "--cors-origin: 'app.example' has no scheme; write"),
        (["--cors-allow-header", "X Y"], "--cors-allow-header: 'X Y' is not the name of a"),
        (["--data-dir", "/dev/null/x"], "--data-dir"),
        (["--host", "no.such.host.invalid"], "--host"),
        (["--database-url", "postgresql://127.0.0.1:1/x"], "--database-url"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_settings_are_named(words: list[str], said: str, tmp_path: Path) -> None:
    ran = tusbridge("serve", "--data-dir", str(tmp_path / "data"), *words)
    assert ran.returncode != 0
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_port_in_use_is_told_even_if_it_could_be_shared(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = tusbridge("serve", "--port", port, "--data-dir", str(tmp_path / "data"))
    assert ran.returncode != 0
    assert "is in use" in ran.stderr


def test_serve_sets_itself_up_and_stops_quickly(tmp_path: Path) -> None:
    with running("serve", tmp_path) as server:
        key = tmp_path / "data" / "secret-key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert len(key.read_text()) > 40
        base = server.url.removesuffix("/files/")
        assert f"takes uploads at {server.url}" in server.log
        assert get(f"{base}/healthz") == (200, b"ok\n")
        status, body = get(f"{base}/readyz")
        assert (status, json.loads(body)) == (200, {"database": "ok", "files": "ok"})
        status, page = get(f"{base}/")
        assert status == 200
        assert server.url.encode() in page
        status, schema = get(f"{base}/openapi.json")
        paths = json.loads(schema)["paths"]
        assert set(paths) == {"/files/", "/files/{upload_id}"}
        assert {"post", "options"} == set(paths["/files/"])
        assert {"head", "patch", "get", "delete"} == set(paths["/files/{upload_id}"])
        assert get(f"{base}/docs")[0] == 200
        assert server.stop() < 10
        again = key.read_text()
        server.start()
        assert key.read_text() == again


def test_readyz_tells_what_is_wrong(tmp_path: Path) -> None:
    with running("serve", tmp_path) as server:
        (tmp_path / "data" / "files.partial").rename(tmp_path / "away")
        status, body = get(server.url.replace("/files/", "/readyz"))
        assert status == 503
        assert json.loads(body)["files"] != "ok"
        (tmp_path / "away").rename(tmp_path / "data" / "files.partial")
        assert get(server.url.replace("/files/", "/readyz"))[0] == 200


def test_json_logs_are_json(tmp_path: Path) -> None:
    with running("serve", tmp_path, flags=("--log-format", "json")) as server:
        ran = tusbridge("upload", "-q", str(make_file(tmp_path, 10)), server.url)
        assert ran.returncode == 0, ran.stderr
        lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    events = {line["event"]: line for line in lines}
    assert events["upload-completed"]["length"] == 10


def test_a_page_under_another_name_gets_no_answer(tmp_path: Path) -> None:
    with running("serve", tmp_path) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/", headers={"Host": "rebound.example"})
        assert connection.getresponse().status == 400
        connection.close()


class TestTokens:
    def test_each_user_sees_the_own_uploads_only(self, tmp_path: Path) -> None:
        with running("serve", tmp_path) as server:
            data = ("--data-dir", str(tmp_path / "data"))
            one, two = (tusbridge("token", name, *data).stdout.strip() for name in ("one", "two"))
            assert len(one) > 40
            assert one != two
            file = make_file(tmp_path, 100)
            ran = tusbridge("upload", "-q", str(file), server.url, "--token", one)
            url = ran.stdout.strip()
            assert get(url, Authorization=f"Bearer {one}") == (200, file.read_bytes())
            assert get(url, Authorization=f"Bearer {two}")[0] == 404
            assert get(url)[0] == 404
            assert get(url, Authorization="Bearer nobody's")[0] == 401
            assert get(url, Authorization="Basic b25lOm9uZQ==")[0] == 401
            assert one not in server.log
            assert "revoked 1" in tusbridge("token", "one", "--revoke", *data).stdout
            assert get(url, Authorization=f"Bearer {one}")[0] == 401
            assert "has no tokens" in tusbridge("token", "one", "--revoke", *data).stderr

    def test_others_than_this_machine_need_one(self, tmp_path: Path) -> None:
        with running("serve", tmp_path / "closed", flags=("--host", "0.0.0.0")) as server:
            ran = tusbridge("upload", str(make_file(tmp_path, 10)), server.url)
            assert ran.returncode != 0
            assert "TUSBRIDGE_TOKEN" in ran.stderr
        flags = ("--host", "0.0.0.0", "--allow-anonymous")
        with running("serve", tmp_path / "open", flags=flags) as server:
            ran = tusbridge("upload", str(make_file(tmp_path, 10)), server.url)
            assert ran.returncode == 0, ran.stderr

    def test_a_proxy_on_this_machine_does_not_let_others_in(self, tmp_path: Path) -> None:
        with running("serve", tmp_path) as server:
            url = server.url + "0" * 32
            assert get(url)[0] == 404
            assert get(url, **{"X-Forwarded-For": "192.0.2.1"})[0] == 401


class TestUpload:
    @pytest.mark.parametrize("length", [0, 1, 5 * MIB], ids=["empty", "a-byte", "5-MiB"])
    @pytest.mark.parametrize("chunk", [None, "1MiB"])
    def test_uploads_a_file_and_prints_its_url(
        self, tmp_path: Path, length: int, chunk: str | None
    ) -> None:
        file = make_file(tmp_path, length)
        with running("serve", tmp_path) as server:
            words = ["--chunk-size", chunk] if chunk else []
            ran = tusbridge("upload", str(file), server.url, *words, XDG_STATE_HOME=str(tmp_path))
            assert ran.returncode == 0, ran.stderr
            assert get(ran.stdout.strip()) == (200, file.read_bytes())
            assert "100 %" in ran.stderr

    def test_goes_on_after_a_break(self, tmp_path: Path) -> None:
        file = make_file(tmp_path, 20 * MIB)
        with running("serve", tmp_path) as server, FaultProxy(server.url) as proxy:
            proxy.reset_after(7 * MIB)
            ran = tusbridge("upload", "-q", str(file), proxy.url, XDG_STATE_HOME=str(tmp_path))
            assert ran.returncode == 0, ran.stderr
            url = ran.stdout.strip().replace(proxy.url, server.url)
            assert (
                hashlib.sha256(get(url)[1]).digest() == hashlib.sha256(file.read_bytes()).digest()
            )

    def test_goes_on_in_a_later_run(self, tmp_path: Path) -> None:
        file = make_file(tmp_path, 20 * MIB)
        state = {"XDG_STATE_HOME": str(tmp_path / "state")}
        with running("serve", tmp_path) as server, FaultProxy(server.url) as proxy:
            proxy.reset_after(7 * MIB)
            first = tusbridge("upload", str(file), proxy.url, "--retries", "0", **state)
            assert first.returncode != 0
            assert "run it again to go on" in first.stderr
            second = tusbridge("upload", str(file), proxy.url, **state)
            assert second.returncode == 0, second.stderr
            assert "0 %, 0 of" not in second.stderr
            assert server.log.count("upload-created") == 1
            assert list((tmp_path / "state").rglob("*.json")) == []

    def test_a_forgotten_upload_is_begun_anew(self, tmp_path: Path) -> None:
        file = make_file(tmp_path, 8 * MIB)
        state = {"XDG_STATE_HOME": str(tmp_path / "state")}
        with running("serve", tmp_path) as server, FaultProxy(server.url) as proxy:
            proxy.reset_after(2 * MIB)
            tusbridge("upload", str(file), proxy.url, "--retries", "0", **state)
            for kept in (tmp_path / "state").rglob("*"):
                if kept.is_file():
                    kept.write_text(json.dumps({"url": proxy.url + "0" * 32}))
            ran = tusbridge("upload", "-q", str(file), proxy.url, **state)
            assert ran.returncode == 0, ran.stderr
            assert server.log.count("upload-created") == 2

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("ftp://127.0.0.1/", "is not a URL"),
            ("http://127.0.0.1:9/files/", "does not answer"),
            ("nonsense", "is not a URL"),
        ],
    )
    def test_says_what_is_wrong(self, tmp_path: Path, url: str, said: str) -> None:
        ran = tusbridge("upload", str(make_file(tmp_path, 1)), url, "--retries", "0")
        assert ran.returncode != 0
        assert said in ran.stderr
        assert "Traceback" not in ran.stderr

    def test_a_server_that_is_no_tus_server_is_told(self, tmp_path: Path) -> None:
        with running("serve", tmp_path) as server:
            url = server.url.replace("/files/", "/elsewhere/")
            ran = tusbridge("upload", str(make_file(tmp_path, 1)), url)
        assert "there is no tus server at" in ran.stderr

    def test_too_large_is_told(self, tmp_path: Path) -> None:
        with running("serve", tmp_path, options={"MAX_LENGTH": "10"}) as server:
            ran = tusbridge("upload", str(make_file(tmp_path, 11)), server.url)
        assert "too-large" in ran.stderr

    def test_R50_an_account_that_is_full_is_told(self, tmp_path: Path) -> None:  # noqa: N802
        with running("serve", tmp_path, options={"USER_MAX_BYTES": "15"}) as server:
            file = str(make_file(tmp_path, 10))
            assert tusbridge("upload", file, server.url).returncode == 0
            ran = tusbridge("upload", file, server.url)
        assert "quota-exceeded: 10 of 15 bytes are taken" in ran.stderr


def test_expired_uploads_are_swept_by_the_server_itself(tmp_path: Path) -> None:
    with running("serve", tmp_path, options={"EXPIRE_AFTER": "2s"}) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        fields = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}
        media_type = {"Content-Type": "application/offset+octet-stream"}
        connection.request("POST", "/files/", body=b"hello", headers=fields | media_type)
        response = connection.getresponse()
        assert response.status == 201
        upload_id = str(response.getheader("Location")).rpartition("/")[2]
        connection.close()
        (partial,) = (tmp_path / "data" / "files.partial" / upload_id[:2]).iterdir()
        assert partial.read_bytes() == b"hello"
        deadline = time.monotonic() + 20
        while partial.exists():
            assert time.monotonic() < deadline, server.log
            time.sleep(0.1)


class TestSweep:
    def test_it_clears_up_beside_a_running_server(self, tmp_path: Path) -> None:
        data = ("--data-dir", str(tmp_path / "data"))
        with running("serve", tmp_path) as server:
            file = make_file(tmp_path, 1000)
            url = tusbridge("upload", "-q", str(file), server.url).stdout.strip()
            orphan = tmp_path / "data" / "files.partial" / "ab" / f"ab{'0' * 30}"
            orphan.parent.mkdir()
            orphan.write_bytes(b"orphan")
            os.utime(orphan, (1, 1))
            dry = tusbridge("sweep", "--orphans", "--missing", "--dry-run", *data)
            assert (dry.returncode, dry.stderr) == (0, "")
            assert "1 file would be removed, 6 B would be freed" in dry.stdout
            assert orphan.exists()
            wet = tusbridge("sweep", "--orphans", "--missing", "-v", *data)
            assert (wet.returncode, wet.stderr) == (0, "")
            assert f"orphan {orphan}" in wet.stdout
            assert not orphan.exists()
            assert get(url) == (200, file.read_bytes())
            ran = tusbridge("sweep", "--finished-before", "1ms", "--json", *data)
            assert json.loads(ran.stdout)["kinds"]["finished"]["bytes"] == 1000
            assert get(url)[0] == 404

    def test_what_could_not_be_swept_is_the_exit_status(self, tmp_path: Path) -> None:
        with running("serve", tmp_path) as server:
            tusbridge("upload", "-q", str(make_file(tmp_path, 10)), server.url)
        files = tmp_path / "data" / "files"
        files.rename(tmp_path / "away")
        files.mkdir()
        data = ("--data-dir", str(tmp_path / "data"))
        ran = tusbridge("sweep", "--remove-missing", *data)
        assert ran.returncode == 1
        assert ran.stderr.startswith("not swept: missing ")
        files.rmdir()
        (tmp_path / "away").rename(files)
        assert tusbridge("sweep", "--remove-missing", *data).returncode == 0

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ([], "no server has its files at"),
            (["--data-dir", "/dev/null/x"], "no server has its files at"),
            (["--finished-before", "soon"], "--finished-before: 'soon' is no time"),
            (["--finished-before", "never"], "--finished-before: never is no age"),
            (["--batch", "0"], "--batch"),
            (["--limit", "0"], "--limit"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_it_says_what_is_wrong_and_makes_nothing(
        self, tmp_path: Path, words: list[str], said: str
    ) -> None:
        place = tmp_path / "data"
        ran = tusbridge(
            "sweep", *(["--data-dir", str(place)] if words[:1] != ["--data-dir"] else []), *words
        )
        assert ran.returncode not in {0, -9}
        assert said in ran.stderr
        assert "Traceback" not in ran.stderr
        assert not place.exists()

    def test_over_another_database_than_the_servers_it_does_nothing(self, tmp_path: Path) -> None:
        """All bytes would be nobody's."""
        with running("serve", tmp_path) as server:
            tusbridge("upload", "-q", str(make_file(tmp_path, 10)), server.url)
        data = ("--data-dir", str(tmp_path / "data"))
        other = f"sqlite:///{tmp_path}/other.sqlite3"
        ran = tusbridge("sweep", "--orphans", "--database-url", other, *data)
        assert ran.returncode == 1
        assert "the database is not, or not yet, this version's" in ran.stderr


def test_the_command_without_its_libraries_says_what_to_install() -> None:
    code = "import sys; sys.modules['click'] = None\nfrom tusbridge.__main__ import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ran.returncode != 0
    assert 'pip install "tusbridge[server]"' in ran.stderr
