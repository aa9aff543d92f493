"""tus-js-client on Node: every way it uploads, and how little it sends again."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.node import NodeClient, require_client, upload
from tests.support.proxy import FaultProxy
from tests.support.serve import ask, metadata_of
from tests.support.tus_js import (
    LENGTH,
    MODES,
    assert_gone,
    assert_length_told_last,
    assert_served,
    hold_all,
    let_pass,
    make_file,
    wait_until_held,
)

pytestmark = pytest.mark.node

MIB = 1024 * 1024
# What the heads of an upload's requests take at most, in bytes.
HEADS_BYTES = 32 * 1024


@pytest.fixture(autouse=True, scope="module")
def _client_is_installed() -> None:
    require_client()


@pytest.mark.parametrize("request_id", [False, True], ids=["plain", "with_request_id"])
@pytest.mark.parametrize("name", MODES)
def test_file_arrives_whole(proxy: FaultProxy, tmp_path: Path, name: str, request_id: bool) -> None:
    mode = MODES[name]
    file = make_file(tmp_path, LENGTH)
    options = {**mode.options, "addRequestId": request_id}
    outcome = upload(proxy.url, file, options=options, source=mode.source)
    assert_served(outcome, file)
    assert mode.in_order(outcome) == mode.wire
    if "uploadLengthDeferred" in mode.options:
        assert_length_told_last(outcome)
    ids = {sent.fields.get("X-Request-ID") for sent in outcome.requests}
    assert len(ids) == (len(outcome.requests) if request_id else 1)
    assert LENGTH <= proxy.bytes_upstream <= LENGTH + HEADS_BYTES


def test_stream_of_unknown_length_goes_on_in_mid_chunk(proxy: FaultProxy, tmp_path: Path) -> None:
    file = make_file(tmp_path, LENGTH)
    faults = [proxy.reset_after(after) for after in (2 * MIB, 4 * MIB)]
    mode = MODES["deferred-stream"]
    outcome = upload(proxy.url, file, options=mode.options, source=mode.source)
    assert all(fault.reached.is_set() for fault in faults)
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= LENGTH + 2 * MIB


def test_parts_become_one_upload_of_its_own(tus_server: str, tmp_path: Path) -> None:
    file = make_file(tmp_path, LENGTH)
    options = {"parallelUploads": 4, "metadataForPartialUploads": {"of": "four"}}
    outcome = upload(tus_server, file, options=options)
    assert_served(outcome, file)
    *parts, final = outcome.requests
    assert {sent.fields["Upload-Concat"] for sent in parts} == {"partial"}
    urls = final.fields["Upload-Concat"].removeprefix("final;").split(" ")
    assert len(urls) == 4
    for url in urls:
        fields = ask(url)
        assert fields["upload-concat"] == "partial"
        assert fields["upload-offset"] == fields["upload-length"]
        assert metadata_of(url) == {"of": "four"}
    assert outcome.url
    fields = ask(outcome.url)
    assert fields["upload-concat"] == final.fields["Upload-Concat"]
    assert fields["upload-length"] == fields["upload-offset"] == str(LENGTH)


def test_a_reset_of_one_part_costs_that_part_little(proxy: FaultProxy, tmp_path: Path) -> None:
    file = make_file(tmp_path, 4 * 4 * MIB)
    faults = [proxy.reset_after(after) for after in (2 * MIB, MIB)]
    outcome = upload(proxy.url, file, options={"parallelUploads": 4})
    assert all(fault.reached.is_set() for fault in faults)
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= 17 * MIB


def test_parts_that_are_joined_behind_the_answer_are_served(
    tus_server: str, tmp_path: Path
) -> None:
    # More than is copied while a client waits, and no part of a size that a disk likes.
    file = make_file(tmp_path, 80 * MIB + 3)
    assert_served(upload(tus_server, file, options={"parallelUploads": 4}), file)


@pytest.mark.parametrize(
    ("options", "count"),
    [({}, 1), ({"chunkSize": 6 * MIB}, 1), ({"parallelUploads": 4}, 4)],
    ids=["normal", "chunked", "parallel"],
)
def test_upload_that_was_stopped_goes_on_in_another_process(
    proxy: FaultProxy, tmp_path: Path, options: dict[str, Any], count: int
) -> None:
    file = make_file(tmp_path, 16 * MIB)
    given = {"options": options, "storage": str(tmp_path / "urls.json")}
    held = hold_all(proxy, 3 * MIB, count)
    with NodeClient(proxy.url, file, **given) as client:
        wait_until_held(held)
        client.tell("abort")
        stopped = client.outcome()
    let_pass(held)
    outcome = upload(proxy.url, file, **given)
    assert_served(outcome, file)
    # the same uploads, asked how far they are
    assert outcome.urls("HEAD") == stopped.urls("PATCH")
    assert len(outcome.urls("HEAD")) == count
    assert proxy.bytes_upstream <= 17 * MIB


def test_paused_upload_goes_on(proxy: FaultProxy, tmp_path: Path) -> None:
    file = make_file(tmp_path, 16 * MIB)
    held = proxy.hold_after(5 * MIB)
    with NodeClient(proxy.url, file) as client:
        held.wait_until_reached()
        client.tell("pause")
        let_pass([held])
        client.tell("resume")
        outcome = client.outcome()
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= 16.5 * MIB


def test_resuming_at_once_overtakes_what_is_still_on_its_way(
    proxy: FaultProxy, tmp_path: Path
) -> None:
    file = make_file(tmp_path, 16 * MIB)
    held = proxy.hold_after(5 * MIB)
    with NodeClient(proxy.url, file) as client:
        held.wait_until_reached()
        client.tell("pause")
        client.tell("resume")
        # the stalled request takes no more than its silence is worth
        outcome = client.outcome()
    assert_served(outcome, file)
    assert not held.over.is_set()


def test_empty_file_arrives(tus_server: str, tmp_path: Path) -> None:
    # Not duringCreation: tus-js-client 4.3.1 then reads bytes 0 to -1, and Node refuses.
    file = make_file(tmp_path, 0)
    outcome = upload(tus_server, file)
    assert_served(outcome, file)
    assert outcome.wire == ["POST 201"]


@pytest.mark.parametrize(
    ("options", "count"), [({}, 1), ({"parallelUploads": 4}, 4)], ids=["one", "parallel"]
)
def test_terminated_upload_is_gone(
    proxy: FaultProxy, tmp_path: Path, options: dict[str, Any], count: int
) -> None:
    file = make_file(tmp_path, 16 * MIB)
    held = hold_all(proxy, 2 * MIB, count)
    with NodeClient(proxy.url, file, options=options) as client:
        wait_until_held(held)
        # the server knows nothing of that yet: for it, the requests are under way
        client.tell("terminate")
        outcome = client.outcome()
    assert outcome.ok, outcome
    deleted = [sent for sent in outcome.requests if sent.method == "DELETE"]
    assert [sent.status for sent in deleted] == [204] * count
    let_pass(held)
    for sent in deleted:
        assert_gone(sent.url)


def test_three_resets_of_chunks_cost_little(proxy: FaultProxy, tmp_path: Path) -> None:
    file = make_file(tmp_path, 40 * MIB)
    faults = [proxy.reset_after(after) for after in (MIB, 3 * MIB, 5 * MIB - 1)]
    outcome = upload(proxy.url, file, options={"chunkSize": 5 * MIB})
    assert all(fault.reached.is_set() for fault in faults)
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= 42 * MIB


def test_one_request_cut_half_way_costs_almost_nothing(proxy: FaultProxy, tmp_path: Path) -> None:
    file = make_file(tmp_path, 40 * MIB)
    fault = proxy.reset_after(20 * MIB)
    outcome = upload(proxy.url, file)
    assert fault.reached.is_set()
    assert_served(outcome, file)
    assert proxy.bytes_upstream <= 40.5 * MIB
