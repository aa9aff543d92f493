"""What the page with jQuery-File-Upload does when it is refused: try again, or say why not."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.legacy_page import (
    CHUNK,
    UPLOAD,
    assert_arrived,
    at,
    choose,
    open_page,
    press,
    ranges_of,
    row,
    wait_for_state,
    wait_until_said,
)
from tests.browser.upload_page import finished, make_file
from tests.support.proxy import FaultProxy
from tests.support.serve import sha256

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request, Route

pytestmark = pytest.mark.browser


@pytest.fixture
def page(blank: "Page", proxy: FaultProxy) -> "Page":
    open_page(blank, proxy)
    return blank


@pytest.mark.parametrize("status", [409, 429, 500, 503])
@pytest.mark.parametrize("path", ["upload", "complete"])
def test_passing_ones_are_tried_again(
    page: "Page", data_dir: Path, tmp_path: Path, status: int, path: str
) -> None:
    refused: list[str] = []

    def refuse_twice(route: "Route", request: "Request") -> None:
        if len(refused) == 2:
            route.continue_()
        else:
            refused.append(request.url)
            route.fulfill(status=status, json={"detail": "Not just now"})

    page.route(f"**/legacy/{path}/", refuse_twice)
    file = make_file(tmp_path, "busy.bin", CHUNK + 1)
    choose(page, file)
    wait_for_state(page, file.name, "waiting")
    assert_arrived(page, data_dir, file)


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (400, '{"detail": "Size of file exceeds the limit (5 bytes)"}', "exceeds the limit"),
        (403, '{"detail": "Authentication credentials were not provided"}', "may not upload"),
        (404, "<h1>Not Found</h1>", "takes no uploads at this address"),
        (413, "<h1>Too large</h1>", "does not take chunks of this size"),
        (507, '{"detail": "The disk is full"}', "no room left"),
        (200, "<h1>Log in</h1>", "log in again"),
        (418, "{}", "error 418"),
    ],
)
def test_lasting_ones_are_said_in_plain_words(
    page: "Page",
    data_dir: Path,
    tmp_path: Path,
    status: int,
    answer: str,
    said: str,
) -> None:
    page.route("**/legacy/upload/", lambda route: route.fulfill(status=status, body=answer))
    file = make_file(tmp_path, "refused.bin", 1000)
    choose(page, file)
    words = wait_until_said(page, said)
    assert words.startswith("refused.bin failed. ")
    assert words.removeprefix("refused.bin failed. ") in row(page, "refused.bin").inner_text()
    page.unroute("**/legacy/upload/")
    press(page, "Try again refused.bin")
    assert_arrived(page, data_dir, file)


def test_changed_bytes_are_told_and_sent_anew(
    page: "Page", proxy: FaultProxy, data_dir: Path, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "changed.bin", CHUNK)
    proxy.corrupt_after(CHUNK // 2, head=UPLOAD)
    choose(page, file)
    wait_until_said(page, "md5 checksum does not match")
    press(page, "Try again changed.bin")
    assert_arrived(page, data_dir, file)


def test_file_that_changed_on_the_disk_is_told(
    page: "Page", proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "edited.bin", 4 * CHUNK)
    held = proxy.hold_after(1000, head=at(CHUNK))
    choose(page, file)
    held.wait_until_reached()
    press(page, "Pause edited.bin")
    file.write_bytes(b"shorter")
    held.release()
    held.wait_until_over()
    press(page, "Resume edited.bin")
    wait_until_said(page, "The file cannot be read")


def test_file_over_the_limit_is_not_sent(blank: "Page", proxy: FaultProxy, tmp_path: Path) -> None:
    open_page(blank, proxy, maxLength=1024)
    sent = ranges_of(blank)
    choose(blank, make_file(tmp_path, "large.bin", 1025))
    wait_until_said(blank, "large.bin is too large: up to 1 KiB are taken.")
    assert sent == []


def test_file_in_the_list_is_not_taken_again(
    page: "Page", proxy: FaultProxy, data_dir: Path, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "twice.bin", 2 * CHUNK)
    held = proxy.hold_after(1000, head=at(CHUNK))
    choose(page, file)
    held.wait_until_reached()
    choose(page, file)
    wait_until_said(page, "twice.bin is in the list already.")
    held.release()
    assert_arrived(page, data_dir, file)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_upload_asks_for_a_token_and_goes_on_with_it(
    page: "Page", token: str, tmp_path: Path, status: int
) -> None:
    file = make_file(tmp_path, "secret.bin", 2 * CHUNK)

    def refuse_without_token(route: "Route", request: "Request") -> None:
        # The server lets this machine in without a token; others meet this.
        if "authorization" not in request.headers:
            route.fulfill(status=status, json={"detail": "no token"})
        else:
            route.continue_()

    page.route("**/legacy/*/", refuse_without_token)
    choose(page, file)
    page.get_by_text("asks for an access token. Your files").wait_for()
    page.get_by_label("Access token", exact=True).fill("wrong")
    press(page, "Use this token")
    page.get_by_text("did not accept this token").wait_for()
    page.get_by_label("Access token", exact=True).fill(token)
    press(page, "Use this token")
    finished(page, 1)
    with page.expect_download() as saved:
        page.get_by_role("link", name=file.name).click()
    assert sha256(saved.value.path().read_bytes()) == sha256(file.read_bytes())
    assert token not in page.evaluate("JSON.stringify(localStorage)")
