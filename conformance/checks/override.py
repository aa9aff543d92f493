"""Rows 13 to 16: X-HTTP-Method-Override names the method, whatever the request line says."""

from __future__ import annotations

from ..client import METADATA, Client, append_fields
from ..expect import expect, expect_field, expect_offset, expect_status
from ..registry import check


def _as(method: str) -> dict[str, str | None]:
    return {"X-HTTP-Method-Override": method}


@check(
    "row-013-post-as-patch",
    row=13,
    level="MUST",
    section="X-HTTP-Method-Override",
    title="a POST that says PATCH appends",
)
def post_as_patch(client: Client) -> None:
    _expect_patches(client, "POST", "PATCH")


@check(
    "row-014-post-as-delete",
    row=14,
    level="MUST",
    section="X-HTTP-Method-Override",
    extension="termination",
    title="a POST that says DELETE terminates",
)
def post_as_delete(client: Client) -> None:
    url = client.create()
    expect_status(client.send("POST", url, _as("DELETE")), 204)
    client.expect_gone(url)


@check(
    "row-015-get-as-head",
    row=15,
    level="MUST",
    section="X-HTTP-Method-Override",
    title="a GET that says HEAD tells the offset",
)
def get_as_head(client: Client) -> None:
    url = client.create()
    expect_status(client.patch(url, 0, b"123"), 204)
    response = client.send("GET", url, _as("HEAD"))
    expect_status(response, 200, 204)
    expect_offset(response, 3)
    expect_field(response, "Upload-Length", "10")
    expect(response.body == b"", "expected no body", response)


@check(
    "row-015-put-as-patch",
    row=15,
    level="MUST",
    section="X-HTTP-Method-Override",
    title="a PUT that says PATCH appends",
)
def put_as_patch(client: Client) -> None:
    _expect_patches(client, "PUT", "PATCH")


@check(
    "row-015-delete-as-head",
    row=15,
    level="MUST",
    section="X-HTTP-Method-Override",
    title="a DELETE that says HEAD deletes nothing",
)
def delete_as_head(client: Client) -> None:
    url = client.create()
    response = client.send("DELETE", url, _as("HEAD"))
    expect_status(response, 200, 204)
    expect_offset(response, 0)
    client.expect_offset(url, 0)


@check(
    "row-015-get-as-post",
    row=15,
    level="MUST",
    section="X-HTTP-Method-Override",
    extension="creation",
    title="a GET that says POST creates",
)
def get_as_post(client: Client) -> None:
    change = {**_as("POST"), "Upload-Length": "10", "Upload-Metadata": METADATA}
    response = client.send("GET", client.target.url, change)
    client.expect_offset(client.location(response), 0)


@check(
    "row-016-unknown-override",
    row=16,
    level="D",
    section="X-HTTP-Method-Override",
    title="an override to a method nobody knows is 405 with Allow",
)
def unknown_override(client: Client) -> None:
    url = client.create()
    response = client.send("POST", url, {**append_fields(0), **_as("FOO")}, b"12345")
    expect_status(response, 405)
    expect(bool(response.fields.tokens("Allow")), "expected Allow in the 405", response)
    client.expect_offset(url, 0)


@check(
    "row-016-lower-case-override",
    row=16,
    level="D",
    section="X-HTTP-Method-Override",
    title="an override in lower case is the same method",
)
def lower_case_override(client: Client) -> None:
    _expect_patches(client, "POST", "patch")


def _expect_patches(client: Client, method: str, override: str) -> None:
    url = client.create()
    response = client.send(method, url, {**append_fields(0), **_as(override)}, b"12345")
    expect_status(response, 204)
    expect_offset(response, 5)
    client.expect_offset(url, 5)
