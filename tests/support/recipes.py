"""Commands and files as the documentation shows them, for tests that follow it to the letter."""

import re
import shlex

from tests.support.servers import ROOT

PAGES = ("README.md", "docs/operations.md", "docs/nginx.md")
HOST = "uploads.example"


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def commands(page: str, beginning: str) -> list[list[str]]:
    """The words of each command of a page that begins so; it is indented as code."""
    joined = re.sub(r"\\\n *", "", text_of(page))
    return [
        shlex.split(line, comments=True)
        for line in re.findall(r"^ {4,}(\S.*)$", joined, re.MULTILINE)
        if line.startswith(beginning)
    ]


def serve_behind_a_proxy(page: str) -> tuple[str, ...]:
    """The flags of `tusbridge serve` that a page gives for a server behind a proxy."""
    found = [words for words in commands(page, "tusbridge serve") if "--allowed-host" in words]
    assert found, f"{page} does not say how to start the server behind a proxy"
    return tuple(found[0][2:])


def included(page: str) -> str:
    """The first file that a page shows."""
    name = re.findall(r"```{literalinclude} (\S+)", text_of(page))[0]
    return (ROOT / "docs" / name).resolve().read_text(encoding="utf-8")
