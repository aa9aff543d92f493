"""Rows 17 to 24: HEAD tells where to go on, to the one whose upload it is."""

from __future__ import annotations

import time

from ..client import Change, Client, append_fields, sample, wrong_version
from ..expect import expect, expect_absent, expect_field, expect_offset, expect_status
from ..registry import NotTestable, check
from ..wire import Response

_PIECE = sample(20_000)


@check(
    "row-017-new-upload-is-at-zero",
    row=17,
    level="MUST",
    section="HEAD",
    title="HEAD of a new upload tells offset 0",
)
def new_upload_is_at_zero(client: Client) -> None:
    response = client.head(client.create())
    expect_status(response, 200, 204)
    expect_offset(response, 0)


@check(
    "row-017-head-is-200",
    row=17,
    level="D",
    section="HEAD",
    title="HEAD of an upload is answered exactly 200",
)
def head_is_200(client: Client) -> None:
    expect_status(client.head(client.create()), 200)


@check(
    "row-017-head-leaves-a-running-patch-alone",
    row=17,
    level="D",
    section="HEAD",
    title="HEAD while a PATCH sends is answered at once, and the PATCH goes on to its 204",
)
def head_leaves_a_running_patch_alone(client: Client) -> None:
    """The table's opening points: HEAD takes no lock and disturbs no PATCH."""
    url = client.create(len(_PIECE) * 10)
    connection = client.start_patch(url, 0, len(_PIECE) * 10, _PIECE)
    for _ in range(9):
        begun = time.monotonic()
        response = client.head(url)
        expect_status(response, 200, 204)
        took = time.monotonic() - begun
        expect(took < 1, f"expected HEAD to answer within 1 s, it took {took:.2f} s", response)
        connection.send_body(_PIECE)
    response = client.read(connection)
    expect_status(response, 204)
    expect_offset(response, len(_PIECE) * 10)
    client.expect_content(url, _PIECE * 10)


@check(
    "row-018-complete-upload-still-answers",
    row=18,
    level="MUST",
    section="HEAD",
    title="HEAD of a complete upload tells offset = length",
)
def complete_upload_still_answers(client: Client) -> None:
    response = client.head(client.create_complete(b"1234567890"))
    expect_status(response, 200, 204)
    expect_offset(response, 10)
    expect_field(response, "Upload-Length", "10")


@check(
    "row-019-length-is-told",
    row=19,
    level="MUST",
    section="HEAD",
    title="HEAD tells the length once it is known",
)
def length_is_told(client: Client) -> None:
    announced = client.options().fields.get("Tus-Max-Size") or ""
    limit = int(announced) if announced.isdecimal() else 10
    for length in (1, 10, min(limit, 5_000_000_000)):
        expect_field(client.head(client.create(length)), "Upload-Length", str(length))


@check(
    "row-020-unknown-upload",
    row=20,
    level="SHOULD",
    section="HEAD",
    title="HEAD of an upload that is not there is 404, 410 or 403 and tells no offset",
)
def unknown_upload(client: Client) -> None:
    response = client.head(client.unknown_url())
    expect_status(response, 404, 410, 403)
    expect_absent(response, "Upload-Offset")


@check(
    "row-021-malformed-id",
    row=21,
    level="D",
    section="HEAD",
    title="HEAD of a path that is no upload's is 404",
)
def malformed_id(client: Client) -> None:
    for name in ("nope", "..%2F..%2Fetc%2Fpasswd", "%20", "%C3%A4", "%FF", "a'b", "a%2Fb"):
        _expect_not_found(client, name)


@check(
    "row-021-nul-in-id", row=21, level="D", section="HEAD", title="HEAD of a path with a NUL is 404"
)
def nul_in_id(client: Client) -> None:
    for name in ("%00", "a%00b"):
        _expect_not_found(client, name)


@check(
    "row-021-long-id",
    row=21,
    level="D",
    section="HEAD",
    title="HEAD of a path of 4 kB is 404, or 414",
)
def long_id(client: Client) -> None:
    """RFC 9110, 15.5.15: 414 is what HTTP servers say of it themselves."""
    _expect_not_found(client, "a" * 4096, 414)


@check(
    "row-022-no-store",
    row=22,
    level="MUST",
    section="HEAD",
    title="HEAD is never cached, whether the upload is new, half there or complete",
)
def no_store(client: Client) -> None:
    url = client.create()
    for offset in (0, 5):
        _expect_no_store(client.head(url))
        client.patch(url, offset, b"12345")
    _expect_no_store(client.head(url))


@check(
    "row-022-no-store-on-errors",
    row=22,
    level="D",
    section="HEAD",
    title="a refused HEAD is never cached either",
)
def no_store_on_errors(client: Client) -> None:
    _expect_no_store(client.head(client.unknown_url()))
    _expect_no_store(client.head(client.create(), wrong_version()))


@check(
    "row-023-no-content-length-of-the-upload",
    row=23,
    level="D",
    section="HEAD",
    title="HEAD has no Content-Length, or the one that GET has",
)
def no_content_length_of_the_upload(client: Client) -> None:
    """RFC 9110, 8.6: it must not say anything else. Where GET is not to be tried, nothing does."""
    for url in (client.create(), client.create_complete(b"1234567890")):
        response = client.head(url)
        length = response.fields.get("Content-Length")
        if length is not None:
            wanted = str(len(client.download(url).body))
            expect(length == wanted, f"expected Content-Length {wanted}, got {length}", response)


@check(
    "row-024-foreign-upload",
    row=24,
    level="D",
    section="HEAD",
    needs=("--other-header",),
    title="another user's HEAD, PATCH, GET and DELETE see 404 or 403 and change nothing",
)
def foreign_upload(client: Client) -> None:
    if client.target.other_headers is None:
        raise NotTestable("needs a second user's headers (--other-header)")
    url = client.create()
    for method in ("HEAD", "PATCH", "GET", "DELETE"):
        change, body = (append_fields(0), b"12345") if method == "PATCH" else ({}, None)
        response = client.send(method, url, change, body, other=True)
        expect_status(response, 404, 403, *_without_termination(client, method))
        expect_absent(response, "Upload-Metadata", "Upload-Offset", "Upload-Length")
    client.expect_offset(url, 0)


@check(
    "row-024-foreign-complete-upload",
    row=24,
    level="D",
    section="HEAD",
    needs=("--other-header",),
    title="another user gets no byte of a complete upload, nor its name, nor deletes it",
)
def foreign_complete_upload(client: Client) -> None:
    if client.target.other_headers is None:
        raise NotTestable("needs a second user's headers (--other-header)")
    body = sample(1000, seed=24)
    url = client.create_complete(body, {"Upload-Metadata": "filename c2VjcmV0LnR4dA=="})
    asked: tuple[tuple[str, Change], ...] = (
        ("GET", {}),
        ("DELETE", {}),
        ("POST", {"X-HTTP-Method-Override": "HEAD"}),
        ("POST", {"X-HTTP-Method-Override": "DELETE"}),
    )
    for method, change in asked:
        response = client.send(method, url, change, other=True)
        acted = change.get("X-HTTP-Method-Override") or method
        expect_status(response, 404, 403, *_without_termination(client, acted))
        expect_absent(response, "Upload-Metadata", "Upload-Offset", "Upload-Length")
        leaked = body[:100] in response.body or "secret" in str(response)
        expect(not leaked, "expected nothing of another user's upload", response)
    client.expect_offset(url, 1000)
    client.expect_content(url, body)


def _without_termination(client: Client, method: str) -> tuple[int, ...]:
    """What else a server may answer to a DELETE of any upload."""
    has_it = method != "DELETE" or "termination" in client.extensions()
    return () if has_it else (405, 501)


def _expect_not_found(client: Client, name: str, *allowed: int) -> None:
    response = client.head(client.beside_uploads(name))
    expect_status(response, 404, *allowed)
    expect_absent(response, "Upload-Offset")


def _expect_no_store(response: Response) -> None:
    tokens = [token.lower() for token in response.fields.tokens("Cache-Control")]
    expect("no-store" in tokens, "expected Cache-Control: no-store", response)
