"""The pages of the APIs' documentation in Chromium: whole, and with nothing from elsewhere."""

from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("path", "count"), [("/docs", 6), ("/legacy/docs", 2)])
def test_the_documentation_needs_nothing_from_elsewhere(
    tus_server: str, open_page: "Callable[[], Page]", path: str, count: int
) -> None:
    """That its own policy stops nothing it needs, ``open_page`` sees."""
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    base = urljoin(tus_server, "/")
    page.goto(urljoin(base, path))
    page.locator(".opblock").nth(count - 1).wait_for()
    assert page.locator(".opblock").count() == count
    assert [url for url in asked if not url.startswith((base, "data:"))] == []
