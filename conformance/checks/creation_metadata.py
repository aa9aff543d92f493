"""Rows 53 to 61: what an upload remembers, and what its metadata must not do."""

from __future__ import annotations

from base64 import b64encode

from ..client import Client
from ..expect import expect, expect_absent, expect_field, expect_status
from ..registry import check

_NOT_BASE64 = ("name ###", "name Y", "name YWJj*", "name YQ=a", "a YQ==,name *", "name YQ== YQ==")
# No answer has such a field unless a value wrote it.
_EVIL = "evil-field-of-row-60"


def encode(value: bytes) -> str:
    return b64encode(value).decode("ascii")


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
        f"z {encode(b'1')},filetype {encode(b'a/b')},a {encode(bytes(60))},filename {encode(b'q')}",
        f"filename {encode('ä ö'.encode())},filetype {encode(b'x/y')},Filename {encode(b'other')}",
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
    sent = (
        f"filename {encode(b'a')},filetype {encode(b'a/b')},digest {encode(bytes(range(128, 256)))}"
    )
    expect_field(
        client.head(client.create(change={"Upload-Metadata": sent})), "Upload-Metadata", sent
    )


@check(
    "row-056-value-not-base64",
    row=56,
    level="D",
    section="Upload-Metadata",
    extension="creation",
    title="a value that is not Base64 is 400",
)
def value_not_base64(client: Client) -> None:
    """D, for tus 1.0.0 binds the client, and lets a server ignore metadata or reject it."""
    for sent in _NOT_BASE64:
        response = client.post({"Upload-Length": "10", "Upload-Metadata": sent})
        expect_status(response, 400, why=f"Upload-Metadata: {sent}")


@check(
    "row-057-key-twice",
    row=57,
    level="D",
    section="Upload-Metadata",
    extension="creation",
    title="the same key twice is 400",
)
def key_twice(client: Client) -> None:
    """D, for tus 1.0.0 binds the client, and lets a server ignore metadata or reject it."""
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
    """A server error is no such field."""
    for raw in (f"a\r\n{_EVIL}: 1\r\n\r\nb", f"a\n{_EVIL}: 1", f"a\0{_EVIL}: 1"):
        value = encode(raw.encode())
        response = client.post(
            {"Upload-Length": "2", "Upload-Metadata": f"filename {value},filetype {value}"}
        )
        expect_status(response, 201, 400)
        expect_absent(response, _EVIL)
        if response.status == 400:
            continue
        url = client.location(response)
        expect_absent(client.head(url), _EVIL)
        expect_status(client.patch(url, 0, b"12"), 204)
        if client.target.downloads:
            expect_absent(client.send("GET", url), _EVIL)
    client.violations.clear()


@check(
    "row-061-file-name-with-a-path",
    row=61,
    level="SHOULD",
    section="Upload-Metadata",
    extension="creation",
    title="a path in the file name does not show in the Location, and the upload works",
)
def file_name_with_a_path(client: Client) -> None:
    """What can be seen from outside; where the file lies needs a test on the server's side."""
    urls = []
    for name in (b"../../x", b"/etc/passwd", b"..\\..\\x"):
        metadata = f"filename {encode(name)},filetype {encode(b'text/plain')}"
        response = client.post({"Upload-Length": "2", "Upload-Metadata": metadata})
        if 400 <= response.status < 500:
            continue
        url = client.location(response)
        expect(
            ".." not in url and "passwd" not in url,
            "expected a Location without the file name",
            response,
        )
        expect_status(client.patch(url, 0, b"12"), 204)
        urls.append(url)
    for url in urls:
        client.expect_content(url, b"12")


def _expect_no_metadata(client: Client, sent: str | None) -> None:
    response = client.head(client.create(change={"Upload-Metadata": sent}))
    expect_status(response, 200, 204)
    expect_absent(response, "Upload-Metadata")
