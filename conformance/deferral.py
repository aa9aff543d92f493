"""What the checks of deferred lengths share."""

from __future__ import annotations

from .client import Client
from .expect import expect_absent, expect_field, expect_offset, expect_status
from .registry import NotTestable


def begin_deferred(client: Client, body: bytes = b"") -> str:
    """The URL of a new upload of no known length, with these bytes."""
    url = client.location(client.post({"Upload-Defer-Length": "1"}))
    if body and client.patch(url, 0, body).status != 204:
        raise NotTestable("the server takes no bytes before it is told the length: row 70")
    return url


def expect_deferred(client: Client, url: str, offset: int) -> None:
    response = client.head(url)
    expect_status(response, 200, 204)
    expect_offset(response, offset)
    expect_field(response, "Upload-Defer-Length", "1")
    expect_absent(response, "Upload-Length")


def expect_length(client: Client, url: str, offset: int, length: int) -> None:
    """The length is known, and no longer deferred."""
    response = client.head(url)
    expect_status(response, 200, 204)
    expect_offset(response, offset)
    expect_field(response, "Upload-Length", str(length))
    expect_absent(response, "Upload-Defer-Length")
