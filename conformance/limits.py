"""What the checks of Tus-Max-Size share: going over it, though it may be terabytes."""

from __future__ import annotations

from .client import Client
from .expect import expect, expect_number, expect_status
from .registry import NotTestable
from .wire import Connection, Response, TimedOut

# As much as a check will send to go over a limit; a promise can be had of any length.
MOST_BYTES = 64 * 2**20


def sendable_limit(client: Client) -> int:
    """Tus-Max-Size where so many bytes can be sent."""
    limit = client.max_size()
    if limit > MOST_BYTES:
        raise NotTestable("Tus-Max-Size is too large to send")
    return limit


def answer_to_too_many(client: Client, connection: Connection, promised: int) -> Response:
    """The answer to a body that goes over the limit: sent, or where it is too large only promised,
    as Content-Length, which a server need not judge.
    """
    whole = promised <= MOST_BYTES
    connection.send_body(bytes(promised if whole else 1000))
    try:
        response = client.read(connection)
    except TimedOut:
        if whole:
            raise
        raise NotTestable("Tus-Max-Size is too large to send, a promise is not judged") from None
    return response


def expect_at_most(client: Client, url: str, most: int) -> None:
    response = client.head(url)
    expect_status(response, 200, 204)
    stored = expect_number(response, "Upload-Offset")
    expect(stored <= most, f"expected at most {most} bytes stored, got {stored}", response)
