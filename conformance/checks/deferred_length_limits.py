"""Rows 74 and 75: Tus-Max-Size bounds what came with no length, too."""

from __future__ import annotations

from ..client import Client, append_fields
from ..deferral import begin_deferred, expect_deferred, expect_length
from ..expect import expect_status
from ..limits import answer_to_too_many, expect_at_most, sendable_limit
from ..registry import check

_EXTENSION = "creation-defer-length"
_PIECE = bytes(65_536)


@check(
    "row-074-length-over-the-limit",
    row=74,
    level="MUST",
    section="Tus-Max-Size",
    extension=_EXTENSION,
    title="a length told late that is over Tus-Max-Size is 413 and changes nothing",
)
def length_over_the_limit(client: Client) -> None:
    limit = client.max_size()
    url = begin_deferred(client)
    for length in (limit + 1, limit * 2 + 1):
        response = client.patch(url, 0, b"12345", {"Upload-Length": str(length)})
        expect_status(response, 413)
        expect_deferred(client, url, 0)


@check(
    "row-074-length-of-the-limit",
    row=74,
    level="MUST",
    section="Tus-Max-Size",
    extension=_EXTENSION,
    title="a length told late of exactly Tus-Max-Size is accepted",
)
def length_of_the_limit(client: Client) -> None:
    limit = client.max_size()
    url = begin_deferred(client)
    client.append(url, 0, b"12345", {"Upload-Length": str(limit)})
    expect_length(client, url, 5, limit)
    client.delete(url)


@check(
    "row-075-body-over-the-limit",
    row=75,
    level="MUST",
    section="Tus-Max-Size",
    extension=_EXTENSION,
    title="a deferred upload takes no more than Tus-Max-Size: a longer body is 413",
)
def body_over_the_limit(client: Client) -> None:
    limit = client.max_size()
    url = begin_deferred(client, b"12345")
    connection = client.start("PATCH", url, append_fields(5), length=limit - 4)
    response = answer_to_too_many(client, connection, limit - 4)
    expect_status(response, 413)
    expect_at_most(client, url, limit)


@check(
    "row-075-chunked-body-over-the-limit",
    row=75,
    level="SHOULD",
    section="Tus-Max-Size",
    extension=_EXTENSION,
    title="a deferred upload takes no more than Tus-Max-Size of a chunked body either: 413",
)
def chunked_body_over_the_limit(client: Client) -> None:
    """SHOULD, as row 40: a server need not take such bodies at all."""
    limit = sendable_limit(client)
    url = begin_deferred(client)
    connection = client.start("PATCH", url, {**append_fields(0), "Transfer-Encoding": "chunked"})
    for _ in range(limit // len(_PIECE) + 1):
        if connection.readable(0) or not connection.send_chunk(_PIECE):
            break
    connection.end_chunks()
    expect_status(client.read(connection), 413)
    expect_at_most(client, url, limit)
