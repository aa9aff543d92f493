"""Rows 126 to 130: what tus leaves open and clients want: downloads, browsers on other origins,
405.
"""

from __future__ import annotations

from base64 import b64encode

from ..client import Client, sample
from ..expect import expect, expect_field, expect_present, expect_status
from ..registry import NotTestable, check
from ..wire import Response

_REQUEST_FIELDS = (
    "Tus-Resumable",
    "Upload-Length",
    "Upload-Offset",
    "Upload-Metadata",
    "Upload-Defer-Length",
    "Upload-Concat",
    "Upload-Checksum",
    "Content-Type",
    "X-HTTP-Method-Override",
    "X-Request-ID",
)
_ANSWER_FIELDS = (
    "Location",
    "Tus-Resumable",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Max-Size",
    "Upload-Offset",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Defer-Length",
    "Upload-Concat",
    "Upload-Expires",
)


@check(
    "row-126-download",
    row=126,
    level="D",
    section="outside tus",
    title="a complete upload comes back by GET, byte for byte, its type not to be guessed",
)
def download(client: Client) -> None:
    for body in (b"1234567890", sample(300_001, seed=126)):
        response = client.download(client.create_complete(body))
        expect_status(response, 200)
        expect(response.body == body, "expected the bytes that were sent", response)
        expect_field(response, "X-Content-Type-Options", "nosniff")


@check(
    "row-126-download-of-an-active-type",
    row=126,
    level="D",
    section="outside tus",
    title="what a browser would run is downloaded as an attachment",
)
def download_of_an_active_type(client: Client) -> None:
    for kind in (
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "Text/HTML; charset=utf-8",
        "text/xml",
    ):
        disposition = _disposition(client, "page.html", kind)
        expect(
            disposition[0].lower().startswith("attachment"),
            f"expected an attachment for {kind}",
            disposition[1],
        )


@check(
    "row-126-download-of-an-odd-name",
    row=126,
    level="D",
    section="outside tus",
    title="no file name breaks Content-Disposition",
)
def download_of_an_odd_name(client: Client) -> None:
    """RFC 6266, 4.1 and appendix D: quotes are escaped, other letters only in filename*."""
    for name in ('a"; filename="b.exe', "\u00e4\u6587.txt", "a\r\nb: c", "a\\", ""):
        value, response = _disposition(client, name, "text/plain")
        expect(
            value.isascii() and value.isprintable(),
            "expected Content-Disposition in printable ASCII",
            response,
        )
        expect(
            _quotes_are_even(value), "expected quoted-strings that end where they should", response
        )
        expect('"b.exe"' not in value, "expected one file name", response)


@check(
    "row-126-download-of-a-name-with-a-path",
    row=126,
    level="D",
    section="outside tus",
    title="a path in the file name does not reach Content-Disposition",
)
def download_of_a_name_with_a_path(client: Client) -> None:
    """RFC 6266, 4.3: only the last part of a path is a name."""
    for name in ("../../x", "/etc/passwd", "..\\..\\x"):
        value, response = _disposition(client, name, "text/plain")
        path = any(mark in value for mark in ("/", "..\\", "%2F", "%5C"))
        expect(not path, "expected a bare name in Content-Disposition", response)


@check(
    "row-127-download-of-a-range",
    row=127,
    level="D",
    section="outside tus",
    title="a GET with Range is 206 with the bytes asked for",
)
def download_of_a_range(client: Client) -> None:
    """RFC 9110, 14.2."""
    url = client.create_complete(b"0123456789")
    for asked, told, body in (
        ("bytes=2-5", "bytes 2-5/10", b"2345"),
        ("bytes=4-", "bytes 4-9/10", b"456789"),
        ("bytes=-3", "bytes 7-9/10", b"789"),
        ("bytes=8-99", "bytes 8-9/10", b"89"),
    ):
        response = client.download(url, {"Range": asked})
        expect_status(response, 206)
        expect_field(response, "Content-Range", told)
        expect(response.body == body, f"expected {body!r}", response)


@check(
    "row-128-download-of-an-unfinished-upload",
    row=128,
    level="D",
    section="outside tus",
    title="GET of an unfinished upload is 404 or 409",
)
def download_of_an_unfinished_upload(client: Client) -> None:
    url = client.create()
    expect_status(client.download(url), 404, 409)
    expect_status(client.patch(url, 0, b"12345"), 204)
    expect_status(client.download(url), 404, 409)


@check(
    "row-129-preflight",
    row=129,
    level="D",
    section="outside tus",
    needs=("--cors-origin",),
    title="a preflight from an allowed origin may use every method and field of tus",
)
def preflight(client: Client) -> None:
    """Fetch, CORS-preflight fetch: only the exact field names count, in any case."""
    origin = _origin(client)
    for url in (client.target.url, client.create()):
        asked = {
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": ",".join(_REQUEST_FIELDS),
        }
        response = client.options(url, {"Origin": origin, **asked})
        expect_status(response, 200, 204)
        _expect_origin(response, origin)
        _expect_named(
            response, "Access-Control-Allow-Methods", ("POST", "PATCH", "HEAD", *_delete(response))
        )
        _expect_named(response, "Access-Control-Allow-Headers", _REQUEST_FIELDS)


@check(
    "row-129-exposed-fields",
    row=129,
    level="D",
    section="outside tus",
    needs=("--cors-origin",),
    title="a page on an allowed origin may read every field of tus, in refusals too",
)
def exposed_fields(client: Client) -> None:
    origin = _origin(client)
    created = client.post({"Upload-Length": "10", "Origin": origin})
    url = client.location(created)
    refused = client.patch(url, 3, b"12345", {"Origin": origin})
    expect_status(refused, 409)
    for response in (created, client.head(url, {"Origin": origin}), refused):
        _expect_origin(response, origin)
        _expect_named(response, "Access-Control-Expose-Headers", _ANSWER_FIELDS)


@check(
    "row-130-put",
    row=130,
    level="D",
    section="outside tus",
    title="PUT is 405, and Allow says what is not",
)
def put(client: Client) -> None:
    """RFC 9110, 15.5.6."""
    url = client.create()
    for where in (client.target.url, url):
        response = client.send("PUT", where, body=b"12345")
        expect_status(response, 405)
        allowed = response.fields.tokens("Allow")
        expect(
            bool(allowed) and "PUT" not in allowed,
            "expected Allow with other methods than PUT",
            response,
        )
    client.expect_offset(url, 0)


def _disposition(client: Client, name: str, kind: str) -> tuple[str, Response]:
    pairs = {"filename": name, "filetype": kind}
    metadata = ",".join(
        f"{key} {b64encode(value.encode()).decode()}" for key, value in pairs.items()
    )
    response = client.download(client.create_complete(b"<p>", {"Upload-Metadata": metadata}))
    expect_status(response, 200)
    return expect_present(response, "Content-Disposition"), response


def _quotes_are_even(value: str) -> bool:
    return value.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 0


def _origin(client: Client) -> str:
    if client.target.cors_origin is None:
        raise NotTestable("needs an origin that the server allows (--cors-origin)")
    return client.target.cors_origin


def _delete(response: Response) -> tuple[str, ...]:
    return ("DELETE",) if "termination" in response.fields.tokens("Tus-Extension") else ()


def _expect_origin(response: Response, origin: str) -> None:
    allowed = response.fields.all("Access-Control-Allow-Origin")
    expect(
        allowed in ([origin], ["*"]),
        f"expected Access-Control-Allow-Origin once, for {origin}",
        response,
    )


def _expect_named(response: Response, field: str, names: tuple[str, ...]) -> None:
    listed = {token.lower() for token in response.fields.tokens(field)}
    missing = [] if "*" in listed else [name for name in names if name.lower() not in listed]
    expect(not missing, f"expected {', '.join(missing)} in {field}", response)
