"""Rows 25 to 40: what a PATCH stores and what it refuses. Broken connections and races are in
`interruption.py`.
"""

from __future__ import annotations

from ..client import Client, append_fields, sample, wrong_version
from ..expect import expect, expect_number, expect_offset, expect_status
from ..registry import check
from ..wire import Response

_NOT_A_NUMBER = ("-1", "abc", "1.5", "0.5", "")
# What int() of most languages takes, or what does not fit 63 bits.
_NOT_PLAIN_DIGITS = ("+0", "00", "-0", "0_0", "0x0", "\u0660", "9" * 30, str(2**63))


@check(
    "row-025-append",
    row=25,
    level="MUST",
    section="PATCH",
    title="a PATCH at the offset is 204 and tells the new offset",
)
def append(client: Client) -> None:
    url = client.create()
    _expect_appended(client.patch(url, 0, b"12345"), 5)
    client.expect_offset(url, 5)


@check(
    "row-026-append-again",
    row=26,
    level="MUST",
    section="PATCH",
    title="the next PATCH goes on from there, and so to the end",
)
def append_again(client: Client) -> None:
    """Whether a complete upload still answers HEAD is row 18's."""
    url = client.create(15)
    _expect_appended(client.patch(url, 0, b"12345"), 5)
    _expect_appended(client.patch(url, 5, b"67890"), 10)
    client.expect_offset(url, 10)
    _expect_appended(client.patch(url, 10, b"abcde"), 15)
    client.expect_content(url, b"1234567890abcde")


@check(
    "row-026-large-body",
    row=26,
    level="MUST",
    section="PATCH",
    title="a few megabytes in PATCHes of odd sizes come out as they went in",
)
def large_body(client: Client) -> None:
    body = sample(3_000_001, seed=26)
    url = client.create(len(body))
    offset = 0
    for size in (1, 65_535, 1_048_577, len(body)):
        piece = body[offset : offset + size]
        _expect_appended(client.patch(url, offset, piece), offset + len(piece))
        offset += len(piece)
    client.expect_content(url, body)


@check(
    "row-027-other-content-type",
    row=27,
    level="SHOULD",
    section="PATCH",
    title="a PATCH with another Content-Type is 415 and stores nothing",
)
def other_content_type(client: Client) -> None:
    for value in ("text/plain", "application/octet-stream", "application/offset+octet-streams"):
        _expect_refused(client, {"Content-Type": value}, 415)


@check(
    "row-028-no-content-type",
    row=28,
    level="SHOULD",
    section="PATCH",
    title="a PATCH without Content-Type is 415 and stores nothing",
)
def no_content_type(client: Client) -> None:
    _expect_refused(client, {"Content-Type": None}, 415)


@check(
    "row-029-content-type-in-other-case",
    row=29,
    level="D",
    section="PATCH",
    title="the media type may be written in any case and have parameters",
)
def content_type_in_other_case(client: Client) -> None:
    """RFC 9110, 8.3.1: type and subtype compare case-insensitively."""
    url = client.create()
    change: dict[str, str | None] = {"Content-Type": "Application/Offset+Octet-Stream; x=1"}
    _expect_appended(client.patch(url, 0, b"12345", change), 5)


@check(
    "row-030-offset-ahead",
    row=30,
    level="MUST",
    section="PATCH",
    title="a PATCH ahead of the offset is 409 and stores nothing",
)
def offset_ahead(client: Client) -> None:
    url = client.create()
    for offset in (3, 10, 11):
        expect_status(client.patch(url, offset, b"12345"), 409, why=f"Upload-Offset {offset}")
        client.expect_offset(url, 0)


@check(
    "row-031-offset-behind",
    row=31,
    level="MUST",
    section="PATCH",
    title="a PATCH behind the offset is 409 and changes nothing",
)
def offset_behind(client: Client) -> None:
    url = client.create()
    _expect_appended(client.patch(url, 0, b"12345"), 5)
    for offset in (0, 3):
        expect_status(client.patch(url, offset, b"xxxxx"), 409, why=f"Upload-Offset {offset}")
        client.expect_offset(url, 5)
    _expect_appended(client.patch(url, 5, b"67890"), 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-032-conflict-tells-the-offset",
    row=32,
    level="D",
    section="PATCH",
    title="the 409 tells the true offset",
)
def conflict_tells_the_offset(client: Client) -> None:
    url = client.create()
    _expect_appended(client.patch(url, 0, b"12345"), 5)
    for offset in (0, 7):
        response = client.patch(url, offset, b"xx")
        expect_status(response, 409)
        expect_offset(response, 5)


@check(
    "row-032-largest-offset-is-a-conflict",
    row=32,
    level="D",
    section="PATCH",
    title="the largest offset there can be, 2^63-1, is a conflict like any other",
)
def largest_offset_is_a_conflict(client: Client) -> None:
    response = client.patch(client.create(), 2**63 - 1, b"12345")
    expect_status(response, 409)
    expect_offset(response, 0)


@check(
    "row-033-no-offset",
    row=33,
    level="MUST",
    section="PATCH",
    title="a PATCH without Upload-Offset is refused and nothing is stored",
)
def no_offset(client: Client) -> None:
    """tus 1.0.0 names no status; the next check does."""
    _expect_refused(client, {"Upload-Offset": None}, *range(400, 500))


@check(
    "row-033-no-offset-is-400",
    row=33,
    level="D",
    section="PATCH",
    title="a PATCH without Upload-Offset is refused with exactly 400",
)
def no_offset_is_400(client: Client) -> None:
    _expect_refused(client, {"Upload-Offset": None}, 400)


@check(
    "row-034-offset-not-a-number",
    row=34,
    level="MUST",
    section="Upload-Offset",
    title="an Upload-Offset that is no non-negative integer is refused and nothing is stored",
)
def offset_not_a_number(client: Client) -> None:
    """The rule lets 409 pass, for it is no offset of the upload's; the next check does not."""
    for value in _NOT_A_NUMBER:
        _expect_refused(client, {"Upload-Offset": value}, 400, 409)


@check(
    "row-034-offset-not-a-number-is-400",
    row=34,
    level="D",
    section="Upload-Offset",
    title="an Upload-Offset that is no non-negative integer is refused with exactly 400",
)
def offset_not_a_number_is_400(client: Client) -> None:
    for value in _NOT_A_NUMBER:
        _expect_refused(client, {"Upload-Offset": value}, 400)


@check(
    "row-035-offset-not-plain-digits",
    row=35,
    level="D",
    section="Upload-Offset",
    title="an Upload-Offset in anything but plain ASCII digits up to 2^63-1 is 400",
)
def offset_not_plain_digits(client: Client) -> None:
    for value in _NOT_PLAIN_DIGITS:
        _expect_refused(client, {"Upload-Offset": value}, 400)


@check(
    "row-036-unknown-upload",
    row=36,
    level="SHOULD",
    section="PATCH",
    title="a PATCH of an upload that is not there is 404",
)
def unknown_upload(client: Client) -> None:
    expect_status(client.patch(client.unknown_url(), 0, b"12345"), 404)


@check(
    "row-036-order-of-judgement",
    row=36,
    level="D",
    section="PATCH",
    title="a PATCH wrong in several ways is refused for the first: version, "
    "upload, type, offset, length",
)
def order_of_judgement(client: Client) -> None:
    """The table's opening points give this order."""
    url, unknown = client.create(), client.unknown_url()
    text: dict[str, str | None] = {"Content-Type": "text/plain"}
    without: dict[str, str | None] = {"Upload-Offset": None}
    too_long = b"12345678901"
    expect_status(client.patch(unknown, 0, b"1", wrong_version()), 412, why="version before upload")
    expect_status(
        client.patch(unknown, 0, b"1", {**text, **without}), 404, why="upload before type"
    )
    expect_status(client.patch(url, 0, b"1", {**text, **without}), 415, why="type before offset")
    expect_status(client.patch(url, 3, too_long), 409, why="offset before length")
    client.expect_offset(url, 0)


@check(
    "row-037-body-too-long",
    row=37,
    level="MUST",
    section="PATCH",
    title="a body that goes past the length is refused and nothing past the length is stored",
)
def body_too_long(client: Client) -> None:
    """The rule lets 400 pass; `row-037-body-too-long-is-413` does not."""
    _expect_overrun_refused(client, 413, 400)


@check(
    "row-037-body-too-long-is-413",
    row=37,
    level="D",
    section="PATCH",
    title="a body that goes past the length is refused with exactly 413",
)
def body_too_long_is_413(client: Client) -> None:
    _expect_overrun_refused(client, 413)


@check(
    "row-037-chunked-body-too-long",
    row=37,
    level="MUST",
    section="PATCH",
    title="a body without Content-Length that goes past the length is refused, nothing "
    "past it stored",
)
def chunked_body_too_long(client: Client) -> None:
    """Whether such bodies are taken at all is row 40's."""
    url = client.create()
    response = client.send_chunked(
        "PATCH", url, append_fields(0), (b"1234567", b"890123", b"x" * 1000)
    )
    expect(400 <= response.status < 500, "expected the PATCH to be refused", response)
    _expect_within_length(client.head(url))


@check(
    "row-038-empty-body",
    row=38,
    level="D",
    section="PATCH",
    title="an empty PATCH in the middle is 204 at the same offset",
)
def empty_body(client: Client) -> None:
    url = client.create()
    _expect_appended(client.patch(url, 0, b""), 0)
    _expect_appended(client.patch(url, 0, b"12345"), 5)
    _expect_appended(client.patch(url, 5, b""), 5)


@check(
    "row-039-empty-patch-of-a-complete-upload",
    row=39,
    level="D",
    section="PATCH",
    title="an empty PATCH at the end of a complete upload is 204 and tells the offset",
)
def empty_patch_of_a_complete_upload(client: Client) -> None:
    _expect_appended(client.patch(client.create_complete(b"1234567890"), 10, b""), 10)


@check(
    "row-039-bytes-past-a-complete-upload",
    row=39,
    level="D",
    section="PATCH",
    title="bytes past the end of a complete upload are 413",
)
def bytes_past_a_complete_upload(client: Client) -> None:
    url = client.create_complete(b"1234567890")
    expect_status(client.patch(url, 10, b"x"), 413)
    client.expect_offset(url, 10)
    client.expect_content(url, b"1234567890")


@check(
    "row-040-no-content-length",
    row=40,
    level="SHOULD",
    section="PATCH",
    title="a chunked body is stored like any other",
)
def no_content_length(client: Client) -> None:
    url = client.create()
    _expect_appended(client.send_chunked("PATCH", url, append_fields(0), (b"12", b"345")), 5)
    client.expect_offset(url, 5)
    _expect_appended(client.send_chunked("PATCH", url, append_fields(5), (b"67890",)), 10)
    client.expect_content(url, b"1234567890")


def _expect_appended(response: Response, offset: int) -> None:
    expect_status(response, 204)
    expect_offset(response, offset)


def _expect_refused(client: Client, change: dict[str, str | None], *statuses: int) -> None:
    url = client.create()
    why = ", ".join(
        f"{name}: {value}" if value is not None else f"no {name}" for name, value in change.items()
    )
    response = client.patch(url, 0, b"12345", change)
    wanted = "a refusal" if len(statuses) > 2 else " or ".join(map(str, statuses))
    message = f"expected {wanted} ({why}), got {response.status}"
    expect(response.status in statuses, message, response)
    client.expect_offset(url, 0)


def _expect_overrun_refused(client: Client, *statuses: int) -> None:
    for offset in (0, 5):
        url = client.create()
        if offset:
            _expect_appended(client.patch(url, 0, b"12345"), offset)
        expect_status(client.patch(url, offset, b"678901234567"), *statuses)
        _expect_within_length(client.head(url))


def _expect_within_length(response: Response) -> None:
    expect_status(response, 200, 204)
    expect(
        expect_number(response, "Upload-Offset") <= 10,
        "expected no more than the length stored",
        response,
    )
