"""The page with jQuery-File-Upload as tests use it, and what comes of its uploads."""

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from tests.browser.upload_page import DONE_MS, assert_served, finished
from tests.support.proxy import FaultProxy
from tests.support.serve import require, sha256

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Request, Route

# Bytes: small chunks make many of small files.
CHUNK = 256 * 1024
UPLOAD = "^POST /legacy/upload/ "
COMPLETE = "^POST /legacy/complete/ "


def at(start: int) -> str:
    """Finds the head of the request whose chunk begins there."""
    return rf"(?im)^content-range: bytes {start}-"


def open_page(page: "Page", proxy: FaultProxy, **changed: object) -> None:
    """The server's own page through the proxy, with some of its options changed."""
    given = {"chunkSize": CHUNK, **changed}

    def change(route: "Route") -> None:
        answer = route.fetch()
        found = re.search(r'(id="tusbridge-options"[^>]*>)(.*?)</script>', answer.text(), re.DOTALL)
        assert found
        options = json.dumps({**json.loads(found[2]), **given})
        html = answer.text().replace(found[2], options)
        route.fulfill(response=answer, body=html)

    page.route("**/legacy/", change)
    page.goto(urljoin(proxy.url, "/legacy/"))


def choose(page: "Page", *files: Path) -> None:
    """As if they were picked in the dialog."""
    page.locator("#tusbridge-files").set_input_files(files)


def row(page: "Page", name: str) -> "Locator":
    """One file in the list of those that are not finished."""
    return page.locator("#tusbridge-uploads li").filter(has=page.get_by_text(name, exact=True))


def ranges_of(page: "Page") -> list[str | None]:
    """The Content-Range of each upload request, as they are sent; the list grows."""
    sent: list[str | None] = []

    def note(request: "Request") -> None:
        if request.url.endswith("/legacy/upload/"):
            sent.append(request.headers.get("content-range"))

    page.on("request", note)
    return sent


def wait_for_state(page: "Page", name: str, state: str) -> None:
    """See ``ChunkedUpload.state`` in ``frontend/src/chunked.js``."""
    page.locator(f"#tusbridge-uploads li[data-state={state}]").filter(has_text=name).wait_for(
        timeout=DONE_MS
    )


def wait_until_said(page: "Page", words: str) -> str:
    """The whole of what a screen reader is told, once these words are in it."""
    said = page.locator("#tusbridge-said").filter(has_text=words)
    said.wait_for(timeout=DONE_MS)
    return said.inner_text()


def press(page: "Page", name: str) -> None:
    """The button of that name."""
    page.get_by_role("button", name=name, exact=True).click()


def remembered(page: "Page") -> list[str]:
    """What the browser keeps of unfinished uploads."""
    keys: list[str] = page.evaluate("Object.keys(localStorage)")
    return [key for key in keys if key.startswith("chunked-upload:")]


def assert_arrived(page: "Page", data_dir: Path, *files: Path) -> None:
    """These files are in the list of finished uploads, and on the server's disk, byte for byte."""
    urls = {name: urljoin(page.url, url) for name, url in finished(page, len(files)).items()}
    assert_served(urls, *files)
    assert_on_disk(data_dir, *files)
    assert remembered(page) == []


def digests_on_disk(data_dir: Path) -> list[str]:
    """SHA-256 of each finished file in the server's folder."""
    require("TUSBRIDGE_TEST_URL" not in os.environ, "a server whose disk is this one")
    stored = [path for path in (data_dir / "files").rglob("*") if path.is_file()]
    return [sha256(path.read_bytes()) for path in stored]


def assert_on_disk(data_dir: Path, *files: Path) -> None:
    """Each of these files lies there, once; an empty one may lie there often."""
    found = digests_on_disk(data_dir)
    for file in files:
        digest = sha256(file.read_bytes())
        assert found.count(digest) == 1 or (not file.stat().st_size and digest in found), file.name
