"""Rows 86 to 91: an unfinished upload tells how long it will be kept, and is gone afterwards."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from ..client import Change, Client
from ..expect import (
    expect,
    expect_absent,
    expect_date,
    expect_offset,
    expect_present,
    expect_status,
)
from ..registry import NotTestable, check
from ..wire import Response

_EXTENSION = "expiration"
_SECTION = "Expiration"
_LONGEST_LIFE_SECONDS = 10
# The server's clock and its sweep need not be on the second.
_GRACE_SECONDS = 6


@check(
    "row-086-creation-tells-expiry",
    row=86,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="the 201 tells when the upload expires, as IMF-fixdate in GMT",
)
def creation_tells_expiry(client: Client) -> None:
    _need_expiry(client)
    response = client.post({"Upload-Length": "10"})
    client.location(response)
    _expect_expiry(response)


@check(
    "row-087-patch-tells-expiry",
    row=87,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="the answer to a PATCH of an upload that will expire tells when",
)
def patch_tells_expiry(client: Client) -> None:
    _need_expiry(client)
    url = client.create()
    for offset in (0, 3):
        response = client.patch(url, offset, b"123")
        expect_status(response, 204)
        _expect_expiry(response)


@check(
    "row-087-refused-patch-tells-expiry",
    row=87,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="the 409 to a PATCH of an upload that will expire tells when: every PATCH answer does",
)
def refused_patch_tells_expiry(client: Client) -> None:
    """tus 1.0.0, Upload-Expires: in every PATCH answer."""
    _need_expiry(client)
    response = client.patch(client.create(), 3, b"123")
    expect_status(response, 409)
    _expect_expiry(response)


@check(
    "row-087-each-refused-patch-tells-expiry",
    row=87,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="the other refusals of bytes for an upload that will expire tell when",
)
def each_refused_patch_tells_expiry(client: Client) -> None:
    _need_expiry(client)
    url = client.create()
    changes: tuple[Change, ...] = ({"Content-Type": "text/plain"}, {"Upload-Offset": None}, {})
    for change in changes:
        response = client.patch(url, 0, b"12345678901", change)
        expect(400 <= response.status < 500, "expected the PATCH to be refused", response)
        _expect_expiry(response)
    client.expect_offset(url, 0)


@check(
    "row-088-head-tells-expiry",
    row=88,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="HEAD of an upload that will expire tells when",
)
def head_tells_expiry(client: Client) -> None:
    _need_expiry(client)
    _expect_expiry(client.head(client.create()))


@check(
    "row-088-complete-upload-does-not-expire",
    row=88,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="HEAD of a complete upload tells no expiry",
)
def complete_upload_does_not_expire(client: Client) -> None:
    for body in (b"1234567890", b""):
        expect_absent(client.head(client.create_complete(body)), "Upload-Expires")


@check(
    "row-089-expired-upload",
    row=89,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    needs=("--expire-seconds",),
    title="an expired upload is 404 or 410 to HEAD, PATCH and DELETE",
)
def expired_upload(client: Client) -> None:
    life = _life_seconds(client)
    url = client.create()
    expect_status(client.patch(url, 0, b"123"), 204)
    response = _head_until_gone(client, url, life + _GRACE_SECONDS)
    expect_status(response, 404, 410)
    expect_absent(response, "Upload-Offset")
    expect_status(client.patch(url, 3, b"456"), 404, 410)
    if "termination" in client.extensions():
        expect_status(client.delete(url), 404, 410)


@check(
    "row-089-alive-until-then",
    row=89,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    needs=("--expire-seconds",),
    title="an upload still answers in the first half of its life",
)
def alive_until_then(client: Client) -> None:
    life = _life_seconds(client)
    url = client.create()
    time.sleep(life / 2 - 1 if life > 2 else 0)
    client.expect_offset(url, 0)


@check(
    "row-090-expiry-may-slide",
    row=90,
    level="MAY",
    section=_SECTION,
    extension=_EXTENSION,
    title="the time told may move with each PATCH, but not back",
)
def expiry_may_slide(client: Client) -> None:
    _need_expiry(client)
    response = client.post({"Upload-Length": "10"})
    url = client.location(response)
    before = _expect_expiry(response)
    time.sleep(1.1)
    response = client.patch(url, 0, b"123")
    expect_status(response, 204)
    expect(
        _expect_expiry(response) >= before,
        "expected an Upload-Expires no earlier than the one before",
        response,
    )


@check(
    "row-091-complete-upload-stays",
    row=91,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    needs=("--expire-seconds",),
    title="a complete upload is still there when unfinished ones of its age are gone",
)
def complete_upload_stays(client: Client) -> None:
    life = _life_seconds(client)
    complete, unfinished = client.create_complete(b"1234567890"), client.create()
    expect_status(_head_until_gone(client, unfinished, life + _GRACE_SECONDS), 404, 410)
    response = client.head(complete)
    expect_status(response, 200, 204)
    expect_offset(response, 10)
    client.expect_content(complete, b"1234567890")


def _need_expiry(client: Client) -> None:
    """A server may announce the extension and be told to keep uploads for ever."""
    created = client.post({"Upload-Length": "10"})
    url = client.location(created)
    answers = (created, client.patch(url, 0, b"123"), client.head(url))
    if not any("Upload-Expires" in answer.fields for answer in answers):
        raise NotTestable("the server tells of no upload that it expires")


def _expect_expiry(response: Response) -> datetime:
    expect_present(response, "Upload-Expires")
    moment = expect_date(response, "Upload-Expires")
    in_future = moment >= datetime.now(UTC) - timedelta(seconds=2)
    expect(in_future, "expected an Upload-Expires that is not past", response)
    return moment


def _life_seconds(client: Client) -> float:
    life = client.target.expire_seconds
    if life is None or life > _LONGEST_LIFE_SECONDS:
        raise NotTestable(
            f"needs uploads that expire after a known time of at most {_LONGEST_LIFE_SECONDS} s"
            " (--expire-seconds)"
        )
    return life


def _head_until_gone(client: Client, url: str, within_seconds: float) -> Response:
    deadline = time.monotonic() + within_seconds
    while True:
        response = client.head(url)
        if response.status >= 400 or time.monotonic() > deadline:
            return response
        time.sleep(0.25)
