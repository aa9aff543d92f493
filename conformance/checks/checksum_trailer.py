"""Rows 99 and 100: a checksum that follows the bytes, as a trailer of a chunked body."""

from __future__ import annotations

import time

from ..checksums import algorithms_of, checksum
from ..client import Client, append_fields, sample
from ..expect import expect, expect_offset, expect_status
from ..registry import NotTestable, check
from ..wire import FieldLines, Response

_EXTENSION = "checksum-trailer"
_SECTION = "Checksum"
_PROMISE: dict[str, str | None] = {"Trailer": "Upload-Checksum"}
_LARGE = sample(300_001, seed=99)
# Long enough for any server to see that the connection is gone.
_SETTLE_SECONDS = 0.5


@check(
    "row-099-right-trailer",
    row=99,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a chunked PATCH whose trailer has the right checksum is stored, with each algorithm",
)
def right_trailer(client: Client) -> None:
    _need_trailers(client)
    for name in algorithms_of(client):
        url = client.create()
        for offset in (0, 5):
            body = b"1234567890"[offset : offset + 5]
            response = _patch(client, url, offset, body, _trailer(body, name))
            expect_status(response, 204)
            expect_offset(response, offset + 5)
        client.expect_content(url, b"1234567890")


@check(
    "row-099-right-trailer-of-many-bytes",
    row=99,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="many bytes with the right trailer are stored, the field's name in any case",
)
def right_trailer_of_many_bytes(client: Client) -> None:
    """RFC 9110, 5.1: field names are case-insensitive, trailers' too."""
    _need_trailers(client)
    url = client.create(len(_LARGE))
    trailers = [("upload-checksum", value) for _, value in _trailer(_LARGE)]
    response = _patch(client, url, 0, _LARGE, trailers)
    expect_status(response, 204)
    expect_offset(response, len(_LARGE))
    client.expect_content(url, _LARGE)


@check(
    "row-100-wrong-trailer",
    row=100,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="with a wrong checksum in the trailer it is 460 and dropped; the right one then works",
)
def wrong_trailer(client: Client) -> None:
    _need_trailers(client)
    for name in algorithms_of(client):
        url = client.create()
        for offset in (0, 5):
            body = b"1234567890"[offset : offset + 5]
            response = _patch(client, url, offset, b"xxxxx", _trailer(body, name))
            expect_status(response, 460, why=name)
            client.expect_offset(url, offset)
            response = _patch(client, url, offset, body, _trailer(body, name))
            expect_status(response, 204)


@check(
    "row-100-unknown-algorithm-in-the-trailer",
    row=100,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="an unknown algorithm or no Base64 in the trailer is 400 and nothing is stored",
)
def unknown_algorithm_in_the_trailer(client: Client) -> None:
    """As rows 95 and 96 for the header."""
    _need_trailers(client)
    url = client.create()
    for value in ("nope YQ==", "sha1 ###", "sha1"):
        response = _patch(client, url, 0, b"12345", [("Upload-Checksum", value)])
        expect_status(response, 400, why=f"Upload-Checksum: {value}")
        client.expect_offset(url, 0)


@check(
    "row-100-promised-trailer-missing",
    row=100,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="bytes whose promised checksum does not come are not stored",
)
def promised_trailer_missing(client: Client) -> None:
    """As row 97: they cannot be verified. Whether the body ends without it or breaks off."""
    _need_trailers(client)
    url = client.create(len(_LARGE))
    expect_status(_patch(client, url, 0, _LARGE[:1000], ()), 400, 460)
    client.expect_offset(url, 0)
    change = {**append_fields(0), **_PROMISE, "Transfer-Encoding": "chunked"}
    connection = client.start("PATCH", url, change)
    connection.send_chunk(_LARGE[:1000])
    connection.finish_sending()
    connection.close()
    for _ in range(2):
        client.expect_offset(url, 0)
        time.sleep(_SETTLE_SECONDS)


@check(
    "row-100-announced-only-where-it-works",
    row=100,
    level="D",
    section="Tus-Extension",
    needs=("--no-trailers",),
    title="checksum-trailer is not announced where the HTTP server drops trailers",
)
def announced_only_where_it_works(client: Client) -> None:
    if client.target.trailers is None:
        raise NotTestable("needs a server known to hand no trailers over (--no-trailers)")
    if client.target.trailers:
        raise NotTestable("the HTTP server hands trailers over")
    response = client.options()
    absent = _EXTENSION not in response.fields.tokens("Tus-Extension")
    expect(absent, f"expected {_EXTENSION} not to be announced", response)


def _need_trailers(client: Client) -> None:
    if client.target.trailers is False:
        raise NotTestable("the HTTP server does not hand trailers over")


def _trailer(body: bytes, algorithm: str = "sha1") -> FieldLines:
    return [(name, value or "") for name, value in checksum(body, algorithm).items()]


def _patch(client: Client, url: str, offset: int, body: bytes, trailers: FieldLines) -> Response:
    middle = len(body) // 2
    change = {**append_fields(offset), **_PROMISE}
    return client.send_chunked("PATCH", url, change, (body[:middle], body[middle:]), trailers)
