"""The upload page as tests use it: choose, start, and look what came of it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.proxy import FaultProxy
from tests.support.serve import download, sha256

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# Milliseconds a whole upload may take, retries included.
DONE_MS = 90_000


def options_for(proxy: FaultProxy, **changed: object) -> dict[str, object]:
    """What the site tells the page: see `frontend/src/options.js`."""
    options = {"chunkSize": None, "token": None, "maxLength": None, "keepFileBytes": None}
    return {"endpoint": proxy.url, **options, **changed}


def make_file(folder: Path, name: str, length: int) -> Path:
    """A file of random bytes."""
    file = folder / name
    file.write_bytes(os.urandom(length))
    return file


def choose(page: "Page", *files: Path) -> None:
    """As if they were picked in the dialog."""
    page.locator("input.uppy-Dashboard-input[type=file]").first.set_input_files(files)


def start(page: "Page") -> None:
    """Press the button that uploads what was chosen."""
    page.locator("button.uppy-StatusBar-actionBtn--upload").click()


def item(page: "Page", name: str) -> "Locator":
    """One file in the dashboard."""
    return page.locator(".uppy-Dashboard-Item").filter(has=page.get_by_title(name))


def finished(page: "Page", count: int) -> dict[str, str]:
    """The names and URLs in the list of finished uploads, once there are so many."""
    links = page.locator(".tusbridge-finished li a")
    links.nth(count - 1).wait_for(timeout=DONE_MS)
    return {link.inner_text(): link.get_attribute("href") or "" for link in links.all()}


def assert_served(urls: dict[str, str], *files: Path) -> None:
    """These files were uploaded, and no others."""
    assert sorted(urls) == sorted(file.name for file in files), urls
    for file in files:
        assert sha256(download(urls[file.name])) == sha256(file.read_bytes()), file.name
