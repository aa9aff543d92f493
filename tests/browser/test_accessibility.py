"""The server's own upload page without a mouse, and as a screen reader finds it."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from tests.browser.keyboard import assert_named, tab_to, wait_for_focus
from tests.browser.upload_page import choose, finished, make_file, start
from tests.support.proxy import FaultProxy

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

MIB = 1024 * 1024


@pytest.fixture
def own_page(blank: "Page", proxy: FaultProxy) -> "Page":
    blank.goto(urljoin(proxy.url, "/"))
    blank.get_by_role("button", name="browse files").wait_for()
    return blank


def test_a_file_is_uploaded_by_the_keyboard_alone(own_page: "Page", tmp_path: Path) -> None:
    file = make_file(tmp_path, "typed.bin", MIB)
    tab_to(own_page, "browse files")
    with own_page.expect_file_chooser() as chooser:
        own_page.keyboard.press("Enter")
    chooser.value.set_files(file)
    own_page.get_by_role("button", name="Upload 1 file").wait_for()
    tab_to(own_page, "Upload 1 file")
    own_page.keyboard.press("Enter")
    finished(own_page, 1)
    tab_to(own_page, file.name)
    with own_page.expect_download() as saved:
        own_page.keyboard.press("Enter")
    assert saved.value.suggested_filename == file.name


def test_pause_and_resume_by_the_keyboard(
    own_page: "Page", proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "paused.bin", 8 * MIB)
    held = proxy.hold_after(4 * MIB)
    choose(own_page, file)
    start(own_page)
    held.wait_until_reached()
    assert_named(own_page)
    tab_to(own_page, "Pause")
    own_page.keyboard.press("Enter")
    own_page.get_by_role("button", name="Resume", exact=True).wait_for()
    assert_named(own_page)
    held.release()
    held.wait_until_over()
    own_page.keyboard.press("Enter")
    finished(own_page, 1)


def test_everything_has_a_name(own_page: "Page", tmp_path: Path) -> None:
    assert own_page.locator("html").get_attribute("lang") == "en"
    for role in ("banner", "main", "contentinfo"):
        assert own_page.get_by_role(role).count() == 1, role
    assert own_page.get_by_role("heading", level=1).inner_text() == "tusbridge"
    region = own_page.get_by_role("region", name="Finished uploads")
    assert region.get_by_role("status").inner_text() == "Nothing uploaded yet."
    assert own_page.get_by_role("region", name="Upload from a program").is_visible()
    assert_named(own_page)
    file = make_file(tmp_path, "named.bin", MIB)
    choose(own_page, file)
    own_page.get_by_role("button", name="Upload 1 file").wait_for()
    assert_named(own_page)
    start(own_page)
    finished(own_page, 1)
    assert region.get_by_role("status").inner_text() == "named.bin is uploaded. 1 file in all."
    assert region.get_by_role("link", name=file.name).is_visible()
    assert_named(own_page)


def test_a_file_is_picked_again_by_the_keyboard(
    own_page: "Page", proxy: FaultProxy, tmp_path: Path
) -> None:
    # Over the page's own limit for copies: only the name comes back.
    file = make_file(tmp_path, "huge.bin", 101 * MIB)
    held = proxy.hold_after(MIB)
    choose(own_page, file)
    start(own_page)
    held.wait_until_reached()
    own_page.reload()
    own_page.get_by_text("Unfinished uploads", exact=True).wait_for()
    held.release()
    held.wait_until_over()
    assert_named(own_page)
    tab_to(own_page, "Pick again")
    own_page.keyboard.press("Enter")
    wait_for_focus(own_page, "browse files")
    with own_page.expect_file_chooser() as chooser:
        own_page.keyboard.press("Enter")
    chooser.value.set_files(file)
    own_page.get_by_text("what has arrived is not sent again").wait_for()
    tab_to(own_page, "Upload 1 file")
    own_page.keyboard.press("Enter")
    assert list(finished(own_page, 1)) == [file.name]
    assert proxy.bytes_upstream < 102 * MIB
