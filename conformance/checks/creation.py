"""Rows 48 to 66: what makes an upload, what it remembers, and where it says it is."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import urlsplit

from conformance.client import METADATA, Client
from conformance.expect import expect, expect_absent, expect_field, expect_offset, expect_status
from conformance.registry import NotTestable, check

_BAD_LENGTHS = ("-1", "abc", "1.5", "", "1e3", "9" * 30)
_NOT_BASE64 = ("name ###", "name Y", "name YWJj*", "name YQ=a", "a YQ==,name *", "name YQ== YQ==")
# No answer has such a field unless a value wrote it.
_EVIL = "evil-field-of-row-60"


def encode(value: bytes) -> str:
    return b64encode(value).decode("ascii")


@check("row-048-create", row=48, level="MUST", section="Creation", title="a creation is 201, its Location answers HEAD")
def create(client: Client) -> None:
    response = client.options()
    expect("creation" in response.fields.tokens("Tus-Extension"), "expected creation to be announced", response)
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
    "row-053-metadata-comes-back",
    row=53,
    level="MUST",
    section="Upload-Metadata",
    extension="creation",
    title="HEAD gives the metadata back as it was sent: same bytes, same order",
)
def metadata_comes_back(client: Client) -> None:
    for sent in (
        f"filename {encode(b'a.txt')},is_confidential,filetype {encode(b'text/plain')}",
        f"z {encode(b'1')},filetype {encode(b'a/b')},a {encode(b'2')},filename {encode(b'q')},m {encode(bytes(60))}",
        f"filename {encode('ä ö.txt'.encode())},filetype {encode(b'x/y')},Filename {encode(b'other')}",
    ):
        url = client.create(change={"Upload-Metadata": sent})
        expect_field(client.head(url), "Upload-Metadata", sent)
        expect_status(client.patch(url, 0, b"1234567890"), 204)
        expect_field(client.head(url), "Upload-Metadata", sent)


@check(
    "row-054-key-without-value",
    row=54,
    level="MAY",
    section="Upload-Metadata",
    extension="creation",
    title="a key may come without a value, with or without a space behind it",
)
def key_without_value(client: Client) -> None:
    rest = f"filename {encode(b'a')},filetype {encode(b'a/b')}"
    for sent in (f"{rest},secret", f"secret,{rest}", f"secret ,{rest}"):
        client.create(change={"Upload-Metadata": sent})


@check(
    "row-055-metadata-that-is-not-text",
    row=55,
    level="MUST",
    section="Upload-Metadata",
    extension="creation",
    title="a value that is no UTF-8 comes back unchanged",
)
def metadata_that_is_not_text(client: Client) -> None:
    sent = f"filename {encode(b'a')},filetype {encode(b'a/b')},digest {encode(bytes(range(128, 256)))}"
    expect_field(client.head(client.create(change={"Upload-Metadata": sent})), "Upload-Metadata", sent)


@check(
    "row-056-value-not-base64",
    row=56,
    level="MUST",
    section="Upload-Metadata",
    extension="creation",
    title="a value that is not Base64 is 400",
)
def value_not_base64(client: Client) -> None:
    for sent in _NOT_BASE64:
        response = client.post({"Upload-Length": "10", "Upload-Metadata": sent})
        expect_status(response, 400, why=f"Upload-Metadata: {sent}")


@check(
    "row-057-key-twice",
    row=57,
    level="MUST",
    section="Upload-Metadata",
    extension="creation",
    title="the same key twice is 400",
)
def key_twice(client: Client) -> None:
    sent = f"filename {encode(b'a')},filetype {encode(b'a/b')},filename {encode(b'b')}"
    expect_status(client.post({"Upload-Length": "10", "Upload-Metadata": sent}), 400)


@check(
    "row-058-no-metadata",
    row=58,
    level="MUST",
    section="Upload-Metadata",
    extension="creation",
    title="metadata may be left out, and HEAD then has none",
)
def no_metadata(client: Client) -> None:
    _expect_no_metadata(client, None)


@check(
    "row-059-empty-metadata",
    row=59,
    level="D",
    section="Upload-Metadata",
    extension="creation",
    title="an empty Upload-Metadata is as if there were none",
)
def empty_metadata(client: Client) -> None:
    _expect_no_metadata(client, "")


@check(
    "row-060-metadata-cannot-write-fields",
    row=60,
    level="SHOULD",
    section="Upload-Metadata",
    extension="creation",
    title="CR, LF and NUL in a value never become a field of an answer",
)
def metadata_cannot_write_fields(client: Client) -> None:
    for raw in (f"a\r\n{_EVIL}: 1\r\n\r\nb", f"a\n{_EVIL}: 1", f"a\0{_EVIL}: 1"):
        value = encode(raw.encode())
        response = client.post({"Upload-Length": "2", "Upload-Metadata": f"filename {value},filetype {value}"})
        expect_status(response, 201, 400)
        expect_absent(response, _EVIL)
        if response.status == 400:
            continue
        url = client.location(response)
        expect_absent(client.head(url), _EVIL)
        expect_status(client.patch(url, 0, b"12"), 204)
        expect_absent(client.send("GET", url), _EVIL)


@check(
    "row-061-file-name-with-a-path",
    row=61,
    level="SHOULD",
    section="Upload-Metadata",
    extension="creation",
    title="a path in the file name does not show in the Location, and the upload works",
)
def file_name_with_a_path(client: Client) -> None:
    """What can be seen of it from outside; where the file lies needs a test on the server's side."""
    for name in (b"../../x", b"/etc/passwd", b"..\\..\\x"):
        metadata = f"filename {encode(name)},filetype {encode(b'text/plain')}"
        response = client.post({"Upload-Length": "2", "Upload-Metadata": metadata})
        if 400 <= response.status < 500:
            continue
        url = client.location(response)
        expect(".." not in url and "passwd" not in url, "expected a Location without the file name", response)
        expect_status(client.patch(url, 0, b"12"), 204)
        client.expect_content(url, b"12")


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
    expect(client.location(first) != client.location(second), "expected a Location of its own", second)
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
    expect(not parts.scheme and not parts.netloc, "expected a Location without scheme and host", response)
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
    expect(all("!" <= letter <= "~" for letter in location), "expected printable ASCII without spaces", response)


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
    ):
        response = client.post({"Upload-Length": "10", **change})
        got = urlsplit(client.location(response))
        same = (got.scheme, got.netloc) == (own.scheme, own.netloc)
        expect(same, "expected a Location on the host and scheme that were asked", response)


@check(
    "row-065-no-location-on-errors",
    row=65,
    level="MAY",
    section="Creation",
    extension="creation",
    title="no refused creation has a Location, for some clients take any for success; its reason is short text",
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
    "row-066-form-type-without-body",
    row=66,
    level="D",
    section="Creation",
    extension="creation",
    title="the Content-Type of a creation without a body does not matter",
)
def form_type_without_body(client: Client) -> None:
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        url = client.create(change={"Content-Type": kind})
        client.expect_offset(url, 0)


def _expect_no_metadata(client: Client, sent: str | None) -> None:
    response = client.head(client.create(change={"Upload-Metadata": sent}))
    expect_status(response, 200, 204)
    expect_absent(response, "Upload-Metadata")
