"""tus-js-client in Chromium, on a page of another origin under a strict policy."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.site import CLIENT, Site
from tests.support.proxy import FaultProxy
from tests.support.serve import require
from tests.support.tus_js import (
    LENGTH,
    MODES,
    Outcome,
    assert_gone,
    assert_length_told_last,
    assert_served,
    hold_all,
    let_pass,
    make_file,
    wait_until_held,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

MIB = 1024 * 1024
# What the heads of an upload's requests and their preflights take at most, in bytes.
HEADS_BYTES = 64 * 1024
# A reader tells that it has ended only when it is asked once more: the length comes without bytes.
_STREAM = MODES["deferred-stream"]
BROWSER_MODES = {**MODES, "deferred-stream": replace(_STREAM, wire=[*_STREAM.wire, "PATCH 204"])}


class Client:
    """The page's tus-js-client, uploading through the proxy. See `js/client.js`."""

    def __init__(self, page: "Page", proxy: FaultProxy) -> None:
        self.page = page
        self._endpoint = proxy.url

    def begin(self, file: Path, **given: Any) -> None:
        self.page.get_by_label("File").set_input_files(file)
        self.page.evaluate(
            "given => client.begin(given)", {"endpoint": self._endpoint, "options": {}, **given}
        )

    def outcome(self) -> Outcome:
        return Outcome.of(self.page.evaluate("() => client.outcome()"))

    def abort(self, *, terminate: bool) -> Outcome:
        return Outcome.of(self.page.evaluate("terminate => client.abort(terminate)", terminate))

    def upload(self, file: Path, **given: Any) -> Outcome:
        self.begin(file, **given)
        return self.outcome()

    def remembered(self) -> list[str]:
        """The uploads that the browser keeps to go on with."""
        keys: list[str] = self.page.evaluate("Object.keys(localStorage)")
        return [key for key in keys if key.startswith("tus::")]


@pytest.fixture
def client(blank: "Page", site: Site, proxy: FaultProxy) -> Client:
    require(CLIENT.exists(), "tus-js-client (npm ci in frontend/)")
    site.options = {"endpoint": proxy.url}
    blank.goto(f"{site.origin}/client")
    return Client(blank, proxy)


@pytest.mark.parametrize("name", BROWSER_MODES)
def test_file_arrives_whole(client: Client, proxy: FaultProxy, tmp_path: Path, name: str) -> None:
    mode = BROWSER_MODES[name]
    file = make_file(tmp_path, LENGTH)
    options = {**mode.options, "addRequestId": True}
    outcome = client.upload(file, options=options, source=mode.source)
    assert_served(outcome, file)
    assert mode.in_order(outcome) == mode.wire
    if "uploadLengthDeferred" in mode.options:
        assert_length_told_last(outcome)
    # the server's CORS rules let all of them through
    ids = {sent.fields.get("X-Request-ID") for sent in outcome.requests}
    assert len(ids) == len(outcome.requests)
    assert LENGTH <= proxy.bytes_upstream <= LENGTH + HEADS_BYTES


def test_a_page_may_send_what_its_tools_add(client: Client, tmp_path: Path) -> None:
    """One field that the preflight does not allow would keep the browser from sending anything."""
    fields = {
        "sentry-trace": f"{'1' * 32}-{'2' * 16}-1",
        "baggage": "sentry-environment=test",
        "traceparent": f"00-{'1' * 32}-{'2' * 16}-01",
        "x-upsert": "true",
        "X-Tenant": "one",
        "Cache-Control": "no-cache",
        "X-Requested-With": "XMLHttpRequest",
    }
    file = make_file(tmp_path, 1000)
    assert_served(client.upload(file, options={"headers": fields}), file)


@pytest.mark.parametrize("during_creation", [False, True], ids=["bare", "duringCreation"])
def test_empty_file_arrives(client: Client, tmp_path: Path, during_creation: bool) -> None:
    file = make_file(tmp_path, 0)
    outcome = client.upload(file, options={"uploadDataDuringCreation": during_creation})
    assert_served(outcome, file)
    assert outcome.wire == ["POST 201"]


def test_stream_of_unknown_length_goes_on_in_mid_chunk(
    client: Client, proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, LENGTH)
    fault = proxy.reset_after(2 * MIB)
    outcome = client.upload(
        file, options={"uploadLengthDeferred": True, "chunkSize": 5 * MIB}, source="stream"
    )
    assert fault.reached.is_set()
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= LENGTH + MIB


@pytest.mark.parametrize(
    ("options", "count"), [({}, 1), ({"parallelUploads": 4}, 4)], ids=["one", "parallel"]
)
def test_terminated_upload_is_gone(
    client: Client, proxy: FaultProxy, tmp_path: Path, options: dict[str, Any], count: int
) -> None:
    file = make_file(tmp_path, 16 * MIB)
    held = hold_all(proxy, 2 * MIB, count)
    deleted: list[tuple[str, int]] = []
    client.page.on(
        "response",
        lambda answer: (
            deleted.append((answer.url, answer.status))
            if answer.request.method == "DELETE"
            else None
        ),
    )
    client.begin(file, options=options)
    wait_until_held(held)
    client.abort(terminate=True)
    while len(deleted) < count:
        # of four parts that are removed, tus-js-client awaits none
        client.page.wait_for_event("requestfinished", lambda request: request.method == "DELETE")
    assert [status for _, status in deleted] == [204] * count
    let_pass(held)
    for url, _ in deleted:
        assert_gone(url)
    assert count > 1 or client.remembered() == []


@pytest.mark.parametrize(
    ("options", "count"),
    [({}, 1), ({"chunkSize": 6 * MIB}, 1), ({"parallelUploads": 4}, 4)],
    ids=["normal", "chunked", "parallel"],
)
def test_upload_goes_on_after_a_restart_of_the_page(
    client: Client, proxy: FaultProxy, tmp_path: Path, options: dict[str, Any], count: int
) -> None:
    file = make_file(tmp_path, 16 * MIB)
    held = hold_all(proxy, 3 * MIB, count)
    client.begin(file, options=options)
    wait_until_held(held)
    client.page.reload()
    assert len(client.remembered()) == 1
    let_pass(held)
    outcome = client.upload(file, options=options)
    assert_served(outcome, file)
    assert len(outcome.urls("HEAD")) == count
    assert outcome.urls("PATCH") <= outcome.urls("HEAD")
    assert proxy.bytes_upstream <= 17 * MIB


def test_a_reset_of_one_part_costs_that_part_little(
    client: Client, proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, 16 * MIB)
    faults = [proxy.reset_after(after) for after in (2 * MIB, MIB)]
    outcome = client.upload(file, options={"parallelUploads": 4})
    assert all(fault.reached.is_set() for fault in faults)
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= 17 * MIB


def test_three_resets_of_chunks_cost_little(
    client: Client, proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, 40 * MIB)
    faults = [proxy.reset_after(after) for after in (MIB, 3 * MIB, 5 * MIB - 1)]
    outcome = client.upload(file, options={"chunkSize": 5 * MIB})
    assert all(fault.reached.is_set() for fault in faults)
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= 42 * MIB


def test_one_request_cut_half_way_costs_almost_nothing(
    client: Client, proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, 40 * MIB)
    fault = proxy.reset_after(20 * MIB)
    outcome = client.upload(file)
    assert fault.reached.is_set()
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= 40.5 * MIB
