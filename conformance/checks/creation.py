"""Rows 48 to 52 and 62 to 66: what makes an upload, and where it says it is."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..client import METADATA, Client
from ..expect import expect, expect_absent, expect_field, expect_offset, expect_status
from ..registry import NotTestable, check

_BAD_LENGTHS = ("-1", "abc", "1.5", "", "1e3")


@check(
    "row-048-create",
    row=48,
    level="MUST",
    section="Creation",
    title="a creation is 201, its Location answers HEAD",
)
def create(client: Client) -> None:
    response = client.options()
    expect(
        "creation" in response.fields.tokens("Tus-Extension"),
        "expected creation to be announced",
        response,
    )
    response = client.head(client.create())
    expect_status(response, 200, 204)
    expect_offset(response, 0)
    expect_field(response, "Upload-Length", "10")


@check(
    "row-048-with-and-without-last-slash",
    row=48,
    level="D",
    section="Creation",
    title="the creation URL answers with and without its last slash, not by a redirect",
)
def with_and_without_last_slash(client: Client) -> None:
    bare = client.target.url.rstrip("/")
    for url in (bare, f"{bare}/"):
        response = client.send("POST", url, {"Upload-Length": "10", "Upload-Metadata": METADATA})
        client.expect_offset(client.location(response), 0)


@check(
    "row-049-no-length",
    row=49,
    level="MUST",
    section="Creation",
    extension="creation",
    title="a creation that neither gives a length nor defers it is 400",
)
def no_length(client: Client) -> None:
    response = client.post()
    expect_status(response, 400)
    expect_absent(response, "Location")


@check(
    "row-050-length-not-a-number",
    row=50,
    level="MUST",
    section="Upload-Length",
    extension="creation",
    title="an Upload-Length that is no non-negative integer is 400",
)
def length_not_a_number(client: Client) -> None:
    for value in _BAD_LENGTHS:
        response = client.post({"Upload-Length": value})
        expect_status(response, 400, why=f"Upload-Length: {value}")
        expect_absent(response, "Location")


@check(
    "row-050-length-of-thirty-digits",
    row=50,
    level="D",
    section="Upload-Length",
    extension="creation",
    title="an Upload-Length that no file can have is 400 or 413",
)
def length_of_thirty_digits(client: Client) -> None:
    """It is a non-negative integer, so 413 is as good an answer."""
    response = client.post({"Upload-Length": "9" * 30})
    expect_status(response, 400, 413)
    expect_absent(response, "Location")


@check(
    "row-051-empty-upload",
    row=51,
    level="MUST",
    section="Creation",
    extension="creation",
    title="an upload of length 0 is complete at once",
)
def empty_upload(client: Client) -> None:
    url = client.create(0)
    response = client.head(url)
    expect_status(response, 200, 204)
    expect_offset(response, 0)
    expect_field(response, "Upload-Length", "0")
    client.expect_content(url, b"")


@check(
    "row-052-over-the-limit",
    row=52,
    level="MUST",
    section="Tus-Max-Size",
    extension="creation",
    title="a length over Tus-Max-Size is 413",
)
def over_the_limit(client: Client) -> None:
    limit = client.max_size()
    for length in (limit + 1, limit * 2 + 1):
        response = client.post({"Upload-Length": str(length)})
        expect_status(response, 413)
        expect_absent(response, "Location")


@check(
    "row-052-largest-length",
    row=52,
    level="D",
    section="Tus-Max-Size",
    extension="creation",
    title="the largest length there can be, 2^63-1, is a number and so 413, not 400",
)
def largest_length(client: Client) -> None:
    if client.max_size() >= 2**63 - 1:
        raise NotTestable("Tus-Max-Size allows it")
    expect_status(client.post({"Upload-Length": str(2**63 - 1)}), 413)


@check(
    "row-052-exactly-the-limit",
    row=52,
    level="MUST",
    section="Tus-Max-Size",
    extension="creation",
    title="a length of exactly Tus-Max-Size is 201",
)
def exactly_the_limit(client: Client) -> None:
    url = client.create(client.max_size())
    client.expect_offset(url, 0)
    client.delete(url)


@check(
    "row-062-same-file-twice",
    row=62,
    level="D",
    section="Creation",
    extension="creation",
    title="the same creation sent twice makes two uploads",
)
def same_file_twice(client: Client) -> None:
    first, second = client.post({"Upload-Length": "10"}), client.post({"Upload-Length": "10"})
    expect(
        client.location(first) != client.location(second), "expected a Location of its own", second
    )
    expect_status(client.patch(client.location(first), 0, b"12345"), 204)
    client.expect_offset(client.location(second), 0)


@check(
    "row-063-location-is-path-only",
    row=63,
    level="MAY",
    section="Creation",
    extension="creation",
    title="the Location is a path, so that no proxy makes it wrong",
)
def location_is_path_only(client: Client) -> None:
    response = client.post({"Upload-Length": "10"})
    client.location(response)
    location = response.fields.get("Location") or ""
    parts = urlsplit(location)
    expect(
        not parts.scheme and not parts.netloc,
        "expected a Location without scheme and host",
        response,
    )
    expect(location.startswith("/"), "expected a Location that begins with a slash", response)


@check(
    "row-063-location-has-no-spaces",
    row=63,
    level="MAY",
    section="Creation",
    extension="creation",
    title="the Location is printable ASCII without spaces, for Upload-Concat lists URLs by spaces",
)
def location_has_no_spaces(client: Client) -> None:
    response = client.post({"Upload-Length": "10"})
    client.location(response)
    location = response.fields.get("Location") or ""
    expect(
        all("!" <= letter <= "~" for letter in location),
        "expected printable ASCII without spaces",
        response,
    )


@check(
    "row-064-forwarded-fields-of-a-stranger",
    row=64,
    level="D",
    section="Creation",
    extension="creation",
    title="X-Forwarded-Host and -Proto from just anyone do not shape the Location",
)
def forwarded_fields_of_a_stranger(client: Client) -> None:
    own = urlsplit(client.target.url)
    other = "http" if own.scheme == "https" else "https"
    for change in (
        {"X-Forwarded-Host": "elsewhere.example", "X-Forwarded-Proto": other},
        {"Forwarded": f"for=192.0.2.1;host=elsewhere.example;proto={other}"},
        {"X-Forwarded-Server": "elsewhere.example", "X-Forwarded-Port": "1"},
        {"X-Forwarded-Prefix": "/elsewhere", "X-Script-Name": "/elsewhere"},
    ):
        response = client.post({"Upload-Length": "10", **change})
        got = urlsplit(client.location(response))
        same = (got.scheme, got.netloc) == (own.scheme, own.netloc)
        expect(same, "expected a Location on the host and scheme that were asked", response)
        expect("elsewhere" not in got.path, "expected a Location below the path asked", response)


@check(
    "row-065-no-location-on-errors",
    row=65,
    level="MAY",
    section="Creation",
    extension="creation",
    title="no refused creation has a Location, for some clients take any for "
    "success; its reason is short text",
)
def no_location_on_errors(client: Client) -> None:
    changes: tuple[dict[str, str | None], ...] = (
        {},
        {"Upload-Length": "-1"},
        {"Upload-Length": "10", "Upload-Metadata": "filename ###"},
        {"Upload-Length": "10", "Tus-Resumable": "0.2.2"},
        {"Upload-Length": "9" * 30},
    )
    refused = [response for response in map(client.post, changes) if response.status >= 400]
    if not refused:
        raise NotTestable("the server refuses nothing that was tried")
    for response in refused:
        expect_absent(response, "Location")
        expect(len(response.body) <= 1000, "expected a short reason", response)


@check(
    "row-065-location-on-creation-only",
    row=65,
    level="MAY",
    section="Creation",
    extension="creation",
    title="no other answer has a Location, whether it went well or not",
)
def location_on_creation_only(client: Client) -> None:
    """The table's opening points. A download may be a redirect, tus knows none."""
    url, unknown = client.create(), client.unknown_url()
    for response in (
        client.options(),
        client.options(url),
        client.head(url),
        client.head(unknown),
        client.patch(url, 0, b"12345"),
        client.patch(url, 3, b"12345"),
        client.patch(url, 5, b"67890", {"Content-Type": "text/plain"}),
        client.patch(url, 5, b"12345678901"),
        client.patch(unknown, 0, b"12345"),
        client.patch(url, 5, b"67890"),
        client.head(url),
        client.send("PUT", url),
        client.delete(unknown),
        client.delete(url),
    ):
        expect_absent(response, "Location")


@check(
    "row-065-reason-is-text",
    row=65,
    level="MAY",
    section="Creation",
    extension="creation",
    title="a refused creation says why, in text",
)
def reason_is_text(client: Client) -> None:
    for change in ({}, {"Upload-Length": "-1"}, {"Upload-Length": "9" * 30}):
        response = client.post(change)
        if response.status < 400:
            raise NotTestable("the server refuses nothing that was tried")
        kind = (response.fields.get("Content-Type") or "").lower()
        text = kind.startswith(("text/plain", "application/json", "application/problem+json"))
        expect(text and bool(response.body.strip()), "expected a reason in text", response)


@check(
    "row-066-form-type-without-body",
    row=66,
    level="D",
    section="Creation",
    extension="creation",
    title="the Content-Type of a creation without a body does not matter",
)
def form_type_without_body(client: Client) -> None:
    for kind in (
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
    ):
        url = client.create(change={"Content-Type": kind})
        client.expect_offset(url, 0)
