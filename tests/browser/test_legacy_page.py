"""The server's page with jQuery-File-Upload in Chromium, over connections that break."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.keyboard import assert_named, tab_to
from tests.browser.legacy_page import (
    CHUNK,
    COMPLETE,
    UPLOAD,
    assert_arrived,
    at,
    choose,
    open_page,
    press,
    ranges_of,
    remembered,
    wait_for_state,
    wait_until_said,
)
from tests.browser.upload_page import finished, make_file
from tests.support.proxy import FaultProxy
from tests.support.serve import download, sha256
from tests.support.servers import running

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

# What the heads and forms of an upload's requests, and the page with its scripts, take at most.
OTHER_BYTES = 64 * 1024


@pytest.fixture
def page(blank: "Page", proxy: FaultProxy) -> "Page":
    open_page(blank, proxy)
    return blank


@pytest.mark.parametrize(
    ("name", "length", "chunks"),
    [
        ("small.bin", 1000, 1),
        ("one.bin", CHUNK, 1),
        ("drei Stücke & <b>пусто</b> ☃.bin", 2 * CHUNK + 1000, 3),
        ("empty.bin", 0, 1),
    ],
    ids=["small", "exactly-one-chunk", "three-chunks-unicode", "empty"],
)
def test_file_arrives_whole(
    page: "Page", data_dir: Path, tmp_path: Path, name: str, length: int, chunks: int
) -> None:
    sent = ranges_of(page)
    file = make_file(tmp_path, name.replace("/", "-"), length)
    choose(page, file)
    assert_arrived(page, data_dir, file)
    assert len(sent) == chunks
    assert sent[0] == (f"bytes 0-{CHUNK - 1}/{length}" if chunks > 1 else None)


def test_two_files_at_once_are_two_uploads(
    page: "Page", proxy: FaultProxy, data_dir: Path, tmp_path: Path
) -> None:
    one = make_file(tmp_path, "one.bin", 3 * CHUNK)
    two = make_file(tmp_path, "two.bin", 3 * CHUNK - 7)
    # the first waits in its second chunk until the other one is through
    held = proxy.hold_after(1000, head=rf"{at(CHUNK)}.*/{3 * CHUNK}\b")
    choose(page, one, two)
    held.wait_until_reached()
    finished(page, 1)
    held.release()
    assert_arrived(page, data_dir, one, two)


def test_many_files_take_turns(page: "Page", data_dir: Path, tmp_path: Path) -> None:
    files = [make_file(tmp_path, f"{n}.bin", n * CHUNK // 2 + n) for n in range(9)]
    choose(page, *files)
    assert_arrived(page, data_dir, *files)


def test_dropped_files_are_uploaded(page: "Page", data_dir: Path, tmp_path: Path) -> None:
    files = [make_file(tmp_path, name, CHUNK + 1) for name in ("one.bin", "two.bin")]
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    driver = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        driver.send("Input.dispatchDragEvent", {"type": kind, "x": 50, "y": 50, "data": data})
    assert_arrived(page, data_dir, *files)


class TestLostAnswers:
    @pytest.mark.parametrize("times", [1, 2], ids=["browser-repeats", "page-repeats"])
    @pytest.mark.parametrize(
        "start", [0, CHUNK, 2 * CHUNK], ids=["first-chunk", "middle-chunk", "last-chunk"]
    )
    def test_of_a_chunk(
        self,
        page: "Page",
        proxy: FaultProxy,
        data_dir: Path,
        tmp_path: Path,
        start: int,
        times: int,
    ) -> None:
        file = make_file(tmp_path, "lost.bin", 2 * CHUNK + 1000)
        before = proxy.bytes_upstream
        fault = proxy.lose_answer(at(start), times=times)
        choose(page, file)
        assert_arrived(page, data_dir, file)
        assert fault.times == 0
        # nothing but the chunk without an answer is sent again
        most = file.stat().st_size + times * CHUNK + OTHER_BYTES
        assert proxy.bytes_upstream - before < most

    @pytest.mark.parametrize("head", [UPLOAD, COMPLETE], ids=["whole-file", "complete"])
    def test_of_a_small_file(
        self, page: "Page", proxy: FaultProxy, data_dir: Path, tmp_path: Path, head: str
    ) -> None:
        file = make_file(tmp_path, "small.bin", 1000)
        fault = proxy.lose_answer(head, times=2)
        choose(page, file)
        assert_arrived(page, data_dir, file)
        assert fault.times == 0


class TestGoingOn:
    def test_after_a_pause(
        self, page: "Page", proxy: FaultProxy, data_dir: Path, tmp_path: Path
    ) -> None:
        file = make_file(tmp_path, "paused.bin", 4 * CHUNK)
        before = proxy.bytes_upstream
        held = proxy.hold_after(CHUNK // 2, head=at(2 * CHUNK))
        choose(page, file)
        held.wait_until_reached()
        press(page, "Pause paused.bin")
        wait_until_said(page, "paused.bin is paused.")
        held.release()
        # the aborted chunk is on its way still, and may arrive whole
        held.wait_until_over()
        press(page, "Resume paused.bin")
        wait_until_said(page, "paused.bin goes on.")
        assert_arrived(page, data_dir, file)
        assert proxy.bytes_upstream - before < file.stat().st_size + 2 * CHUNK + OTHER_BYTES

    def test_after_a_reload_of_the_page(
        self, page: "Page", proxy: FaultProxy, data_dir: Path, tmp_path: Path
    ) -> None:
        file = make_file(tmp_path, "reloaded.bin", 8 * CHUNK)
        held = proxy.hold_after(CHUNK // 2, head=at(6 * CHUNK))
        choose(page, file)
        held.wait_until_reached()
        page.reload()
        held.release()
        held.wait_until_over()
        wait_until_said(page, "Unfinished: reloaded.bin (75 %)")
        before = proxy.bytes_upstream
        sent = ranges_of(page)
        choose(page, file)
        assert_arrived(page, data_dir, file)
        assert sent[0] == f"bytes {6 * CHUNK}-{7 * CHUNK - 1}/{8 * CHUNK}"
        assert proxy.bytes_upstream - before < 3 * CHUNK + OTHER_BYTES

    def test_after_a_reload_that_came_before_the_end_was_told(
        self, page: "Page", proxy: FaultProxy, tmp_path: Path
    ) -> None:
        file = make_file(tmp_path, "told.bin", 2 * CHUNK)
        held = proxy.hold_after(0, head=COMPLETE)
        choose(page, file)
        held.wait_until_reached()
        page.reload()
        held.release()
        held.wait_until_over()
        sent = ranges_of(page)
        choose(page, file)
        assert sha256(download(self.url(page))) == sha256(file.read_bytes())
        assert sent == []
        assert remembered(page) == []

    @staticmethod
    def url(page: "Page") -> str:
        [url] = finished(page, 1).values()
        return url

    def test_after_a_restart_of_the_server(self, blank: "Page", tmp_path: Path) -> None:
        file = make_file(tmp_path, "restarted.bin", 4 * CHUNK)
        place = tmp_path / "server"
        with running("serve", place) as server, FaultProxy(server.url) as proxy:
            open_page(blank, proxy)
            held = proxy.hold_after(CHUNK // 2, head=at(2 * CHUNK))
            choose(blank, file)
            held.wait_until_reached()
            server.kill()
            held.release()
            wait_for_state(blank, file.name, "waiting")
            server.start()
            assert_arrived(blank, place / "data", file)

    def test_anew_where_the_server_forgot_the_upload(
        self, page: "Page", proxy: FaultProxy, data_dir: Path, tmp_path: Path
    ) -> None:
        file = make_file(tmp_path, "forgotten.bin", 3 * CHUNK)
        held = proxy.hold_after(CHUNK // 2, head=at(CHUNK))
        choose(page, file)
        held.wait_until_reached()
        [key] = remembered(page)
        page.evaluate(
            "key => localStorage[key] = localStorage[key].replace(/[0-9a-f]{32}/, '0'.repeat(32))",
            key,
        )
        page.reload()
        held.release()
        held.wait_until_over()
        sent = ranges_of(page)
        choose(page, file)
        assert_arrived(page, data_dir, file)
        starts = [(one or "").partition("-")[0] for one in sent]
        assert starts == [f"bytes {n}" for n in (CHUNK, 0, CHUNK, 2 * CHUNK)]

    def test_the_remembered_expires_with_the_upload(self, page: "Page", proxy: FaultProxy) -> None:
        page.evaluate(
            """(url) => {
              const kept = (name, expires) => localStorage.setItem(
                `chunked-upload:${url}:${name}:10:1`,
                JSON.stringify({ id: "0".repeat(32), offset: 5, expires, name, size: 10 }))
              kept("old.bin", "2020-01-01T00:00:00Z")
              kept("new.bin", "2999-01-01T00:00:00Z")
            }""",
            proxy.url.replace("/files/", "/legacy/upload/"),
        )
        page.reload()
        said = wait_until_said(page, "new.bin (50 %)")
        assert "old.bin" not in said
        assert len(remembered(page)) == 1


class TestAccessibility:
    def test_everything_has_a_name_and_a_place(
        self, page: "Page", proxy: FaultProxy, tmp_path: Path
    ) -> None:
        for role in ("banner", "main", "contentinfo"):
            assert page.get_by_role(role).count() == 1, role
        assert page.get_by_role("heading", level=1).count() == 1
        assert_named(page)
        file = make_file(tmp_path, "named.bin", 2 * CHUNK)
        held = proxy.hold_after(1000, head=at(CHUNK))
        choose(page, file)
        held.wait_until_reached()
        assert_named(page)
        assert page.get_by_role("progressbar", name="Progress of named.bin").is_visible()
        assert page.get_by_role("list", name="Uploads").get_by_role("listitem").count() == 1
        page.screenshot(path=tmp_path / "uploading.png", full_page=True)
        held.release()
        finished(page, 1)
        assert_named(page)

    def test_file_is_paused_resumed_and_cancelled_by_the_keyboard(
        self, page: "Page", proxy: FaultProxy, tmp_path: Path
    ) -> None:
        file = make_file(tmp_path, "typed.bin", 3 * CHUNK)
        held = proxy.hold_after(1000, head=at(CHUNK))
        page.keyboard.press("Tab")
        tab_to(page, "")
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files(file)
        held.wait_until_reached()
        tab_to(page, "Pause typed.bin")
        page.keyboard.press("Enter")
        wait_for_state(page, file.name, "paused")
        # the button that has the focus keeps it
        assert page.evaluate("document.activeElement.ariaLabel") == "Resume typed.bin"
        tab_to(page, "Cancel typed.bin")
        page.keyboard.press("Enter")
        wait_until_said(page, "typed.bin is cancelled.")
        assert page.evaluate("document.activeElement.id") == "tusbridge-files"
        assert remembered(page) == []
        held.release()


def test_token_against_forged_forms_goes_along(page: "Page", tmp_path: Path) -> None:
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend',"
        " '<input type=hidden name=csrfmiddlewaretoken value=a-token>')"
    )
    with (
        page.expect_request("**/legacy/upload/") as sent,
        page.expect_request("**/legacy/complete/") as completed,
    ):
        choose(page, make_file(tmp_path, "token.bin", 1000))
    assert sent.value.header_value("x-csrftoken") == "a-token"
    assert completed.value.header_value("x-csrftoken") == "a-token"


def test_the_two_pages_lead_to_each_other(page: "Page") -> None:
    page.get_by_role("link", name="The page with Uppy").click()
    page.get_by_role("button", name="browse files").wait_for()
    page.get_by_role("link", name="jQuery-File-Upload").click()
    page.get_by_label("Choose files").wait_for()
