"""2.1, steps 4 and 5: an upload that has expired or is complete takes no chunk."""

from __future__ import annotations

from ...expect import expect_status
from ..client import Client, span
from ..expect import (
    COMPLETE_FOR_CHUNKS,
    EXPIRED,
    expect_error,
)
from ..registry import check
from ..waiting import wait_until_expired


@check(
    "legacy-2.1-04-expired",
    needs=("short expiry",),
    title="an expired upload takes no chunk, and says so with 410",
)
def expired(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    wait_until_expired(client, upload_id, 5)
    expect_error(client.chunk(content[5:], 5, 10, upload_id), 410, EXPIRED)


@check(
    "legacy-2.1-04-expired-before-complete",
    needs=("short expiry",),
    title="that it has expired is said before that it is complete",
)
def expired_before_complete(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    client.finish(upload_id, content)
    expect_error(client.chunk(content, 5, 10, upload_id), 400, COMPLETE_FOR_CHUNKS)
    wait_until_expired(client, upload_id, 5)
    expect_error(client.chunk(content, 5, 10, upload_id), 410, EXPIRED)


@check(
    "legacy-2.1-04-expired-before-the-header",
    needs=("short expiry",),
    title="that it has expired is said before anything about Content-Range",
)
def expired_before_the_header(client: Client) -> None:
    upload_id = client.begin(client.content(5), 10)
    wait_until_expired(client, upload_id, 5)
    body = client.form(client.content(5), upload_id)
    for content_range in (span(0, 5, 10), span(5, 9, 10), "bytes nonsense", None):
        expect_error(client.post(body, content_range), 410, EXPIRED)


@check(
    "legacy-2.1-04-expired-strangers-upload",
    needs=("short expiry", "second user", "owners"),
    title="a stranger is not told that an upload has expired",
)
def expired_strangers_upload(client: Client) -> None:
    upload_id = client.begin(client.content(5), 10)
    wait_until_expired(client, upload_id, 5)
    expect_status(client.chunk(client.content(5), 5, 10, upload_id, who="other"), 404)


@check("legacy-2.1-05-complete", title="a complete upload takes no chunk")
def complete(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    client.finish(upload_id, content[:5])
    expect_error(client.chunk(content[5:], 5, 10, upload_id), 400, COMPLETE_FOR_CHUNKS)


@check(
    "legacy-2.1-05-complete-before-the-header",
    title="that it is complete is said before anything about Content-Range",
)
def complete_before_the_header(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    client.finish(upload_id, content)
    body = client.form(content, upload_id)
    for content_range in (span(0, 5, 5), span(4, 9, 10), span(5, 5, 10**15), "bytes x", None):
        expect_error(client.post(body, content_range), 400, COMPLETE_FOR_CHUNKS)
