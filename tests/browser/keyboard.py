"""A page without a mouse, and as a screen reader finds it."""

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.upload_page import DONE_MS

if TYPE_CHECKING:
    from playwright.sync_api import Page

# More stops than there are on the page.
MOST_TABS = 40
POLL_MS = 50
FOCUSED = "(document.activeElement.ariaLabel ?? document.activeElement.innerText).trim()"


def tab_to(page: "Page", name: str) -> None:
    """Press Tab until what is called so has the focus, and shows that it has."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == name:
            return
    pytest.fail(f"no way to {name!r} by the keyboard")


def wait_for_focus(page: "Page", name: str) -> None:
    """The page moves the focus by itself, as where a panel opens."""
    for _ in range(DONE_MS // POLL_MS):
        if page.evaluate(FOCUSED) == name:
            return
        page.wait_for_timeout(POLL_MS)
    pytest.fail(f"the focus does not come to {name!r}")


def assert_named(page: "Page") -> None:
    """All that can be operated, and all that moves, has a name that is read out."""
    tree = page.locator("body").aria_snapshot()
    roles = re.findall(r"- (button|link|textbox|progressbar|region|img)( \"[^\"]+\"| /.+/)?", tree)
    assert any(role == "button" for role, _ in roles), tree
    assert [role for role, name in roles if not name] == [], tree
