"""Rows 78 to 85: a creation that brings the first bytes along."""

from __future__ import annotations

import time

from ..client import METADATA, OFFSET_TYPE, Change, Client, append_fields, sample
from ..deferral import expect_deferred
from ..expect import expect, expect_absent, expect_field, expect_offset, expect_status
from ..limits import answer_to_too_many
from ..registry import NotTestable, check
from ..wire import Connection, ConnectionLost, TimedOut

_EXTENSION = "creation-with-upload"
_SECTION = "Creation With Upload"
_EXPECT: dict[str, str | None] = {"Expect": "100-continue"}
_TO_BE_REFUSED: tuple[Change, ...] = (
    {"Tus-Resumable": "0.2.2"},
    {"Content-Type": "text/plain"},
    {"Upload-Offset": "abc"},
    {"Upload-Offset": "3"},
)
_AT_ONCE = "without a 100 before it"


def _with_bytes(length: int | None) -> dict[str, str | None]:
    return {"Content-Type": OFFSET_TYPE, "Upload-Length": None if length is None else str(length)}


def _start(client: Client, upload_length: int, body_length: int) -> Connection:
    change = {**_with_bytes(upload_length), **_EXPECT, "Upload-Metadata": METADATA}
    return client.start("POST", client.target.url, change, length=body_length)


@check(
    "row-078-whole-body",
    row=78,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation with the whole body is 201 and tells the offset",
)
def whole_body(client: Client) -> None:
    client.require("creation")
    response = client.post(_with_bytes(10), b"1234567890")
    url = client.location(response)
    expect_offset(response, 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-078-chunked-body",
    row=78,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation with the whole body, chunked, is 201 and tells the offset",
)
def chunked_body(client: Client) -> None:
    """SHOULD, as row 40: a server need not take such bodies at all."""
    change = {**_with_bytes(10), "Upload-Metadata": METADATA}
    response = client.send_chunked("POST", client.target.url, change, (b"1234567", b"890"))
    url = client.location(response)
    expect_offset(response, 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-079-part-then-patch",
    row=79,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation with a part of the body goes on by PATCH",
)
def part_then_patch(client: Client) -> None:
    response = client.post(_with_bytes(10), b"1234")
    url = client.location(response)
    expect_offset(response, 4)
    response = client.patch(url, 4, b"567890")
    expect_status(response, 204)
    expect_offset(response, 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-079-type-without-bytes",
    row=79,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation with the body's type but an empty body is 201 at offset 0",
)
def type_without_bytes(client: Client) -> None:
    response = client.post(_with_bytes(10), b"")
    client.expect_offset(client.location(response), 0)


@check(
    "row-080-body-too-long",
    row=80,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation with more bytes than its length is refused and leaves no upload",
)
def body_too_long(client: Client) -> None:
    """As row 37: the rule lets 400 pass, the next check does not."""
    response = client.post(_with_bytes(5), b"1234567890")
    expect_status(response, 413, 400)
    expect_absent(response, "Location")


@check(
    "row-080-body-too-long-is-413",
    row=80,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation with more bytes than its length is refused with exactly 413",
)
def body_too_long_is_413(client: Client) -> None:
    expect_status(client.post(_with_bytes(5), b"1234567890"), 413)


@check(
    "row-080-chunked-body-too-long",
    row=80,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation with a chunked body longer than its length is refused and leaves no upload",
)
def chunked_body_too_long(client: Client) -> None:
    """SHOULD, as row 40. A server that takes no such bodies may answer 201, and has stored none."""
    change = {**_with_bytes(5), "Upload-Metadata": METADATA}
    response = client.send_chunked("POST", client.target.url, change, (b"1234", b"567890"))
    if response.status == 201:
        expect_absent(response, "Upload-Offset")
        client.expect_offset(client.location(response), 0)
    else:
        expect_status(response, 413, 400)
        expect_absent(response, "Location")


@check(
    "row-081-expect-100-continue",
    row=81,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation that waits for 100 gets it, then 201",
)
def expect_100_continue(client: Client) -> None:
    """RFC 9110, 10.1.1."""
    connection = _start(client, 10, 10)
    response = client.read(connection, final=False)
    expect_status(response, 100)
    connection.send_body(b"1234567890")
    response = client.read(connection)
    url = client.location(response)
    expect_offset(response, 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-081-expect-100-continue-on-patch",
    row=81,
    level="SHOULD",
    section="PATCH",
    title="a PATCH that waits for 100, as Java clients do, gets it, then 204",
)
def expect_100_continue_on_patch(client: Client) -> None:
    url = client.create()
    connection = client.start("PATCH", url, {**append_fields(0), **_EXPECT}, length=10)
    response = client.read(connection, final=False)
    expect_status(response, 100)
    connection.send_body(b"1234567890")
    response = client.read(connection)
    expect_status(response, 204)
    expect_offset(response, 10)


@check(
    "row-081-no-100-before-a-refusal",
    row=81,
    level="SHOULD",
    section="PATCH",
    title="a PATCH that waits for 100 and can be refused by its fields is refused at once",
)
def no_100_before_a_refusal(client: Client) -> None:
    """RFC 9110, 10.1.1. Which requests are refused, and how, is for other rows, so each is tried
    without Expect first.
    """
    refused = 0
    for change in _TO_BE_REFUSED:
        plain = client.patch(client.create(), 0, b"1234567890", change)
        if 400 <= plain.status < 500:
            refused += 1
            _expect_refused_at_once(client, client.create(), change, plain.status)
    plain = client.patch(client.unknown_url(), 0, b"1234567890")
    if 400 <= plain.status < 500:
        refused += 1
        _expect_refused_at_once(client, client.unknown_url(), {}, plain.status)
    client.violations.clear()
    if not refused:
        raise NotTestable("the server refuses nothing that was tried")


def _expect_refused_at_once(client: Client, url: str, change: Change, status: int) -> None:
    fields = {**append_fields(0), **_EXPECT, **change}
    response = client.read(client.start("PATCH", url, fields, length=10), final=False)
    expect_status(response, status, why=_AT_ONCE)


@check(
    "row-082-expect-with-too-many-bytes",
    row=82,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation that waits for 100 to send more than its length is 413 at once",
)
def expect_with_too_many_bytes(client: Client) -> None:
    response = client.read(_start(client, 10, 20), final=False)
    expect_status(response, 413, why=_AT_ONCE)


@check(
    "row-082-expect-over-the-limit",
    row=82,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation over Tus-Max-Size that waits for 100 is 413 at once",
)
def expect_over_the_limit(client: Client) -> None:
    response = client.read(_start(client, client.max_size() + 1, 20), final=False)
    expect_status(response, 413, why=_AT_ONCE)


@check(
    "row-083-body-of-another-type",
    row=83,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation with a body of another type is 415",
)
def body_of_another_type(client: Client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        response = client.post({"Content-Type": kind, "Upload-Length": "10"}, b"12345")
        expect_status(response, 415, why=f"Content-Type: {kind}")
        expect_absent(response, "Location")


@check(
    "row-084-deferred-length-with-bytes",
    row=84,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation may bring bytes and defer its length",
)
def deferred_length_with_bytes(client: Client) -> None:
    client.require("creation-defer-length")
    response = client.post({**_with_bytes(None), "Upload-Defer-Length": "1"}, b"12345")
    url = client.location(response)
    expect_offset(response, 5)
    response = client.head(url)
    expect_offset(response, 5)
    expect_field(response, "Upload-Defer-Length", "1")
    expect_absent(response, "Upload-Length")
    expect_status(client.patch(url, 5, b"67890", {"Upload-Length": "10"}), 204)
    response = client.head(url)
    expect_offset(response, 10)
    expect_field(response, "Upload-Length", "10")
    expect_absent(response, "Upload-Defer-Length")
    client.expect_content(url, b"1234567890")


@check(
    "row-084-deferred-length-without-bytes",
    row=84,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation that defers its length and says it brings bytes, but brings none, is "
    "told offset 0",
)
def deferred_length_without_bytes(client: Client) -> None:
    client.require("creation-defer-length")
    response = client.post({**_with_bytes(None), "Upload-Defer-Length": "1"}, b"")
    url = client.location(response)
    expect_offset(response, 0)
    expect_deferred(client, url, 0)


@check(
    "row-084-deferred-length-with-a-chunked-body",
    row=84,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation may defer its length and bring a chunked body, or an empty one",
)
def deferred_length_with_a_chunked_body(client: Client) -> None:
    client.require("creation-defer-length")
    change = {**_with_bytes(None), "Upload-Defer-Length": "1", "Upload-Metadata": METADATA}
    for pieces in ((b"123", b"45"), ()):
        response = client.send_chunked("POST", client.target.url, change, pieces)
        url, offset = client.location(response), sum(map(len, pieces))
        expect_offset(response, offset)
        response = client.head(url)
        expect_offset(response, offset)
        expect_field(response, "Upload-Defer-Length", "1")
        expect_status(client.patch(url, offset, b"", {"Upload-Length": str(offset)}), 204)
        client.expect_content(url, b"12345"[:offset])


@check(
    "row-084-deferred-length-over-the-limit",
    row=84,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation that defers its length and brings more than Tus-Max-Size is 413, and no "
    "upload is left",
)
def deferred_length_over_the_limit(client: Client) -> None:
    client.require("creation-defer-length")
    change = {**_with_bytes(None), "Upload-Defer-Length": "1", "Upload-Metadata": METADATA}
    limit = client.max_size()
    connection = client.start("POST", client.target.url, change, length=limit + 1)
    response = answer_to_too_many(client, connection, limit + 1)
    expect_status(response, 413)
    expect_absent(response, "Location")


@check(
    "row-085-break-in-a-creation",
    row=85,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="creations that break off in their body leave the server at work",
)
def break_in_a_creation(client: Client) -> None:
    """All that can be seen: the client has no URL, and hooks and expiry need tests on the server's
    side.
    """
    change = {**_with_bytes(1000), "Upload-Metadata": METADATA}
    for breaks in (Connection.finish_sending, Connection.reset, Connection.close):
        connection = client.start("POST", client.target.url, change, length=1000)
        connection.send_body(sample(500))
        time.sleep(0.1)
        breaks(connection)
        begun = time.monotonic()
        response = client.head(client.create())
        expect(time.monotonic() - begun < 2, "expected the server to answer within 2 s", response)
        expect_offset(response, 0)


@check(
    "row-085-half-closed-creation",
    row=85,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation whose client ended its side in mid-body is not told that more came than did",
)
def half_closed_creation(client: Client) -> None:
    """Not judged otherwise: half a request is no tus request (RFC 9112, 8)."""
    change = {**_with_bytes(1000), "Upload-Metadata": METADATA}
    connection = client.start("POST", client.target.url, change, length=1000)
    connection.send_body(sample(500))
    connection.finish_sending()
    try:
        response = connection.read_response(2)
    except (ConnectionLost, TimedOut):
        return
    if response.status < 300:
        told = int(response.fields.get("Upload-Offset") or 0)
        expect(told <= 500, "expected no more than the 500 bytes sent to be told", response)
        client.expect_offset(client.location(response), told)
