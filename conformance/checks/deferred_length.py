"""Rows 67 to 73, 76 and 77: an upload whose length is told later, once, and binds from then on."""

from __future__ import annotations

from ..client import Client, append_fields
from ..deferral import begin_deferred, expect_deferred, expect_length
from ..expect import expect_absent, expect_offset, expect_status
from ..limits import expect_at_most
from ..registry import check

_EXTENSION = "creation-defer-length"
_SECTION = "Upload-Defer-Length"
_BAD_LENGTHS = ("-1", "abc", "1.5", "", "1e3")


@check(
    "row-067-deferred-length",
    row=67,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation may defer its length; HEAD says so until it is told, and tells no length",
)
def deferred_length(client: Client) -> None:
    response = client.post({"Upload-Defer-Length": "1"})
    url = client.location(response)
    expect_deferred(client, url, 0)


@check(
    "row-068-deferral-other-than-1",
    row=68,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="an Upload-Defer-Length other than 1 is 400",
)
def deferral_other_than_1(client: Client) -> None:
    for value in ("2", "0", "-1", "11", "abc", "true"):
        response = client.post({"Upload-Defer-Length": value})
        expect_status(response, 400, why=f"Upload-Defer-Length: {value}")
        expect_absent(response, "Location")


@check(
    "row-069-both-lengths",
    row=69,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation that tells a length and defers it is 400",
)
def both_lengths(client: Client) -> None:
    for length, deferral in (("10", "1"), ("0", "1"), ("10", "2")):
        response = client.post({"Upload-Length": length, "Upload-Defer-Length": deferral})
        expect_status(response, 400, why=f"{length} and Upload-Defer-Length: {deferral}")
        expect_absent(response, "Location")


@check(
    "row-070-still-deferred",
    row=70,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a PATCH that tells no length is stored, and the length stays deferred",
)
def still_deferred(client: Client) -> None:
    url = begin_deferred(client)
    for offset, body in ((0, b"12345"), (5, b"678")):
        client.append(url, offset, body)
        expect_deferred(client, url, offset + len(body))


@check(
    "row-070-chunked-body",
    row=70,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="a PATCH with a chunked body is stored while the length is deferred, and may "
    "tell the length",
)
def chunked_body(client: Client) -> None:
    """As row 40 for a length known from the start."""
    url = begin_deferred(client)
    response = client.send_chunked("PATCH", url, append_fields(0), (b"12", b"345"))
    expect_status(response, 204)
    expect_offset(response, 5)
    expect_deferred(client, url, 5)
    change = {**append_fields(5), "Upload-Length": "10"}
    response = client.send_chunked("PATCH", url, change, (b"67", b"890"))
    expect_status(response, 204)
    expect_offset(response, 10)
    expect_length(client, url, 10, 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-071-length-with-the-first-bytes",
    row=71,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="the first PATCH may tell the length; the next makes the upload complete",
)
def length_with_the_first_bytes(client: Client) -> None:
    url = begin_deferred(client)
    client.append(url, 0, b"12345", {"Upload-Length": "10"})
    expect_length(client, url, 5, 10)
    client.append(url, 5, b"67890")
    expect_length(client, url, 10, 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-071-length-with-the-last-bytes",
    row=71,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="the last PATCH may tell the length, as tus-js-client does",
)
def length_with_the_last_bytes(client: Client) -> None:
    url = begin_deferred(client)
    client.append(url, 0, b"12345")
    client.append(url, 5, b"67890", {"Upload-Length": "10"})
    expect_length(client, url, 10, 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-071-length-without-bytes",
    row=71,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="an empty PATCH may tell the length, before any bytes or between them",
)
def length_without_bytes(client: Client) -> None:
    """As row 38: tus 1.0.0 does not say that a PATCH may be empty."""
    for offset in (0, 5):
        url = begin_deferred(client)
        if offset:
            client.append(url, 0, b"12345")
        client.append(url, offset, b"", {"Upload-Length": "10"})
        expect_length(client, url, offset, 10)
        client.append(url, offset, b"1234567890"[offset:])
        expect_length(client, url, 10, 10)
        client.expect_content(url, b"1234567890")


@check(
    "row-071-length-not-a-number",
    row=71,
    level="MUST",
    section="Upload-Length",
    extension=_EXTENSION,
    title="a PATCH that tells a length that is no non-negative integer is 400 and changes nothing",
)
def length_not_a_number(client: Client) -> None:
    url = begin_deferred(client)
    for value in _BAD_LENGTHS:
        response = client.patch(url, 0, b"12345", {"Upload-Length": value})
        expect_status(response, 400, why=f"Upload-Length: {value}")
        expect_deferred(client, url, 0)


@check(
    "row-071-length-of-thirty-digits",
    row=71,
    level="D",
    section="Upload-Length",
    extension=_EXTENSION,
    title="a PATCH that tells a length that no file can have is 400 or 413 and changes nothing",
)
def length_of_thirty_digits(client: Client) -> None:
    """As row 50."""
    url = begin_deferred(client)
    expect_status(client.patch(url, 0, b"12345", {"Upload-Length": "9" * 30}), 400, 413)
    expect_deferred(client, url, 0)


@check(
    "row-071-length-binds",
    row=71,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="nothing is stored past the length told, in the PATCH that tells it and after it",
)
def length_binds(client: Client) -> None:
    """As row 37 for a length known from the start: 413, or 400."""
    url = begin_deferred(client)
    _expect_overrun_refused(client, url, 0, b"1234567890", {"Upload-Length": "5"}, most=5)
    url = begin_deferred(client)
    client.append(url, 0, b"123", {"Upload-Length": "5"})
    _expect_overrun_refused(client, url, 3, b"4567890", {}, most=5)


@check(
    "row-072-another-length",
    row=72,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="once told, the length does not change: another is 400, nothing of that PATCH is stored",
)
def another_length(client: Client) -> None:
    url = begin_deferred(client)
    client.append(url, 0, b"12345", {"Upload-Length": "10"})
    for length in ("12", "8", "5", "0"):
        _expect_length_refused(client, url, 5, b"678", length)
        expect_length(client, url, 5, 10)
    client.append(url, 5, b"67890")
    client.expect_content(url, b"1234567890")


@check(
    "row-072-another-length-at-the-end",
    row=72,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="another length is 400 when the upload is complete, too, with and without bytes",
)
def another_length_at_the_end(client: Client) -> None:
    url = begin_deferred(client)
    client.append(url, 0, b"1234567890", {"Upload-Length": "10"})
    for length, body in (("11", b""), ("11", b"1"), ("9", b"")):
        _expect_length_refused(client, url, 10, body, length)
        expect_length(client, url, 10, 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-072-same-length-again",
    row=72,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="the same length told again is accepted",
)
def same_length_again(client: Client) -> None:
    """tus 1.0.0 only says that it must not change; so a client may repeat a PATCH as it was."""
    url = begin_deferred(client)
    for offset in (0, 5):
        client.append(url, offset, b"1234567890"[offset : offset + 5], {"Upload-Length": "10"})
        expect_length(client, url, offset + 5, 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-072-order-of-judgement",
    row=72,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="another length is judged after the type and the offset, before the body's length",
)
def order_of_judgement(client: Client) -> None:
    """The table's opening points give this order."""
    url = begin_deferred(client)
    client.append(url, 0, b"12345", {"Upload-Length": "10"})
    other: dict[str, str | None] = {"Upload-Length": "8"}
    text = {**other, "Content-Type": "text/plain"}
    expect_status(client.patch(url, 5, b"678", text), 415, why="type before length")
    expect_status(client.patch(url, 3, b"678", other), 409, why="offset before length")
    expect_status(client.patch(url, 5, b"678901234", other), 400, why="length before overrun")
    expect_length(client, url, 5, 10)


@check(
    "row-073-length-below-the-offset",
    row=73,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a length below what is stored is 400 and changes nothing",
)
def length_below_the_offset(client: Client) -> None:
    url = begin_deferred(client, b"12345")
    for length, body in (("4", b""), ("0", b""), ("3", b"678")):
        _expect_length_refused(client, url, 5, body, length)
        expect_deferred(client, url, 5)


@check(
    "row-076-length-of-the-offset",
    row=76,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="an empty PATCH that tells the offset as the length makes the upload complete",
)
def length_of_the_offset(client: Client) -> None:
    for body in (b"1234567890", b""):
        url = begin_deferred(client)
        if body:
            client.append(url, 0, body)
        client.append(url, len(body), b"", {"Upload-Length": str(len(body))})
        expect_length(client, url, len(body), len(body))
        client.expect_content(url, body)


@check(
    "row-077-same-length-of-a-known-one",
    row=77,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a PATCH may tell the length that the creation told",
)
def same_length_of_a_known_one(client: Client) -> None:
    url = client.create()
    for offset in (0, 5):
        client.append(url, offset, b"1234567890"[offset : offset + 5], {"Upload-Length": "10"})
    expect_length(client, url, 10, 10)


@check(
    "row-077-another-length-than-the-known-one",
    row=77,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="another length than the creation told is 400, nothing of that PATCH is stored",
)
def another_length_than_the_known_one(client: Client) -> None:
    url = client.create()
    for length in ("12", "8", "0", "abc"):
        _expect_length_refused(client, url, 0, b"12345", length)
        expect_length(client, url, 0, 10)


def _expect_length_refused(client: Client, url: str, offset: int, body: bytes, length: str) -> None:
    response = client.patch(url, offset, body, {"Upload-Length": length})
    expect_status(response, 400, why=f"Upload-Length: {length}")


def _expect_overrun_refused(
    client: Client, url: str, offset: int, body: bytes, change: dict[str, str | None], *, most: int
) -> None:
    expect_status(client.patch(url, offset, body, change), 413, 400)
    expect_at_most(client, url, most)
