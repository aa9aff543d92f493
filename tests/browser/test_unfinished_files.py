"""The upload page keeps what is unfinished: through reloads, closed pages and a lost network."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.site import Site
from tests.browser.upload_page import (
    DONE_MS,
    assert_served,
    choose,
    finished,
    make_file,
    options_for,
    start,
)
from tests.support.proxy import Fault, FaultProxy

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser

MIB = 1024 * 1024
# What the page keeps of unfinished uploads: the number of files, and its notes about them.
READ_KEPT = """async () => {
  const wait = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
  const database = await wait(indexedDB.open('uppy-blobs'))
  const stores = database.transaction(['files', 'metadata'])
  const [copies, notes] = await Promise.all([
    wait(stores.objectStore('files').count()),
    wait(stores.objectStore('metadata').getAll()),
  ])
  database.close()
  return { copies, notes: JSON.stringify(notes) }
}"""
POLL_MS = 50
# The page tries again at once, and then after a second.
OFFLINE_MS = 1500


def wait_until_kept(page: "Page", *, copies: int, files: list[Path]) -> None:
    """Until the page keeps so many copies and has notes of these files only: it copies beside the
    upload, and takes notes twice a second at most."""
    for _ in range(DONE_MS // POLL_MS):
        kept = page.evaluate(READ_KEPT)
        if kept["copies"] == copies and _names_only(kept["notes"], files):
            return
        page.wait_for_timeout(POLL_MS)
    pytest.fail(f"the browser keeps {kept}, not {copies} of {files}")


def _names_only(notes: str, files: list[Path]) -> bool:
    return all(file.name in notes for file in files) if files else ".bin" not in notes


def begin(page: "Page", proxy: FaultProxy, file: Path, after_bytes: int) -> Fault:
    """Upload the file until so much of it has gone through."""
    held = proxy.hold_after(after_bytes, length=file.stat().st_size)
    choose(page, file)
    start(page)
    held.wait_until_reached()
    return held


def let_pass(held: Fault) -> None:
    """What the closed page had sent is on its way still: until it is there, no offset holds."""
    held.release()
    held.wait_until_over()


def wait_until_restored(page: "Page") -> None:
    page.get_by_text("Unfinished uploads", exact=True).wait_for()


def go_on(page: "Page", count: int = 1) -> None:
    page.get_by_role("button", name=f"Upload {count} file").click()


def test_a_reload_goes_on_without_picking_the_file(
    page: "Page", proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "reloaded.bin", 10 * MIB)
    held = begin(page, proxy, file, 7 * MIB)
    wait_until_kept(page, copies=1, files=[file])
    page.reload()
    wait_until_restored(page)
    let_pass(held)
    go_on(page)
    assert_served(finished(page, 1), file)
    assert proxy.bytes_upstream < 10.5 * MIB
    # at once, with notes from before the end
    page.reload()
    page.get_by_role("button", name="browse files").wait_for()
    assert list(finished(page, 1)) == [file.name]
    assert page.get_by_text("Unfinished uploads").count() == 0
    wait_until_kept(page, copies=0, files=[])


def test_a_large_file_is_picked_again_and_goes_on(
    page: "Page", site: Site, proxy: FaultProxy, tmp_path: Path
) -> None:
    site.options = options_for(proxy, keepFileBytes=MIB)
    page.reload()
    file = make_file(tmp_path, "large.bin", 10 * MIB)
    held = begin(page, proxy, file, 7 * MIB)
    page.reload()
    wait_until_restored(page)
    let_pass(held)
    page.get_by_text("no copy of it was kept").wait_for()
    assert page.get_by_role("button", name="Upload 1 file").is_disabled()
    page.get_by_role("button", name="Pick again").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="browse files").click()
    chooser.value.set_files(file)
    page.get_by_text("what has arrived is not sent again").wait_for()
    go_on(page)
    assert_served(finished(page, 1), file)
    assert proxy.bytes_upstream < 10.5 * MIB


def test_of_several_files_only_the_unfinished_come_back(
    page: "Page", proxy: FaultProxy, tmp_path: Path
) -> None:
    small, large = make_file(tmp_path, "small.bin", MIB), make_file(tmp_path, "large.bin", 8 * MIB)
    held = proxy.hold_after(5 * MIB, length=8 * MIB)
    choose(page, small, large)
    start(page)
    held.wait_until_reached()
    finished(page, 1)
    wait_until_kept(page, copies=1, files=[large])
    page.reload()
    wait_until_restored(page)
    let_pass(held)
    # one more to upload, beside the one that came back
    more = make_file(tmp_path, "more.bin", MIB + 1)
    page.get_by_role("button", name="Add more files").click()
    choose(page, more)
    go_on(page, 2)
    assert_served(finished(page, 3), small, large, more)
    assert proxy.bytes_upstream < 10.5 * MIB


def test_a_page_that_was_closed_left_its_files_to_the_next(
    page: "Page", open_page: Callable[[], "Page"], site: Site, proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "closed.bin", 6 * MIB)
    held = begin(page, proxy, file, 3 * MIB)
    wait_until_kept(page, copies=1, files=[file])
    # to close it ends its requests some time later, to leave it at once
    page.goto("about:blank")
    page.close()
    after = open_page()
    after.goto(site.origin)
    wait_until_restored(after)
    let_pass(held)
    go_on(after)
    assert_served(finished(after, 1), file)
    assert proxy.bytes_upstream < 6.5 * MIB


def test_a_second_page_leaves_the_first_its_files(
    page: "Page", open_page: Callable[[], "Page"], site: Site, proxy: FaultProxy, tmp_path: Path
) -> None:
    file, other = make_file(tmp_path, "a.bin", 6 * MIB), make_file(tmp_path, "b.bin", MIB)
    held = begin(page, proxy, file, 3 * MIB)
    wait_until_kept(page, copies=1, files=[file])
    second = open_page()
    second.goto(site.origin)
    second.get_by_role("button", name="browse files").wait_for()
    assert second.get_by_text("are kept in this browser").count() == 0
    choose(second, other)
    start(second)
    assert_served(finished(second, 1), other)
    held.release()
    assert_served(finished(page, 1), file)


def test_a_file_that_was_removed_is_forgotten(
    page: "Page", proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "unwanted.bin", 6 * MIB)
    held = begin(page, proxy, file, 3 * MIB)
    wait_until_kept(page, copies=1, files=[file])
    page.reload()
    wait_until_restored(page)
    let_pass(held)
    page.get_by_role("button", name="Remove file").click()
    wait_until_kept(page, copies=0, files=[])
    page.reload()
    page.get_by_role("button", name="browse files").wait_for()
    assert page.get_by_text("Unfinished uploads").count() == 0


def test_the_token_is_not_among_what_is_kept(
    page: "Page", site: Site, proxy: FaultProxy, token: str, tmp_path: Path
) -> None:
    site.options = options_for(proxy, token=token)
    page.reload()
    file = make_file(tmp_path, "secret.bin", 6 * MIB)
    held = begin(page, proxy, file, 3 * MIB)
    wait_until_kept(page, copies=1, files=[file])
    assert token not in page.evaluate(READ_KEPT)["notes"]
    assert token not in page.evaluate("JSON.stringify(localStorage)")
    held.release()
    finished(page, 1)


def test_an_upload_goes_on_when_the_network_is_back(
    page: "Page", context: "BrowserContext", proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "offline.bin", 10 * MIB)
    held = begin(page, proxy, file, 4 * MIB)
    asked: list[str] = []
    # Chromium lets requests that run go on: it is the proxy that cuts them.
    context.set_offline(True)
    with page.expect_event("requestfailed", lambda request: request.method == "PATCH"):
        proxy.offline()
    page.on("request", lambda request: asked.append(request.method))
    page.get_by_text("No Internet connection").first.wait_for()
    held.wait_until_over()
    proxy.online()
    # longer than the first tries would wait
    page.wait_for_timeout(OFFLINE_MS)
    assert asked == []
    context.set_offline(False)
    # by itself: nobody presses anything
    assert_served(finished(page, 1), file)
    assert proxy.bytes_upstream < 10.5 * MIB


def test_all_uploads_pause_and_resume(page: "Page", proxy: FaultProxy, tmp_path: Path) -> None:
    files = [make_file(tmp_path, f"{number}.bin", (6 + number) * MIB) for number in range(2)]
    held = [proxy.hold_after(3 * MIB, length=file.stat().st_size) for file in files]
    choose(page, *files)
    start(page)
    for fault in held:
        fault.wait_until_reached()
    page.get_by_role("button", name="Pause", exact=True).click()
    resume = page.get_by_role("button", name="Resume", exact=True)
    resume.wait_for()
    for fault in held:
        let_pass(fault)
    resume.click()
    assert_served(finished(page, 2), *files)
    assert proxy.bytes_upstream < 13.5 * MIB
