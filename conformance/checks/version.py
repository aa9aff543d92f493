"""Rows 2 to 12: the version comes before all else, and OPTIONS tells what the server can."""

from __future__ import annotations

import re

from ..client import Client, wrong_version
from ..expect import (
    expect,
    expect_absent,
    expect_number,
    expect_offset,
    expect_status,
    expect_unsupported_version,
)
from ..registry import NotTestable, check
from ..wire import Response

_LIST = re.compile(r"[^\s,]+(,[^\s,]+)*")
# What makes no sense alone.
_NEEDED = {
    "creation-with-upload": "creation",
    "creation-defer-length": "creation",
    "checksum-trailer": "checksum",
    "concatenation-unfinished": "concatenation",
}
_DISCOVERY = ("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm")


@check(
    "row-002-post-with-unknown-version",
    row=2,
    level="MUST",
    section="Tus-Resumable",
    title="a creation in a version not spoken is refused with 412 and Tus-Version",
)
def post_with_unknown_version(client: Client) -> None:
    response = client.post({"Tus-Resumable": "0.2.2", "Upload-Length": "5"})
    expect_unsupported_version(response)
    expect_absent(response, "Location")


@check(
    "row-003-post-without-version",
    row=3,
    level="MUST",
    section="Tus-Resumable",
    title="a creation that names no version is refused with 412 and Tus-Version",
)
def post_without_version(client: Client) -> None:
    response = client.post({"Tus-Resumable": None, "Upload-Length": "5"})
    expect_unsupported_version(response)
    expect_absent(response, "Location")


@check(
    "row-004-patch-with-unknown-version",
    row=4,
    level="MUST",
    section="Tus-Version",
    title="a PATCH in a version not spoken stores nothing",
)
def patch_with_unknown_version(client: Client) -> None:
    url = client.create()
    expect_unsupported_version(client.patch(url, 0, b"12345", wrong_version()))
    client.expect_offset(url, 0)


@check(
    "row-004-patch-without-version",
    row=4,
    level="MUST",
    section="Tus-Version",
    title="a PATCH that names no version is refused and stores nothing",
)
def patch_without_version(client: Client) -> None:
    """With which status is row 3's."""
    url = client.create()
    response = client.patch(url, 0, b"12345", wrong_version(None))
    expect(400 <= response.status < 500, "expected the PATCH to be refused", response)
    client.expect_offset(url, 0)


@check(
    "row-005-head-with-unknown-version",
    row=5,
    level="MUST",
    section="Tus-Resumable",
    title="a HEAD in a version not spoken is refused with 412 and Tus-Version",
)
def head_with_unknown_version(client: Client) -> None:
    expect_unsupported_version(client.head(client.create(), wrong_version()))


@check(
    "row-006-delete-with-unknown-version",
    row=6,
    level="MUST",
    section="Tus-Version",
    extension="termination",
    title="a DELETE in a version not spoken deletes nothing",
)
def delete_with_unknown_version(client: Client) -> None:
    url = client.create()
    expect_unsupported_version(client.send("DELETE", url, wrong_version()))
    client.expect_offset(url, 0)


@check(
    "row-007-versions-as-comma-list",
    row=7,
    level="MUST",
    section="Tus-Version",
    title="Tus-Version is a comma list that has 1.0.0",
)
def versions_as_comma_list(client: Client) -> None:
    response = client.options()
    versions = response.fields.get("Tus-Version")
    if versions is None:
        raise NotTestable("no Tus-Version: row 8")
    expect(
        _LIST.fullmatch(versions) is not None,
        f"expected a comma list without spaces, got {versions!r}",
        response,
    )
    expect("1.0.0" in versions.split(","), "expected 1.0.0 in Tus-Version", response)


@check(
    "row-008-options-without-version",
    row=8,
    level="MUST",
    section="OPTIONS",
    title="OPTIONS is answered 200 or 204 with Tus-Version, no version asked",
)
def options_without_version(client: Client) -> None:
    _expect_discovery(client.options())


@check(
    "row-008-options-is-200-and-empty",
    row=8,
    level="D",
    section="OPTIONS",
    title="OPTIONS is answered exactly 200, without a body, with and without the last slash",
)
def options_is_200_and_empty(client: Client) -> None:
    bare = client.target.url.rstrip("/")
    for url in (bare, f"{bare}/"):
        response = client.options(url)
        expect_status(response, 200)
        expect(response.body == b"", "expected an empty body", response)


@check(
    "row-009-options-ignores-version",
    row=9,
    level="MUST",
    section="Tus-Resumable",
    title="OPTIONS with an unknown version is answered like OPTIONS without one",
)
def options_ignores_version(client: Client) -> None:
    """What is to be in it is row 8's."""
    _expect_same(client.options(), client.options(change=wrong_version("0.0.1")))


@check(
    "row-010-options-on-an-upload",
    row=10,
    level="D",
    section="OPTIONS",
    title="OPTIONS on an upload's URL is answered like OPTIONS on the creation URL",
)
def options_on_an_upload(client: Client) -> None:
    _expect_same_discovery(client.options(), client.options(client.create()))


@check(
    "row-010-options-without-login",
    row=10,
    level="D",
    section="OPTIONS",
    title="OPTIONS needs no login, and no upload to be there: a preflight carries nothing, "
    "and goes anywhere",
)
def options_without_login(client: Client) -> None:
    """Fetch, CORS-preflight fetch: the request has no credentials."""
    bare: dict[str, str | None] = {name: None for name, _ in client.target.headers}
    plain = client.options()
    for url in (client.target.url, client.create(), client.unknown_url()):
        _expect_same_discovery(plain, client.options(url, bare))


@check(
    "row-011-extensions-as-comma-list",
    row=11,
    level="MUST",
    section="Tus-Extension",
    title="Tus-Extension is a comma list without spaces, or absent; what an "
    "extension needs is there too",
)
def extensions_as_comma_list(client: Client) -> None:
    """tus 1.0.0, Tus-Extension, and the extensions that name what they need."""
    response = client.options()
    value = response.fields.get("Tus-Extension")
    if value is None:
        return
    expect(
        _LIST.fullmatch(value) is not None,
        f"expected a comma list without spaces, got {value!r}",
        response,
    )
    names = value.split(",")
    expect(len(names) == len(set(names)), "expected each extension once", response)
    for name, base in _NEEDED.items():
        expect(
            name not in names or base in names,
            f"expected {base} where {name} is announced",
            response,
        )
    algorithms = response.fields.tokens("Tus-Checksum-Algorithm")
    expect(
        ("checksum" in names) == bool(algorithms),
        "expected Tus-Checksum-Algorithm with checksum only",
        response,
    )


@check(
    "row-012-max-size-is-a-number",
    row=12,
    level="MUST",
    section="Tus-Max-Size",
    title="Tus-Max-Size, when there is one, is a non-negative integer",
)
def max_size_is_a_number(client: Client) -> None:
    """tus 1.0.0, Tus-Max-Size: that there is one at all is the SHOULD of the row."""
    response = client.options()
    if "Tus-Max-Size" not in response.fields:
        raise NotTestable("no Tus-Max-Size; whether there is a hard limit cannot be seen")
    expect_number(response, "Tus-Max-Size")


@check(
    "row-004-refused-version-then-right-one",
    row=4,
    level="MUST",
    section="Tus-Version",
    title="after a refused version the same bytes go through in the right one",
)
def refused_version_then_right_one(client: Client) -> None:
    url = client.create()
    expect_unsupported_version(client.patch(url, 0, b"abcde", wrong_version("2.0.0")))
    response = client.patch(url, 0, b"1234567890")
    expect_status(response, 204)
    expect_offset(response, 10)
    client.expect_content(url, b"1234567890")


def _expect_discovery(response: Response) -> None:
    expect_status(response, 200, 204)
    expect(
        "1.0.0" in response.fields.tokens("Tus-Version"),
        "expected Tus-Version with 1.0.0",
        response,
    )


def _expect_same_discovery(plain: Response, other: Response) -> None:
    _expect_discovery(other)
    _expect_same(plain, other)


def _expect_same(plain: Response, other: Response) -> None:
    expect_status(other, plain.status, why="as without")
    for name in _DISCOVERY:
        same = plain.fields.get(name) == other.fields.get(name)
        expect(same, f"expected {name}: {plain.fields.get(name)!r} as on plain OPTIONS", other)
