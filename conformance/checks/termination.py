"""Rows 101 to 104: a deleted upload is gone, and stays gone."""

from __future__ import annotations

import time

from ..client import Client, sample
from ..expect import expect, expect_status
from ..partials import final_of, make_all
from ..registry import NotTestable, check
from ..wire import ConnectionLost, TimedOut

_EXTENSION = "termination"
_SECTION = "Termination"


@check(
    "row-101-delete-unfinished",
    row=101,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="an unfinished upload deleted is gone for HEAD and PATCH",
)
def delete_unfinished(client: Client) -> None:
    for offset in (0, 5):
        url = client.create()
        if offset:
            expect_status(client.patch(url, 0, b"12345"), 204)
        expect_status(client.delete(url), 204)
        client.expect_gone(url)
        expect_status(client.patch(url, offset, b"12345"), 404, 410)
        client.expect_gone(url)


@check(
    "row-102-delete-complete",
    row=102,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a complete upload deleted is gone, its download too",
)
def delete_complete(client: Client) -> None:
    _expect_deleted(client, client.create_complete(b"1234567890"))


@check(
    "row-102-delete-empty",
    row=102,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="an empty upload deleted is gone, its download too",
)
def delete_empty(client: Client) -> None:
    response = client.post({"Upload-Length": "0"})
    if response.status != 201:
        raise NotTestable("the server takes no empty uploads: row 51")
    _expect_deleted(client, client.location(response))


@check(
    "row-102-delete-a-final",
    row=102,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final deleted is gone like any other upload, its download too",
)
def delete_a_final(client: Client) -> None:
    client.require("concatenation")
    _expect_deleted(client, final_of(client, *make_all(client)))


def _expect_deleted(client: Client, url: str) -> None:
    expect_status(client.delete(url), 204)
    client.expect_gone(url)
    client.expect_no_download(url, "a deleted upload")


@check(
    "row-103-delete-again",
    row=103,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="deleting again is 404 or 410",
)
def delete_again(client: Client) -> None:
    url = client.create()
    expect_status(client.delete(url), 204)
    expect_status(client.delete(url), 404, 410)


@check(
    "row-103-delete-unknown",
    row=103,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="deleting what never was is 404 or 410",
)
def delete_unknown(client: Client) -> None:
    expect_status(client.delete(client.unknown_url()), 404, 410)


@check(
    "row-104-delete-during-patch",
    row=104,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a DELETE while a PATCH sends is 204, and the PATCH neither succeeds "
    "nor brings the upload back",
)
def delete_during_patch(client: Client) -> None:
    body = sample(600_000, seed=104)
    url = client.create(len(body))
    connection = client.start_patch(url, 0, len(body), body[:300_000])
    client.wait_offset(
        url, 0, 300_000, within_seconds=2, each_seconds=client.target.timeout_seconds
    )
    expect_status(client.delete(url), 204)
    client.expect_gone(url)
    connection.send_body(body[300_000:])
    try:
        answer = client.read(connection, 5)
        expect(
            answer.status >= 400, "expected the PATCH of a deleted upload not to succeed", answer
        )
    except (ConnectionLost, TimedOut):
        connection.close()
    client.expect_gone(url)
    time.sleep(0.5)
    client.expect_gone(url)
