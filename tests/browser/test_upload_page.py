"""The upload page in Chromium, on another origin than the server's, with connections that break."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from tests.browser.site import POLICY, Site
from tests.browser.upload_page import (
    assert_served,
    choose,
    finished,
    item,
    make_file,
    options_for,
    start,
)
from tests.support.proxy import FaultProxy
from tests.support.serve import download, sha256

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request, Route

pytestmark = pytest.mark.browser

MIB = 1024 * 1024


def test_three_files_arrive_whole_through_pause_and_reset(
    page: "Page", proxy: FaultProxy, tmp_path: Path
) -> None:
    small, middle, large = (make_file(tmp_path, f"{size}.bin", size * MIB) for size in (6, 12, 20))
    cut = proxy.reset_after(5 * MIB, length=12 * MIB)
    held = proxy.hold_after(8 * MIB, length=20 * MIB)
    choose(page, small, middle, large)
    start(page)
    held.wait_until_reached()
    item(page, large.name).get_by_role("button", name="Pause upload").click()
    resume = item(page, large.name).get_by_role("button", name="Resume upload")
    resume.wait_for()
    finished(page, 2)
    held.release()
    page.screenshot(path=tmp_path / "paused.png", full_page=True)
    resume.click()
    urls = finished(page, 3)
    page.locator(".uppy-Dashboard").get_by_text("Complete", exact=True).wait_for()
    page.screenshot(path=tmp_path / "finished.png", full_page=True)
    assert cut.reached.is_set()
    assert_served(urls, small, middle, large)


def test_upload_goes_on_after_the_server_was_away(
    page: "Page", proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "away.bin", 10 * MIB)
    held = proxy.hold_after(4 * MIB)
    choose(page, file)
    start(page)
    held.wait_until_reached()
    with page.expect_event("requestfailed", lambda request: request.method == "HEAD"):
        proxy.offline()
    proxy.online()
    assert_served(finished(page, 1), file)
    # What arrived before is not sent again: a few pieces on the way may be.
    assert proxy.bytes_upstream < 10.5 * MIB


def test_reset_of_all_connections_loses_no_file(
    page: "Page", proxy: FaultProxy, tmp_path: Path
) -> None:
    files = [make_file(tmp_path, f"{number}.bin", 3 * MIB + number) for number in range(4)]
    proxy.reset_after(MIB, everyone=True)
    choose(page, *files)
    start(page)
    assert_served(finished(page, 4), *files)


def test_picking_the_file_again_after_a_reload_goes_on(
    page: "Page", site: Site, proxy: FaultProxy, tmp_path: Path
) -> None:
    site.options = options_for(proxy, keepFileBytes=0)
    page.reload()
    file = make_file(tmp_path, "reloaded.bin", 10 * MIB)
    held = proxy.hold_after(7 * MIB)
    choose(page, file)
    start(page)
    held.wait_until_reached()
    page.reload()
    held.release()
    # What the closed page had sent is on its way still: until it is there, no offset holds.
    held.wait_until_over()
    choose(page, file)
    start(page)
    assert_served(finished(page, 1), file)
    assert proxy.bytes_upstream < 10.5 * MIB


def test_empty_file_and_unusual_name(page: "Page", tmp_path: Path) -> None:
    file = make_file(tmp_path, "пусто & <b>leer</b>.txt".replace("/", "-"), 0)
    choose(page, file)
    start(page)
    assert_served(finished(page, 1), file)


def test_refused_upload_asks_for_a_token_and_goes_on_with_it(
    page: "Page", token: str, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "secret.bin", MIB)

    def refuse_without_token(route: "Route", request: "Request") -> None:
        # The server lets this machine in without a token; others meet this.
        if request.method == "POST" and "authorization" not in request.headers:
            route.fulfill(status=401, headers={"Access-Control-Allow-Origin": "*"}, body="no token")
        else:
            route.continue_()

    page.route("**/files/**", refuse_without_token)
    choose(page, file)
    start(page)
    field = page.get_by_label("Access token", exact=True)
    use = page.get_by_role("button", name="Use this token")
    page.get_by_text("asks for an access token").wait_for()
    field.fill("wrong")
    use.click()
    page.get_by_text("did not accept this token").wait_for()
    field.fill(token)
    use.click()
    urls = finished(page, 1)
    assert sha256(download(urls[file.name], token)) == sha256(file.read_bytes())
    assert page.evaluate("sessionStorage['tusbridge-token']") == token
    assert token not in page.evaluate("JSON.stringify(localStorage)")


def test_link_to_a_finished_upload_sends_the_token(
    page: "Page", site: Site, token: str, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "secret.bin", MIB)
    site.options |= {"token": token}
    page.goto(site.origin)
    choose(page, file)
    start(page)
    finished(page, 1)
    with (
        page.expect_download() as saved,
        page.expect_request(lambda request: request.method == "GET") as asked,
    ):
        page.locator(".tusbridge-finished li a").click()
    assert asked.value.header_value("authorization") == f"Bearer {token}"
    assert sha256(saved.value.path().read_bytes()) == sha256(file.read_bytes())


def test_the_servers_own_page_uploads(blank: "Page", tus_server: str, tmp_path: Path) -> None:
    file = make_file(tmp_path, "own.bin", 3 * MIB)
    blank.goto(urljoin(tus_server, "/"))
    assert blank.title() == "tusbridge"
    choose(blank, file)
    start(blank)
    assert_served(
        {name: urljoin(tus_server, url) for name, url in finished(blank, 1).items()}, file
    )
    blank.screenshot(path=tmp_path / "own.png", full_page=True)


@pytest.mark.parametrize("missing", ["img-src 'self' data: blob:; ", "style-src 'self'; "])
def test_a_broken_policy_would_be_seen(
    context: "BrowserContext", site: Site, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    # The other tests rest on this: Chromium tells of each violation on the console.
    site.options = {"endpoint": f"{site.origin}/files/"}
    monkeypatch.setattr("tests.browser.site.POLICY", POLICY.replace(missing, ""))
    page = context.new_page()
    with page.expect_console_message(lambda line: "Content Security Policy" in line.text):
        page.goto(site.origin)
