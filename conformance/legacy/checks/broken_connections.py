"""2.4: a chunk whose connection breaks counts for nothing, and the upload goes on where it was."""

from __future__ import annotations

import time

from ...expect import expect_status
from ...wire import WireError
from ..client import Client, Held
from ..expect import expect_offset_error, expect_progress
from ..registry import check

# Long enough for any server to read what its kernel already has.
_SETTLE_SECONDS = 0.5
_CHUNK = 200_000
_TOTAL = 2 * _CHUNK


def _half_sent(client: Client) -> tuple[str, bytes, Held]:
    """An upload of two chunks, the second of which is half sent."""
    content = client.content(_TOTAL, seed=24)
    upload_id = client.begin(content[:_CHUNK], _TOTAL)
    held = client.hold_chunk(upload_id, content[_CHUNK:], _CHUNK, _TOTAL, hold_bytes=_CHUNK // 2)
    time.sleep(_SETTLE_SECONDS)
    return upload_id, content, held


def _go_on(client: Client, upload_id: str, content: bytes) -> None:
    client.expect_offset(upload_id, _CHUNK)
    client.append(upload_id, content[_CHUNK:], _CHUNK, _TOTAL)
    client.expect_content(upload_id, content)


@check(
    "legacy-2.4-08-closed-in-mid-chunk",
    needs=("md5",),
    title="a connection closed in the middle of a chunk leaves the offset where it was",
)
def closed_in_mid_chunk(client: Client) -> None:
    upload_id, content, held = _half_sent(client)
    held.connection.finish_sending()
    held.connection.close()
    time.sleep(_SETTLE_SECONDS)
    _go_on(client, upload_id, content)


@check(
    "legacy-2.4-08-reset-in-mid-chunk",
    needs=("md5",),
    title="a connection reset in the middle of a chunk leaves the offset where it was",
)
def reset_in_mid_chunk(client: Client) -> None:
    upload_id, content, held = _half_sent(client)
    held.connection.reset()
    time.sleep(_SETTLE_SECONDS)
    _go_on(client, upload_id, content)


@check(
    "legacy-2.4-08-half-closed-in-mid-chunk",
    needs=("md5",),
    title="a client that ends its side in the middle of a chunk leaves the offset where it "
    "was, untold of any success",
)
def half_closed_in_mid_chunk(client: Client) -> None:
    upload_id, content, held = _half_sent(client)
    held.connection.finish_sending()
    try:
        expect_status(client.read(held.connection), *range(400, 500))
    except WireError:
        held.connection.close()
    _go_on(client, upload_id, content)


@check(
    "legacy-2.4-08-broken-behind-the-form-fields",
    needs=("md5",),
    title="a connection that ends before the first byte of the file leaves the offset where it was",
)
def broken_behind_the_form_fields(client: Client) -> None:
    content = client.content(_TOTAL, seed=24)
    upload_id = client.begin(content[:_CHUNK], _TOTAL)
    body = client.form(content[_CHUNK:], upload_id)
    # in the middle of the part's head
    behind = len(body.content) - body.content.index(b"filename=")
    held = client.hold_chunk(upload_id, content[_CHUNK:], _CHUNK, _TOTAL, hold_bytes=behind)
    held.connection.reset()
    time.sleep(_SETTLE_SECONDS)
    _go_on(client, upload_id, content)


@check(
    "legacy-2.4-09-broken-first-chunk",
    needs=("md5",),
    title="after a first chunk that broke the upload begins anew",
)
def broken_first_chunk(client: Client) -> None:
    content = client.content(_CHUNK, seed=25)
    body = client.form(content)
    change = {"Content-Range": f"bytes 0-{_CHUNK - 1}/{_CHUNK}"}
    held = client.hold(client.target.upload_url, body, change, hold_bytes=_CHUNK // 2)
    time.sleep(_SETTLE_SECONDS)
    held.connection.reset()
    client.expect_content(client.begin(content, _CHUNK), content)


@check(
    "legacy-2.4-10-aborted-chunk-arrives",
    needs=("md5",),
    title="an aborted chunk may have arrived whole: the offset of the refusal tells",
)
def aborted_chunk_arrives(client: Client) -> None:
    content = client.content(_TOTAL, seed=26)
    upload_id = client.begin(content[:_CHUNK], _TOTAL)
    held = client.hold_chunk(upload_id, content[_CHUNK:], _CHUNK, _TOTAL)
    held.let_go()
    held.connection.close()
    deadline = time.monotonic() + client.target.timeout_seconds
    while client.probe(upload_id, _TOTAL).body.find(str(_TOTAL).encode()) < 0:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    client.expect_offset(upload_id, _TOTAL)
    client.expect_content(upload_id, content)


@check(
    "legacy-2.4-11-chunk-that-hangs",
    needs=("md5", "no repeats"),
    title="a chunk that hangs holds nobody up: it is sent again, and when the first one does come "
    "it is refused with the offset",
)
def chunk_that_hangs(client: Client) -> None:
    upload_id, content, held = _half_sent(client)
    expect_progress(client.chunk(content[_CHUNK:], _CHUNK, _TOTAL, upload_id), _TOTAL, upload_id)
    held.let_go()
    expect_offset_error(client.read(held.connection), _TOTAL)
    client.expect_content(upload_id, content)
