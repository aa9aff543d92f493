"""The command line: its exit status, what it says of servers that cannot be checked, and TLS."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import pytest

import conformance
from conformance import pytest_plugin
from conformance.__main__ import main
from conformance.checks import ALL
from conformance.findings import LEGACY, TUS
from conformance.progress import asking
from tests.conformance.conftest import Certify
from tests.conformance.faults.heads import HeadIs204, LengthNotTold
from tests.conformance.http_server import Answer, Answering, Request, serving
from tests.conformance.reference import Reference
from tests.conformance.test_report import Terminal

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "conformance.md"
LOGIN = ("--header", "Authorization: one")
Run = Callable[..., tuple[int, str, str]]

# What `HeadIs204` does not follow, and what it keeps.
BROKEN_ADVICE = "row-017-head-is-200"
KEPT_MUST = "row-001-version-in-every-answer"
# What a TLS connection does its own way: half-closed, reset, silent, answered early, trailers.
ON_THE_WIRE = (
    "row-040",
    "row-041",
    "row-042",
    "row-043",
    "row-081-no-100-before-a-refusal",
    "row-093-right-checksum-of-many-bytes",
    "row-099",
)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; its status, output and errors."""

    def call(*words: str) -> tuple[int, str, str]:
        try:
            status = main([*words])
        except SystemExit as end:
            status = int(end.code or 0)
        told = capsys.readouterr()
        return status, told.out, told.err

    return call


@contextlib.contextmanager
def _saying(data: bytes) -> Iterator[str]:
    """A server that answers whatever comes with these bytes, once it came."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=_say, args=(listening, data))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/files/"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def _say(listening: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            with listening.accept()[0] as connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                connection.recv(65_536)
                connection.sendall(data)


def _always(status: int, **fields: str) -> Answering:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return lambda request: Answer(status=status, fields=named)


def _announces_and_refuses(request: Request) -> Answer:
    if request.method == "OPTIONS":
        return Answer(status=204, fields={"Tus-Version": "1.0.0", "Tus-Resumable": "1.0.0"})
    return Answer(status=401, fields={"Tus-Resumable": "1.0.0"})


def test_a_must_fails_the_run_and_advice_only_a_strict_one(run: Run) -> None:
    with serving(HeadIs204().answer) as address:
        url = f"{address}/files/"
        broken = run(url, *LOGIN, "--only", BROKEN_ADVICE)
        strict = run(url, *LOGIN, "--only", BROKEN_ADVICE, "--strict")
        kept = run(url, *LOGIN, "--only", KEPT_MUST, "--strict")
    assert (broken[0], strict[0], kept[0]) == (0, 1, 0)
    assert f"FAIL {BROKEN_ADVICE}" in broken[1]
    assert kept[1].endswith(f"All 1 MUST checks run at {url} pass.\n")
    assert broken[2] == strict[2] == kept[2] == ""
    with serving(LengthNotTold().answer) as address:
        failed = run(f"{address}/files/", *LOGIN, "--only", "row-019")
    assert failed[0] == 1
    assert " MUST checks run at " in failed[1]


def test_the_forms_of_the_report_are_written_beside_each_other(run: Run, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("json", "junit", "markdown")}
    words = [f"--{name}={path}" for name, path in files.items()]
    with serving(Reference().answer) as address:
        url = f"{address}/files/"
        told = run(url, *LOGIN, "--extension", "termination", "--only", "row-10", *words)
        alone = run(url, *LOGIN, "--only", KEPT_MUST, "--json", "-")
    named = [check.id for check in ALL if check.extension == "termination" and check.row >= 100]
    assert [check["id"] for check in json.loads(files["json"].read_text())["checks"]] == named
    cases = ElementTree.parse(files["junit"]).getroot().iter("testcase")
    assert [case.get("name") for case in cases] == named
    assert "| extension termination |" in files["markdown"].read_text()
    assert told[1].startswith(f"tus 1.0.0 at {url}\n")
    assert [check["outcome"] for check in json.loads(alone[1])["checks"]] == ["pass"]


def test_what_is_not_announced_is_not_passed(run: Run) -> None:
    class Bare(Reference):
        extensions = ("creation",)

    with serving(Bare().answer) as address:
        status, out, _ = run(f"{address}/files/", *LOGIN, "--extension=checksum", "--json=-")
    told = json.loads(out)
    assert {check["outcome"] for check in told["checks"]} == {"not_announced"}
    assert status == 0
    assert told["sentence"].startswith("No MUST check could be run at ")


def test_the_list_has_every_check_and_asks_no_server(run: Run) -> None:
    status, out, _ = run("--list")
    assert status == 0
    assert [line.split()[:3] for line in out.splitlines()] == [
        [check.id, str(check.row), check.level] for check in ALL
    ]
    assert run("legacy", "--list", "--only", "legacy-2.1-01")[1].count("CONTRACT") == 7


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["files"],
        ["http://"],
        ["ftp://127.0.0.1/"],
        ["http://one:two@127.0.0.1/"],
        ["http://127.0.0.1:9/", "--extension", "creations"],
        ["http://127.0.0.1:9/", "--extension", "checksum", "--only", "row-001"],
        ["http://127.0.0.1:9/", "--json", "-", "--markdown", "-"],
        ["http://127.0.0.1:9/", "--junit", "/nowhere/at/all.xml"],
        ["http://127.0.0.1:9/", "--ca", "/nowhere/at/all.pem"],
        ["http://127.0.0.1:9/", "--jobs", "0"],
    ],
)
def test_wrong_use(run: Run, words: list[str]) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert "error: " in err


def _refused(run: Run, url: str, *words: str) -> str:
    """The one sentence that is said instead of a report."""
    status, out, err = run(url, "--only", "row-001", "--timeout", "2", *words)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    return err.strip()


def _documented() -> set[str]:
    """The options in the page's tables."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `--")]
    return {name for row in rows for name in re.findall(r"`(--[a-z-]+)`", row.split(" | ")[0])}


def test_every_option_is_documented(run: Run) -> None:
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", run("--help")[1])) - {"--help"}
    plugin = inspect.getsource(pytest_plugin.pytest_addoption)
    assert _documented() == told | set(re.findall(r'"(--tus-[a-z-]+)"', plugin))


def test_the_page_of_the_rows_is_what_the_tool_lists(run: Run, tmp_path: Path) -> None:
    page = (DOCS / "conformance-rows.md").read_text(encoding="utf-8")
    assert run("--list", "--markdown", "-") == (0, page, "")
    assert run("--list", "--markdown", str(tmp_path / "page")) == (0, "", "")
    assert (tmp_path / "page").read_text(encoding="utf-8") == page
    rows = re.findall(r"^\| (\d+) \| [A-Z]+ \| [^|]+ \| `(row-[a-z0-9-]+)`", page, re.MULTILINE)
    assert [(int(row), name) for row, name in rows] == [(check.row, check.id) for check in ALL]


def test_a_choice_of_checks_is_listed_likewise(run: Run) -> None:
    listed = run("--list", "--only", "row-046", "--only", "row-047", "--markdown", "-")[1]
    assert "\n3 checks of 2 rules. " in listed
    assert "(needs `--read-timeout`)" in listed
    assert "\n| 47 | that bytes told to be stored" in listed
    assert "| 61 |" not in listed
    legacy = run("legacy", "--list", "--only", "legacy-2.1-01", "--markdown", "-")[1]
    assert "\n## 2.1 upload view\n" in legacy


def test_every_level_is_documented() -> None:
    told = set(re.findall(r"^\| ([A-Z]+) \|", PAGE.read_text(), re.MULTILINE))
    assert told == {*TUS.levels, *LEGACY.levels}


def test_the_package_names_itself_by_relative_imports_only() -> None:
    sources = [path.read_text() for path in Path(conformance.__path__[0]).rglob("*.py")]
    assert not re.findall(r"^\s*(?:from|import) conformance\b.*", "\n".join(sources), re.MULTILINE)


def test_a_server_that_is_not_there(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/files/"
    assert _refused(run, url) == f"Nothing listens at 127.0.0.1:{port}."


def test_a_host_name_that_does_not_resolve(run: Run) -> None:
    sentence = _refused(run, "http://no-such-host.invalid/files/")
    assert sentence == "The host name of no-such-host.invalid does not resolve."
    sentence = _refused(run, f"http://{'a' * 80}.invalid/")
    assert sentence.endswith("does not resolve.")


def test_one_that_is_no_tus_server(run: Run) -> None:
    with serving(_always(200)) as address:
        sentence = _refused(run, f"{address}/files/")
    assert sentence == (
        f"{address}/files/ is no tus server: its answer to OPTIONS (200) has no Tus-Version."
    )


@pytest.mark.parametrize("status", [404, 410])
def test_a_path_where_nothing_is(run: Run, status: int) -> None:
    with serving(_always(status)) as address:
        url = f"{address}/nothing/here"
        sentence = f"There is nothing at {url} ({status}): give the URL that makes uploads."
        assert _refused(run, url) == sentence


def test_a_tus_server_asked_where_it_makes_no_uploads(run: Run) -> None:
    """A GET of an upload's own URL, say, or of the site's front page."""
    with serving(Reference().answer) as address:
        sentence = _refused(run, f"{address}/file/", *LOGIN)
    assert sentence == f"{address}/file/ makes no uploads (404 to a POST): give the URL that does."


def _makes_none(versions: str, status: int, body: bytes) -> Answering:
    def answering(request: Request) -> Answer:
        if request.method == "OPTIONS":
            return Answer(status=204, fields={"Tus-Version": versions})
        return Answer(status=status, fields={"Tus-Resumable": "1.0.0"}, body=body)

    return answering


@pytest.mark.parametrize(
    ("versions", "status", "body", "end"),
    [
        ("0.2.2, 0.1", 412, b"", "does not speak tus 1.0.0 but 0.2.2, 0.1."),
        ("1.0.0", 200, b"hello", "makes no uploads: its answer to a POST (200) has no Location."),
        ("1.0.0", 405, b"", "makes no uploads (405 to a POST): give the URL that does."),
        ("1.0.0", 507, b"", "makes no upload of one byte: it answers 507."),
        ("1.0.0", 400, b"A  name\nis due.", "of one byte: it answers 400 (A name is due)."),
        ("1.0.0", 400, b"<html>no</html>", "makes no upload of one byte: it answers 400."),
        ("1.0.0", 400, b"x" * 200, f"it answers 400 ({'x' * 100}...)."),
    ],
)
def test_one_that_makes_no_uploads(
    run: Run, versions: str, status: int, body: bytes, end: str
) -> None:
    with serving(_makes_none(versions, status, body)) as address:
        assert _refused(run, f"{address}/files/").endswith(end)


def test_one_that_is_no_http_server(run: Run) -> None:
    with _saying(b"SSH-2.0-OpenSSH_9.2p1\r\n") as url:
        assert "no HTTP/1.1 server: not a status line: 'SSH-2.0-OpenSSH_9.2p1'." in _refused(
            run, url
        )
    with _saying(b"220 ready\r\n\r\n") as url:
        assert "is no HTTP/1.1 server: not a status line: '220 ready'." in _refused(run, url)
    with _saying(b"") as url:
        assert _refused(run, url).endswith(" closes the connection without an answer.")


@pytest.mark.parametrize(
    "answering", [_always(401), _always(403), _announces_and_refuses], ids=["401", "403", "POST"]
)
def test_one_behind_a_login(run: Run, answering: Answering) -> None:
    with serving(answering) as address:
        assert "give a login, as in --header 'Authorization: ...'." in _refused(run, address)
        again = _refused(run, address, *LOGIN)
    assert "in spite of --header: give a login that it takes." in again


def test_one_that_sends_to_its_login_page(run: Run) -> None:
    with serving(_always(302, Location="/login/")) as address:
        sentence = _refused(run, address)
    assert "(302, to /login/)" in sentence
    assert "--header" in sentence


@pytest.mark.parametrize(
    ("answering", "sentence"),
    [
        (_always(403), "give a login, as in --header 'Authorization: ...', and --header 'X-CSRF"),
        (_always(404), "There is no view that takes a POST at "),
    ],
)
def test_views_that_cannot_be_checked(run: Run, answering: Answering, sentence: str) -> None:
    with serving(answering) as address:
        views = [f"--upload={address}/upload/", f"--complete={address}/complete/"]
        status, out, err = run("legacy", *views, "--only", "legacy-2.1-01")
    assert (status, out) == (2, "")
    assert sentence in err


def test_a_certificate_that_is_not_trusted_until_it_is(run: Run, certify: Certify) -> None:
    certificate = certify("IP:127.0.0.1")
    with serving(Reference().answer, certificate=certificate) as address:
        url = f"{address}/files/"
        sentence = _refused(run, url)
        passed = [
            run(url, *LOGIN, "--only", KEPT_MUST, *words)[0]
            for words in (["--insecure"], ["--ca", str(certificate)])
        ]
    assert "is not trusted (self-signed certificate): give --insecure, or --ca FILE" in sentence
    assert passed == [0, 0]


def test_a_certificate_for_another_name(run: Run, certify: Certify) -> None:
    certificate = certify("DNS:other.example")
    with serving(Reference().answer, certificate=certificate) as address:
        sentence = _refused(run, f"{address}/files/", "--ca", str(certificate))
    assert "is not trusted (IP address mismatch" in sentence


def test_http_and_https_taken_for_each_other(run: Run, certify: Certify) -> None:
    with serving(Reference().answer) as address:
        host = address.partition("://")[2]
        sentence = _refused(run, f"https://{host}/files/")
        assert sentence == f"{host} speaks HTTP, not HTTPS: give http://{host}/files/."
    with serving(Reference().answer, certificate=certify("IP:127.0.0.1")) as address:
        host = address.partition("://")[2]
        sentence = _refused(run, f"http://{host}/files/")
        assert sentence == f"{host} speaks HTTPS, not HTTP: give https://{host}/files/."


def test_a_handshake_that_fails(run: Run) -> None:
    with _saying(b"") as url:
        sentence = _refused(run, url.replace("http", "https"))
    host = url.split("/")[2]
    assert sentence.startswith(f"The TLS handshake with {host} fails (")
    assert "_ssl.c" not in sentence


def test_a_terminal_is_told_who_is_asked() -> None:
    terminal = Terminal()
    with asking("https://files.example/a/", terminal):
        assert terminal.getvalue().endswith("asking files.example ...")
    assert terminal.getvalue().endswith("\r\x1b[K")
    pipe = io.StringIO()
    with asking("https://files.example/a/", pipe):
        pass
    assert pipe.getvalue() == ""


def test_the_checks_see_over_tls_what_they_see_without(run: Run, certify: Certify) -> None:
    only = [f"--only={name}" for name in ON_THE_WIRE]
    with serving(Reference().answer, 3, certify("IP:127.0.0.1")) as address:
        words = [f"{address}/files/", *LOGIN, *only, "--insecure", "--jobs=8", "--json=-"]
        told = json.loads(run(*words)[1])
    failed = {check["id"]: check["reason"] for check in told["checks"] if check["reason"]}
    assert failed == {}


def test_a_login_goes_to_its_own_origin_only(run: Run) -> None:
    """A Location may lead to any origin."""
    logins: list[str | None] = []

    def elsewhere(request: Request) -> Answer:
        logins.append(request.fields.get("Authorization"))
        return Answer(status=404)

    with serving(elsewhere) as other:

        class Leading(Reference):
            def answer(self, request: Request) -> Answer:
                answer = super().answer(request)
                if "Location" in answer.fields:
                    answer.fields["Location"] = f"{other}/files/x"
                return answer

        with serving(Leading().answer) as address:
            run(f"{address}/files/", *LOGIN, "--only", "row-048-create")
    assert logins
    assert set(logins) == {None}


def test_a_server_cannot_write_to_the_terminal(run: Run) -> None:
    class Painting(Reference):
        def answer(self, request: Request) -> Answer:
            answer = super().answer(request)
            if request.method == "HEAD":
                answer.fields["Upload-Offset"] = "\x1b]0;owned\x07\x1b[2J"
            return answer

    with serving(Painting().answer) as address:
        status, out, _ = run(f"{address}/files/", *LOGIN, "--only", "row-0", "--verbose")
    assert status == 1
    assert "owned" in out
    assert "\x1b" not in out
    assert "\x07" not in out
