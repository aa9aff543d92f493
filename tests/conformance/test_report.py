"""The report in all its forms, of a fixed set of results, and the curl lines it gives."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from typing import Any
from xml.etree import ElementTree

import pytest

from conformance.checks import ALL
from conformance.findings import LEGACY, TUS, Findings
from conformance.formats import json_of, junit_of, markdown_of
from conformance.progress import watched
from conformance.registry import Check
from conformance.report import curl_of, text_of, why_no_curl
from conformance.runner import Outcome, Result, run_whatever_comes
from conformance.sent import HALF_BODY, RESET, TRAILERS, Sent
from conformance.target import CheckFailed
from conformance.terminal import Page, page_for
from conformance.tls import Tls
from conformance.wire import Connection
from tests.conformance.http_server import Answer, Request, serving
from tests.support.serve import require

URL = "http://127.0.0.1:8000/files/"
SENT = Sent(
    method="PATCH",
    url=URL + "1",
    lines=(
        ("Host", "127.0.0.1:8000"),
        ("Authorization", "Bearer secret"),
        ("Upload-Offset", "0"),
        ("Content-Length", "5"),
    ),
    given_bytes=5,
    sent_bytes=5,
    kept=bytearray(b"it's "),
)


def _check(row: int, level: str, section: str = "HEAD", extension: str | None = None) -> Check:
    return Check(
        id=f"row-{row:03d}-x",
        row=row,
        level=level,  # type: ignore[arg-type]
        section=section,
        extension=extension,
        title=f"rule {row}",
        run=lambda target: None,
    )


def _failed(check: Check, message: str = "expected 204, got 500", **more: Any) -> Result:
    failure = CheckFailed(message, SENT, "500 Oops\nX: \x1b[2J & <b>", **more)
    return Result(check=check, outcome=Outcome.FAIL, detail=str(failure), failure=failure)


def _found(
    *, strict: bool = False, must_fails: bool = True, message: str = "expected 204, got 500"
) -> Findings:
    must = _check(2, "MUST")
    results = [
        Result(check=_check(90, "MUST", "Expiration", "expiration"), outcome=Outcome.NOT_ANNOUNCED),
        Result(check=_check(1, "MUST"), outcome=Outcome.PASS, seconds=1.5),
        _failed(must, message) if must_fails else Result(check=must, outcome=Outcome.PASS),
        _failed(_check(3, "SHOULD")),
        _failed(_check(4, "MAY", "PATCH")),
        Result(check=_check(5, "D", "PATCH"), outcome=Outcome.NOT_TESTABLE, detail="no facts"),
    ]
    return Findings(suite=TUS, url=URL, results=tuple(results), strict=strict)


def test_the_table_has_each_part_and_level_apart() -> None:
    lines = text_of(_found(), Page()).splitlines()
    table = [line.split("  ") for line in lines[2 : lines.index("", 2)]]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in table]
    assert cells == [
        ["passed/run", "MUST", "SHOULD", "MAY", "D", "not run"],
        ["HEAD", "1/2", "0/1", "-", "-"],
        ["PATCH", "-", "-", "0/1", "-", "1 not testable"],
        ["extensions"],
        ["expiration", "-", "-", "-", "-", "1 not announced"],
        ["all", "1/2", "0/1", "0/1", "-", "2"],
    ]


def test_a_failure_has_its_rule_what_was_sent_and_got_and_how_to_repeat_it() -> None:
    text = text_of(_found(), Page())
    assert (
        "HEAD, MUST: 1 failed, 1 passed\n"
        "  FAIL row-002-x\n"
        "    rule    rule 2\n"
        "    seen    expected 204, got 500\n"
        "    sent    PATCH /files/1 HTTP/1.1\n"
        "            Host: 127.0.0.1:8000\n"
        "            Authorization: ***\n"
    ) in text
    assert "    got     500 Oops\n" in text
    assert "    repeat  curl -i -X PATCH -H 'Authorization: ***' -H 'Upload-Offset: 0'" in text
    assert "secret" not in text
    assert "row-001-x" not in text
    assert "row-005-x" not in text


def test_verbose_lists_what_passed_and_what_was_not_run() -> None:
    text = text_of(_found(), Page(), verbose=True)
    assert "  PASS          row-001-x: rule 1\n" in text
    assert "  not testable  row-005-x: rule 5 (no facts)\n" in text
    assert "extension expiration, MUST: 1 not announced\n" in text


@pytest.mark.parametrize(
    ("found", "status", "sentence"),
    [
        (
            _found(),
            1,
            f"1 of the 2 MUST checks run at {URL} fail; of the others 1 SHOULD and 1 MAY fail;"
            " not run: 1 not announced, 1 not testable.",
        ),
        (
            _found(must_fails=False),
            0,
            f"All 2 MUST checks run at {URL} pass; of the others 1 SHOULD and 1 MAY fail;"
            " not run: 1 not announced, 1 not testable.",
        ),
        (Findings(suite=TUS, url=URL, results=()), 0, f"No MUST check could be run at {URL}."),
    ],
)
def test_the_last_line_is_one_sentence(found: Findings, status: int, sentence: str) -> None:
    assert found.status == status
    assert text_of(found, Page()).splitlines()[-1] == sentence


def test_what_counts_against_a_server() -> None:
    counted = {
        (suite.name, level): (suite.counts(level, strict=False), suite.counts(level, strict=True))
        for suite in (TUS, LEGACY)
        for level in suite.levels
    }
    assert counted == {
        ("tus 1.0.0", "MUST"): (True, True),
        ("tus 1.0.0", "SHOULD"): (False, True),
        ("tus 1.0.0", "MAY"): (False, False),
        ("tus 1.0.0", "D"): (False, True),
        ("django-chunked-upload", "CONTRACT"): (True, True),
        ("django-chunked-upload", "FAULT"): (False, True),
    }


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_that_want_them() -> None:
    assert page_for(Terminal(), {}).colours
    assert not page_for(Terminal(), {"NO_COLOR": "1"}).colours
    assert not page_for(Terminal(), {"TERM": "dumb"}).colours
    assert not page_for(io.StringIO(), {}).colours
    assert "\x1b[31m" in text_of(_found(), Page(colours=True))


def test_lines_are_as_long_as_the_terminal_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = page_for(Terminal(), {"NO_COLOR": "1"})
    assert page_for(io.StringIO(), {}).columns is None
    found = _found(message="expected " + "many words that say what is wrong with it " * 5)
    lines = text_of(found, page, verbose=True).splitlines()
    copied = [line for line in lines if line.startswith("    repeat  curl ")]
    assert len(copied) == 3
    assert max(len(line) for line in lines if line not in copied) in range(70, 81)
    assert "              what is wrong with it" in [line[:35] for line in lines]
    assert " ".join(lines[-3:]).replace("  ", " ").endswith("1 not announced, 1 not testable.")


def test_the_table_of_the_whole_suite_fits_into_80_columns() -> None:
    results = [Result(check=check, outcome=Outcome.NOT_ANNOUNCED) for check in ALL]
    passed = [Result(check=check, outcome=Outcome.PASS) for check in ALL] * 9
    found = Findings(suite=TUS, url=URL, results=(*results, *passed))
    table = text_of(found, Page()).split("\n\n")[1].splitlines()
    assert len(table) > 20
    assert max(map(len, table)) <= 80


def test_the_bar_is_for_terminals() -> None:
    results = _found().results
    pipe, terminal = io.StringIO(), Terminal()
    assert list(watched(results, 6, pipe)) == list(results)
    assert pipe.getvalue() == ""
    assert list(watched(results, 6, terminal)) == list(results)
    assert "[###############...............] 3/6, 1 failed" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_json() -> None:
    told = json.loads(json_of(_found()))
    assert told["counts"]["MUST"] == {
        "passed": 1,
        "failed": 1,
        "not_announced": 1,
        "not_testable": 0,
        "not_reached": 0,
    }
    assert list(told["groups"]) == ["HEAD", "PATCH", "extension expiration"]
    (failed,) = [check for check in told["checks"] if check["row"] == 2]
    assert failed["outcome"] == "fail"
    assert failed["reason"] == "expected 204, got 500"
    assert failed["got"].startswith("500 Oops")
    assert failed["curl"].startswith("curl -i -X PATCH ")
    assert "secret" not in json.dumps(told)


def test_junit_fails_only_what_counts() -> None:
    def outcomes(found: Findings) -> dict[str, str]:
        cases = ElementTree.fromstring(junit_of(found)).iter("testcase")
        return {case.get("name", ""): next((one.tag for one in case), "passed") for case in cases}

    assert outcomes(_found()) == {
        "row-090-x": "skipped",
        "row-001-x": "passed",
        "row-002-x": "failure",
        "row-003-x": "skipped",
        "row-004-x": "skipped",
        "row-005-x": "skipped",
    }
    assert outcomes(_found(strict=True))["row-003-x"] == "failure"
    suite = ElementTree.fromstring(junit_of(_found())).find("testsuite")
    assert suite is not None
    numbers = [suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")]
    assert numbers == ["6", "1", "0", "4", "1.500"]
    assert r"X: \x1b[2J & <b>" in (suite.findtext("testcase/failure") or "")


def test_markdown() -> None:
    assert markdown_of(_found()).splitlines()[2:] == [
        "|  | MUST | SHOULD | MAY | D | not run |",
        "| --- | --- | --- | --- | --- | --- |",
        "| HEAD | **1/2** | **0/1** | - | - |  |",
        "| PATCH | - | - | **0/1** | - | 1 not testable |",
        "| extension expiration | - | - | - | - | 1 not announced |",
        "| all | **1/2** | **0/1** | **0/1** | - | 1 not announced, 1 not testable |",
    ]


def test_a_check_that_breaks_off_fails_and_says_so() -> None:
    def run(target: object) -> None:
        raise ValueError("Invalid IPv6 URL")

    check = _check(1, "MUST")
    broken = Check(**{name: getattr(check, name) for name in check.__slots__} | {"run": run})
    result = run_whatever_comes(broken, None)
    assert result.outcome is Outcome.FAIL
    assert result.detail == "the check broke off: ValueError: Invalid IPv6 URL"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"it's $HOME `id` \"\\", {}),
        (b"\x00\xff\n%d\\n", {}),
        (b"@/etc/passwd", {"Upload-Metadata": "a 'b'"}),
        (b"", {}),
        (None, {"X-Empty": ""}),
        (bytes(70_000), {}),
    ],
    ids=["quotes", "binary", "at", "empty", "none", "many"],
)
def test_curl_sends_the_request_again(body: bytes | None, fields: dict[str, str]) -> None:
    require(shutil.which("curl"), "curl")
    got: list[tuple[str, str, dict[str, str], bytes]] = []

    def answer(request: Request) -> Answer:
        kept = {name.lower(): value for name, value in request.fields.items()}
        unlike = {name: kept.pop(name, "") for name in ("user-agent", "accept", "host")}
        assert unlike["host"]
        got.append((request.method, request.path, kept, b"".join(request.body)))
        return Answer(status=200)

    with serving(answer) as address:
        lines = [("Host", address.partition("://")[2]), *fields.items()]
        if body is not None:
            lines.append(("Content-Length", str(len(body))))
        connection = Connection(f"{address}/files/", 5)
        connection.send_head("PATCH", "/files/../[a]?b={c}", lines)
        connection.send_body(body or b"")
        response = connection.read_response()
        connection.close()
        line = response.sent.curl()
        assert line is not None
        subprocess.run(["sh", "-c", line], check=True, capture_output=True, timeout=20)
    first, again = got
    assert again == first


def test_curl_is_not_offered_where_it_cannot_send_it() -> None:
    half = Sent(method="PATCH", url=URL, lines=[("Content-Length", "5")], given_bytes=2)
    reset = Sent(method="PATCH", url=URL, lines=[], raw=RESET)
    trailers = Sent(method="PATCH", url=URL, lines=[], raw=TRAILERS)
    reasons = [why_no_curl(CheckFailed("", sent)) for sent in (half, reset, trailers)]
    assert reasons == [HALF_BODY, RESET, TRAILERS]
    after_a_reset = CheckFailed("", SENT, raw=RESET)
    assert (curl_of(after_a_reset), why_no_curl(after_a_reset)) == (None, RESET)


def test_curl_judges_the_certificate_likewise() -> None:
    def line(tls: Tls) -> str:
        return str(Sent(method="GET", url="https://a.example/", lines=[], tls=tls).curl())

    assert "--insecure" in line(Tls(insecure=True))
    assert "--cacert 'my ca.pem'" in line(Tls(ca_file="my ca.pem"))
    assert line(Tls()) == "curl -i --path-as-is -g https://a.example/"
