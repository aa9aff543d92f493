"""Row 97, and of row 94 what can be seen while bytes come: none is told before it is verified."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..checksums import checksum
from ..client import Client, append_fields, sample
from ..expect import expect_offset, expect_status
from ..registry import check
from ..wire import Connection

_EXTENSION = "checksum"
_SECTION = "Checksum"
_BODY = sample(600_000, seed=97)
_HALF = 300_000
# Long enough for any server to read what its kernel already has.
_SETTLE_SECONDS = 0.5


@check(
    "row-094-unverified-bytes-are-not-told",
    row=94,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="while a PATCH with a checksum sends, HEAD tells the offset before it",
)
def unverified_bytes_are_not_told(client: Client) -> None:
    """The offset may only move once the bytes are verified, and what is told is not taken back. D,
    for tus 1.0.0 does not say that HEAD is answered meanwhile.
    """
    url = client.create(len(_BODY))
    client.append(url, 0, _BODY[:1000])
    connection = _start_patch(client, url, Connection.send_body)
    time.sleep(_SETTLE_SECONDS)
    client.expect_offset(url, 1000)
    connection.send_body(_BODY[_HALF:])
    response = client.read(connection)
    expect_status(response, 204)
    expect_offset(response, len(_BODY))
    client.expect_content(url, _BODY)


@check(
    "row-097-fin-in-a-checked-body",
    row=97,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="what came of a PATCH with a checksum before the client closed is dropped",
)
def fin_in_a_checked_body(client: Client) -> None:
    _expect_discarded(client, _close)


@check(
    "row-097-half-close-in-a-checked-body",
    row=97,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="what came of a PATCH with a checksum is dropped when the client only ended its "
    "side, too",
)
def half_close_in_a_checked_body(client: Client) -> None:
    _expect_discarded(client, Connection.finish_sending)


@check(
    "row-097-reset-in-a-checked-body",
    row=97,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="what came of a PATCH with a checksum before the connection was reset is dropped",
)
def reset_in_a_checked_body(client: Client) -> None:
    _expect_discarded(client, Connection.reset)


@check(
    "row-097-break-in-a-chunked-checked-body",
    row=97,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="what came of a chunked PATCH with a checksum is dropped when its last chunk "
    "does not come",
)
def break_in_a_chunked_checked_body(client: Client) -> None:
    """Only the missing last chunk tells that such a body is not whole."""
    _expect_discarded(client, _close, chunked=True)


def _close(connection: Connection) -> None:
    connection.finish_sending()
    connection.close()


def _start_patch(
    client: Client,
    url: str,
    send: Callable[[Connection, bytes], bool],
    *,
    chunked: bool = False,
) -> Connection:
    """A PATCH from byte 1,000 on with the right checksum, sent up to the half."""
    change = {**append_fields(1000), **checksum(_BODY[1000:])}
    if chunked:
        change["Transfer-Encoding"] = "chunked"
    length = None if chunked else len(_BODY) - 1000
    connection = client.start("PATCH", url, change, length=length)
    send(connection, _BODY[1000:_HALF])
    return connection


def _expect_discarded(
    client: Client, break_off: Callable[[Connection], None], *, chunked: bool = False
) -> None:
    """Looks twice: the first look may come before the server has seen the break. Whether a right
    checksum is taken is row 93's.
    """
    url = client.create(len(_BODY))
    client.append(url, 0, _BODY[:1000])
    send = Connection.send_chunk if chunked else Connection.send_body
    connection = _start_patch(client, url, send, chunked=chunked)
    time.sleep(_SETTLE_SECONDS)
    break_off(connection)
    client.expect_offset(url, 1000)
    time.sleep(_SETTLE_SECONDS)
    client.expect_offset(url, 1000)
    response = client.patch_when_free(url, 1000, _BODY[1000:], within_seconds=4)
    expect_status(response, 204)
    expect_offset(response, len(_BODY))
    client.expect_content(url, _BODY)
