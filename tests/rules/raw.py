"""Bytes as they are over a connection, and the answers to them."""

from contextlib import closing
from dataclasses import dataclass, replace

from conformance.wire import Connection, ConnectionLost, Response, TimedOut
from tests.support.servers import Server

# Seconds within which everything is answered, and a connection closed that is to be.
ANSWER_SECONDS = 20.0
HEAD = b"Host: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\n"
PATCH_FIELDS = HEAD + b"Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"


@dataclass(frozen=True, slots=True)
class Exchange:
    """The answers to what was sent over one connection, and whether the server then closed it."""

    answers: list[Response]
    is_closed: bool

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


def path_of(url: str) -> bytes:
    """The path of an upload's URL, as bytes."""
    return b"/files/" + url.rpartition("/files/")[2].encode()


def exchange(server: Server, data: bytes, *, most: int = 2) -> Exchange:
    """Send the bytes, and read until the server closes, or until so many answers came; the client
    neither closes nor ends its side."""
    found: list[Response] = []
    with closing(Connection(server.url, ANSWER_SECONDS)) as connection:
        connection.send(data)
        if data.startswith(b"HEAD ") and server.kind != "gunicorn":
            # a length and no body; gunicorn's own refusals have one
            connection.sent = replace(connection.sent, method="HEAD")
        try:
            while len(found) < most:
                found.append(connection.read_response(ANSWER_SECONDS))
        except ConnectionLost:
            return Exchange(found, is_closed=True)
        except TimedOut:
            return Exchange(found, is_closed=False)
    return Exchange(found, is_closed=False)
