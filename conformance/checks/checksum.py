"""Rows 92 to 96 and 98: a checksum sent along decides whether its bytes are stored."""

from __future__ import annotations

import re
from base64 import b64encode

from ..checksums import ALGORITHMS, algorithms_of, checksum, digest
from ..client import OFFSET_TYPE, Change, Client, append_fields, sample
from ..expect import (
    expect,
    expect_absent,
    expect_offset,
    expect_present,
    expect_status,
)
from ..registry import check

_EXTENSION = "checksum"
_SECTION = "Checksum"
# tus 1.0.0, Upload-Checksum: names are ASCII without capitals.
_NAMES = re.compile(r"[^\s,A-Z]+(,[^\s,A-Z]+)*")
_UNKNOWN = ("nope", "sha1024", "sha-1")
_MALFORMED = ("sha1", "sha1 ###", "sha1 Y", "sha1 YQ=a", "sha1 YQ== YQ==", "YQ==")
_CREATION: Change = {"Content-Type": OFFSET_TYPE, "Upload-Length": "10"}
_LARGE = sample(3_000_001, seed=94)


@check(
    "row-092-algorithms",
    row=92,
    level="MUST",
    section="Tus-Checksum-Algorithm",
    extension=_EXTENSION,
    title="OPTIONS lists the algorithms in lower case, sha1 among them",
)
def algorithms(client: Client) -> None:
    response = client.options()
    value = expect_present(response, "Tus-Checksum-Algorithm")
    expect(
        _NAMES.fullmatch(value) is not None and value.isascii(),
        f"expected a comma list in lower case without spaces, got {value!r}",
        response,
    )
    expect("sha1" in value.split(","), "expected sha1 in Tus-Checksum-Algorithm", response)


@check(
    "row-093-right-checksum",
    row=93,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a PATCH with the Base64 of its digest is stored, with each algorithm announced",
)
def right_checksum(client: Client) -> None:
    for name in algorithms_of(client):
        url = client.create()
        for offset in (0, 5):
            body = b"1234567890"[offset : offset + 5]
            client.append(url, offset, body, checksum(body, name))
        client.expect_content(url, b"1234567890")


@check(
    "row-093-right-checksum-of-many-bytes",
    row=93,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a few megabytes with their checksum are stored, with PATCHes before and after "
    "that have none",
)
def right_checksum_of_many_bytes(client: Client) -> None:
    url = client.create(len(_LARGE))
    client.append(url, 0, _LARGE[:1000])
    client.append(url, 1000, _LARGE[1000:-1000], checksum(_LARGE[1000:-1000]))
    client.append(url, len(_LARGE) - 1000, _LARGE[-1000:])
    client.expect_content(url, _LARGE)


@check(
    "row-093-chunked-body",
    row=93,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="a chunked body is judged by its checksum, too",
)
def chunked_body(client: Client) -> None:
    """SHOULD, as row 40: a server need not take such bodies at all."""
    url = client.create()
    change = {**append_fields(0), **checksum(b"12345")}
    expect_status(client.send_chunked("PATCH", url, change, (b"123", b"46")), 460)
    client.expect_offset(url, 0)
    response = client.send_chunked("PATCH", url, change, (b"123", b"45"))
    expect_status(response, 204)
    expect_offset(response, 5)


@check(
    "row-093-empty-body",
    row=93,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="an empty PATCH with the checksum of no bytes is 204, with another 460",
)
def empty_body(client: Client) -> None:
    url = client.create()
    client.append(url, 0, b"12345")
    client.append(url, 5, b"", checksum(b""))
    expect_status(client.patch(url, 5, b"", checksum(b"12345")), 460)
    client.expect_offset(url, 5)


@check(
    "row-094-wrong-checksum",
    row=94,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="bytes that do not fit their checksum are 460 and dropped; the right ones are stored",
)
def wrong_checksum(client: Client) -> None:
    for name in algorithms_of(client):
        url = client.create()
        for offset in (0, 5):
            body = b"1234567890"[offset : offset + 5]
            expect_status(client.patch(url, offset, b"xxxxx", checksum(body, name)), 460, why=name)
            client.expect_offset(url, offset)
            client.append(url, offset, body, checksum(body, name))
        client.expect_content(url, b"1234567890")


@check(
    "row-094-wrong-checksum-of-many-bytes",
    row=94,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a few megabytes with one wrong byte at either end are 460 and dropped",
)
def wrong_checksum_of_many_bytes(client: Client) -> None:
    url = client.create(len(_LARGE))
    for body in (b"x" + _LARGE[1:], _LARGE[:-1] + b"x"):
        expect_status(client.patch(url, 0, body, checksum(_LARGE)), 460)
        client.expect_offset(url, 0)
    client.append(url, 0, _LARGE, checksum(_LARGE))
    client.expect_content(url, _LARGE)


@check(
    "row-094-wrong-checksum-is-not-the-end",
    row=94,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a mismatch in the last bytes leaves the upload unfinished, and them out of downloads",
)
def wrong_checksum_is_not_the_end(client: Client) -> None:
    url = client.create()
    client.append(url, 0, b"12345", checksum(b"12345"))
    expect_status(client.patch(url, 5, b"67899", checksum(b"67890")), 460)
    client.expect_offset(url, 5)
    if client.serves_downloads():
        response = client.send("GET", url)
        dropped = response.status >= 400 or response.body == b"12345"
        expect(dropped, "expected no download of bytes that were dropped", response)
    client.append(url, 5, b"67890")
    client.expect_content(url, b"1234567890")


@check(
    "row-095-unknown-algorithm",
    row=95,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a checksum of an algorithm that is not announced is 400 and nothing is stored",
)
def unknown_algorithm(client: Client) -> None:
    announced = client.options().fields.tokens("Tus-Checksum-Algorithm")
    url = client.create()
    for name in (*_UNKNOWN, *(name for name in ALGORITHMS if name not in announced)):
        value = f"{name} {b64encode(digest(b'12345', 'sha1')).decode()}"
        response = client.patch(url, 0, b"12345", {"Upload-Checksum": value})
        expect_status(response, 400, why=f"Upload-Checksum: {name}")
        client.expect_offset(url, 0)
    client.append(url, 0, b"12345", checksum(b"12345"))


@check(
    "row-095-order-of-judgement",
    row=95,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="the algorithm is judged after the type, the offset and the body's length",
)
def order_of_judgement(client: Client) -> None:
    """The table's opening points give this order."""
    url = client.create()
    unknown: Change = {"Upload-Checksum": "nope YQ=="}
    text = {**unknown, "Content-Type": "text/plain"}
    expect_status(client.patch(url, 0, b"12345", text), 415, why="type before algorithm")
    expect_status(client.patch(url, 3, b"12345", unknown), 409, why="offset before algorithm")
    expect_status(client.patch(url, 0, b"x" * 11, unknown), 413, why="overrun before algorithm")
    client.expect_offset(url, 0)


@check(
    "row-096-malformed-checksum",
    row=96,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a checksum that is not a name, a space and Base64 is 400 and nothing is stored",
)
def malformed_checksum(client: Client) -> None:
    url = client.create()
    for value in _MALFORMED:
        response = client.patch(url, 0, b"12345", {"Upload-Checksum": value})
        expect_status(response, 400, why=f"Upload-Checksum: {value}")
        client.expect_offset(url, 0)


@check(
    "row-096-checksum-of-another-length",
    row=96,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="Base64 of too few or too many bytes is a mismatch: 460; so is the digest in hexadecimal",
)
def checksum_of_another_length(client: Client) -> None:
    """Forty hexadecimal digits are Base64 as well, of thirty bytes."""
    url = client.create()
    right = digest(b"12345", "sha1")
    for wrong in (right[:-1], right[:3], right + b"\0"):
        _expect_mismatch(client, url, b64encode(wrong).decode())
    _expect_mismatch(client, url, right.hex())


@check(
    "row-098-checksum-on-a-creation",
    row=98,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation whose bytes fit their checksum is 201 and goes on from there",
)
def checksum_on_a_creation(client: Client) -> None:
    client.require("creation-with-upload")
    response = client.post({**_CREATION, **checksum(b"12345")}, b"12345")
    url = client.location(response)
    expect_offset(response, 5)
    client.expect_offset(url, 5)
    client.append(url, 5, b"67890", checksum(b"67890"))
    client.expect_content(url, b"1234567890")


@check(
    "row-098-wrong-checksum-on-a-creation",
    row=98,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a creation whose bytes do not fit is 460 and leaves no upload; an unknown algorithm 400",
)
def wrong_checksum_on_a_creation(client: Client) -> None:
    client.require("creation-with-upload")
    for value, status in (
        (checksum(b"12346")["Upload-Checksum"], 460),
        ("nope YQ==", 400),
    ):
        response = client.post({**_CREATION, "Upload-Checksum": value}, b"12345")
        expect_status(response, status, why=f"Upload-Checksum: {value}")
        expect_absent(response, "Location")


def _expect_mismatch(client: Client, url: str, value: str) -> None:
    response = client.patch(url, 0, b"12345", {"Upload-Checksum": f"sha1 {value}"})
    expect_status(response, 460)
    client.expect_offset(url, 0)
