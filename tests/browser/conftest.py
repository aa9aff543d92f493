"""Chromium, a page of another origin, the server, and a proxy that breaks connections."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.site import BUNDLES, Site
from tests.browser.upload_page import options_for
from tests.support.proxy import FaultProxy
from tests.support.serve import bearer_token, require, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

# Debian's Chromium: browsers that Playwright would download are not used.
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """A page on another origin than the server's."""
    require((BUNDLES / "upload.js").exists(), "the built page (make frontend)")
    with Site() as site:
        yield site


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's own folder."""
    return tmp_path_factory.mktemp("browser") / "data"


@pytest.fixture(scope="session")
def tus_server(site: Site, data_dir: Path) -> Iterator[str]:
    """The tus endpoint of a server that lets the site's origin in."""
    with running_server(data_dir, cors_origin=site.origin) as url:
        yield url


@pytest.fixture(scope="session")
def token(tus_server: str, data_dir: Path) -> str:
    """A bearer token that the server takes."""
    return bearer_token(data_dir, "browser")


@pytest.fixture
def proxy(tus_server: str) -> Iterator[FaultProxy]:
    """A proxy in front of the server."""
    with FaultProxy(tus_server) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """The browser, without a window."""
    require(CHROMIUM.exists(), f"Chromium at {CHROMIUM} (apt-get install chromium)")
    require(importlib.util.find_spec("playwright"), "the Python package playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # No sandbox: tests run as root in containers, on pages of their own. Host names that no
        # name server knows are this machine.
        names = "--host-resolver-rules=MAP *.example 127.0.0.1"
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", names]
        )
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: "Browser") -> Iterator["BrowserContext"]:
    """A browser profile of its own for each test."""
    context = chromium.new_context(viewport={"width": 1000, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def open_page(context: "BrowserContext") -> Iterator[Callable[[], "Page"]]:
    """Makes empty pages; at the end none of them must have raised or broken its
    Content-Security-Policy."""
    raised: list[str] = []
    logged: list[str] = []

    def open_one() -> "Page":
        page = context.new_page()
        page.on("pageerror", lambda error: raised.append(str(error)))
        page.on("console", lambda line: logged.append(line.text))
        # From the start, for the driver does not wait until choosers are caught.
        page.on("filechooser", lambda chooser: None)
        return page

    yield open_one
    assert raised == []
    assert [line for line in logged if "Content Security Policy" in line] == []


@pytest.fixture
def blank(open_page: Callable[[], "Page"]) -> "Page":
    """An empty page."""
    return open_page()


@pytest.fixture
def page(blank: "Page", site: Site, proxy: FaultProxy) -> "Page":
    """The site's upload page, uploading through the proxy."""
    site.options = options_for(proxy)
    blank.goto(site.origin)
    return blank
