"""The admin in a browser: it works under its strict policy, and everything in it has a name."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.serve import require, running_server
from tests.support.servers import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"
HOSTILE = "x\u202egpj.<img src=x onerror=alert(1)>.exe"
# What screen readers have nothing to say for.
NAMELESS = """
() => {
  const found = []
  const visible = (one) => one.getClientRects().length > 0
  const named = (one) =>
    one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") || one.title ||
    one.textContent.trim() || (one.labels && one.labels.length) ||
    (["submit", "button"].includes(one.type) && one.value)
  for (const one of document.querySelectorAll("a, button, input, select, textarea, progress"))
    if (one.type !== "hidden" && visible(one) && !named(one)) found.push(one.outerHTML)
  for (const one of document.querySelectorAll("img"))
    if (visible(one) && !one.hasAttribute("alt")) found.push(one.outerHTML)
  for (const one of document.querySelectorAll("thead th"))
    if (!one.hasAttribute("scope") && !one.textContent.trim()) found.push(one.outerHTML)
  return found
}
"""
HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with an administrator and some uploads."""
    require("TUSBRIDGE_TEST_URL" not in os.environ, "a server of these tests' own")
    place = tmp_path_factory.mktemp("admin")
    run("admin", "root", "--password-stdin", "--data-dir", str(place / "data"), typed=PASSWORD)
    file = place / HOSTILE.replace("/", "")
    file.write_bytes(b"helloworld")
    with running_server(place / "data") as url:
        for _ in range(2):
            run("upload", "-q", str(file), url)
        yield url.removesuffix("/files/")


def run(*words: str, typed: str = "") -> str:
    """What the command prints."""
    ran = subprocess.run(
        [sys.executable, "-m", "tusbridge", *words],
        input=typed,
        text=True,
        check=True,
        cwd=ROOT,
        capture_output=True,
        env={k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"},
    )
    return ran.stdout.strip()


@pytest.fixture
def page(context: "BrowserContext", base: str) -> Iterator["Page"]:
    """Logged in. Whatever the policy refused, and whatever failed, fails the test."""
    page = context.new_page()
    wrong: list[Any] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.on(
        "console",
        lambda message: (
            wrong.append(message.text)
            if message.type == "error" and "favicon" not in str(message.location)
            else None
        ),
    )
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => "
        "console.error('refused', e.violatedDirective, e.blockedURI))"
    )
    page.goto(f"{base}/admin/")
    assert page.evaluate(NAMELESS) == []
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{base}/admin/")
    yield page
    assert wrong == []


def check(page: "Page") -> None:
    """Names for everything, a heading, a language, and nothing hostile."""
    assert page.evaluate(NAMELESS) == []
    assert 1 in page.evaluate(HEADINGS)
    assert page.locator("html").get_attribute("lang")
    assert page.title()
    assert "\u202e" not in page.locator("body").inner_text()


def choose(page: "Page", base: str, action: str, found_by: str = "x") -> None:
    """All uploads that a search finds, and something to do with them."""
    page.goto(f"{base}/admin/tusbridge/upload/?q={found_by}")
    page.get_by_label("Select all objects on this page for an action").check()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Run the selected action").or_(
        page.get_by_role("button", name="Go")
    ).first.click()


def test_every_page_has_names_and_breaks_no_rule(page: "Page", base: str) -> None:
    for path in (
        "",
        "tusbridge/upload/",
        "tusbridge/upload/?expiry=day&lease=free",
        "tusbridge/upload/1/change/",
        "tusbridge/upload/1/delete/",
        "tusbridge_server/accesstoken/",
        "auth/user/",
    ):
        page.goto(f"{base}/admin/{path}")
        page.wait_for_load_state()
        check(page)


def test_hostile_names_are_text(page: "Page", base: str) -> None:
    page.goto(f"{base}/admin/tusbridge/upload/")
    assert page.get_by_text(r"x\u202egpj.<img src=x onerror=alert(1)>.exe").count() == 2
    assert page.locator("img[src=x]").count() == 0


def test_verifying_shows_what_was_found(page: "Page", base: str) -> None:
    choose(page, base, "Verify selected uploads")
    check(page)
    assert page.get_by_role("heading", name="Verified uploads").is_visible()
    assert page.get_by_text("read back whole").count() == 2


def test_confirming_can_be_taken_back(page: "Page", base: str) -> None:
    choose(page, base, "Delete selected uploads")
    check(page)
    page.get_by_role("link", name="No, take me back").click()
    page.wait_for_url(f"{base}/admin/tusbridge/upload/?q=x")
    assert page.locator("#result_list tbody tr").count() == 2


def test_a_download_is_a_file(page: "Page", base: str, tmp_path: Path) -> None:
    page.goto(f"{base}/admin/tusbridge/upload/")
    with page.expect_download() as begun:
        page.get_by_role("link", name="Download").first.click()
    begun.value.save_as(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"helloworld"
    assert "\u202e" not in begun.value.suggested_filename


def test_deleting_deletes_what_was_chosen(page: "Page", base: str, tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(b"other")
    key = run("upload", "-q", str(other), f"{base}/files/").rpartition("/")[2]
    choose(page, base, "Delete selected uploads", key)
    page.get_by_role("button", name="Yes").click()
    page.wait_for_url(f"{base}/admin/tusbridge/upload/?q={key}")
    assert page.get_by_text("Successfully deleted 1 upload").is_visible()
    page.goto(f"{base}/admin/tusbridge/upload/")
    assert page.get_by_text(key).count() == 0
    assert page.locator("#result_list tbody tr").count() == 2
