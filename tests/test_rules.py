"""Every rule of reliability and security has a test that names it: ``test_r7_...``, or an id."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
# Their numbers are not to be given to other rules: tests, commits and documents name them.
RULES = {
    1: "bytes are durable before the offset moves, and the offset before the client is told",
    2: "no more is ever told than both the row and the file have",
    3: "bytes are written at their position, never behind whatever the file ends with",
    4: "an offset that was told never goes down",
    5: "what came of an append that broke off is kept; if it was to be checked, it is not",
    6: "a short body is never taken for a whole one, whatever the server",
    7: "one writer per upload, across threads, processes and machines",
    8: "who died or fell silent is overtaken within seconds, and writes nothing any more",
    9: "no lock is waited for in an event loop, and none without end",
    10: "completion is done once, and gone on with after a crash at any of its steps",
    11: "a full disk is 507; what fitted is kept, nothing else breaks",
    12: "a database that is away is 503, or 423 on HEAD, in bounded time",
    13: "SIGTERM keeps what came, and the server ends in time",
    14: "unfinished uploads expire after their last byte; finished and live ones never",
    15: "DELETE ends a running append, frees the bytes, and may be repeated",
    16: "final uploads are made of parts by their exact ids, in bounds, all of it or nothing",
    20: "numbers are plain ASCII digits within their range",
    21: "no input is ever answered by a failure of the server",
    22: "ids are random, ours, and matched before anything is asked with them",
    23: "a client's file name is no part of any path",
    24: "what a site makes of names stays below its folder",
    25: "locks, segments and records have no URLs",
    26: "metadata follows its grammar, in bounds, and comes back as it was sent",
    27: "what clients wrote gets into a response's fields only encoded",
    28: "a request whose end is not certain is refused, and the connection closed",
    29: "forms are bounded: parts, heads, fields; and cost no more than their length",
    30: "nothing that a client names is fetched",
    31: "what proxies and Host say counts only where the site says so",
    40: "everybody sees the own uploads only; others' are as unknown ones",
    41: "a browser's session writes only from pages that are trusted",
    42: "no credentials for any origin but those that are listed by name",
    43: "downloads are inert: attachments, never sniffed, sandboxed",
    44: "stored files are no programs, and unfinished ones their owner's alone",
    45: "where the id is the secret, that is a choice, and it stays out of logs and Referer",
    50: "sizes, sums, counts and rates have limits, and are refused before a row exists",
    51: "a promised length costs nothing",
    52: "memory does not grow with bodies",
    53: "what a request costs does not depend on how many uploads there are",
    54: "slow and silent clients hold neither workers nor connections for ever",
    55: "one file per finished upload",
    56: "heads and URLs are bounded",
    57: "a start looks through nothing",
}
_NAME = re.compile(r"(?:^|[^a-z0-9])r([0-9]{1,2})(?![0-9])", re.IGNORECASE)


def names_in(tree: ast.AST) -> Iterator[str]:
    """Names of tests, and ids of their parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test"
        ):
            yield node.name
        elif isinstance(node, ast.keyword) and node.arg in {"id", "ids"}:
            for value in ast.walk(node.value):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


@pytest.fixture(scope="module")
def named() -> dict[int, set[str]]:
    """Tests by the rules that they name."""
    found: dict[int, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        if path == Path(__file__).resolve():
            continue
        for name in names_in(ast.parse(path.read_text(encoding="utf-8"))):
            for number in _NAME.findall(name):
                found.setdefault(int(number), set()).add(f"{path.relative_to(TESTS)}: {name}")
    return found


@pytest.mark.parametrize("number", RULES, ids=lambda number: f"rule-{number}")
def test_every_rule_has_a_test_that_names_it(number: int, named: dict[int, set[str]]) -> None:
    assert named.get(number), f"no test names rule {number}: {RULES[number]}"


def test_no_test_names_a_rule_that_is_none(named: dict[int, set[str]]) -> None:
    unknown = {number: names for number, names in named.items() if number not in RULES}
    assert not unknown


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        ("def test_r7_one(): pass", [7]),
        ("def test_R12_one(): pass", [12]),
        ("def test_row_120_r16_r30_one(): pass", [16, 30]),
        ("pytest.param(1, id='R16-too-many')", [16]),
        ("f(ids=['r43', 'other'])", [43]),
        ("def test_row_7(): pass", []),
        ("def helper_r7(): pass", []),
        ("def test_r700(): pass", []),
        ("x = 'r7'", []),
    ],
)
def test_names_are_found(source: str, numbers: list[int]) -> None:
    found = [int(n) for name in names_in(ast.parse(source)) for n in _NAME.findall(name)]
    assert found == numbers
