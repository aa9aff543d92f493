"""What a tus client sends, and what it is owed for that."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from benchmarks.answers import Answer
from benchmarks.content import BLOCK, MIB
from benchmarks.failures import Failed

_OFFSET = "upload-offset"
# filename a.bin, filetype application/octet-stream: as clients in browsers send them
_METADATA = "Upload-Metadata: filename YS5iaW4=,filetype YXBwbGljYXRpb24vb2N0ZXQtc3RyZWFt\r\n"
_WORD = re.compile(r"[a-z-]+")


class Requests:
    """Heads of requests to one server, ready to be sent. ``fields`` are whole lines."""

    def __init__(self, port: int, path: str) -> None:
        self._lines = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTus-Resumable: 1.0.0\r\n"
        self._path = path

    def plain(self, method: str, path: str, fields: str = "") -> bytes:
        """A request without a body."""
        return f"{method} {path}{self._lines}{fields}\r\n".encode()

    def create(self, length: int, fields: str = "") -> bytes:
        """A creation."""
        lines = f"Upload-Length: {length}\r\n{_METADATA}Content-Length: 0\r\n{fields}"
        return self.plain("POST", self._path, lines)

    def create_with(self, length: int, body: bytes) -> bytes:
        """A creation with all bytes (creation-with-upload)."""
        lines = f"Upload-Length: {length}\r\n{_METADATA}{self._bytes(len(body))}"
        return self.plain("POST", self._path, lines) + body

    def concatenate(self, paths: list[str]) -> bytes:
        """The creation of a final upload from partial ones."""
        lines = f"Upload-Concat: final;{' '.join(paths)}\r\n{_METADATA}Content-Length: 0\r\n"
        return self.plain("POST", self._path, lines)

    def append(self, path: str, offset: int, length: int, fields: str = "") -> bytes:
        """A PATCH, without its ``length`` bytes."""
        lines = f"Upload-Offset: {offset}\r\n{self._bytes(length)}{fields}"
        return self.plain("PATCH", path, lines)

    @staticmethod
    def _bytes(length: int) -> str:
        return f"Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n"


def blocks(length: int) -> Iterator[memoryview]:
    """An upload's bytes from the beginning of a block on."""
    for _ in range(length // MIB):
        yield BLOCK
    if length % MIB:
        yield BLOCK[: length % MIB]


def created(answer: Answer) -> str:
    """The path of the upload that this answer is about.

    :raises Failed: it is no answer to a creation.
    """
    _expect(answer, "POST", 201)
    location = urlsplit(answer.fields.get("location", ""))
    if not location.path:
        raise Failed("answered 201 without Location")
    return location.path + (f"?{location.query}" if location.query else "")


def created_with(answer: Answer, offset: int) -> str:
    """Likewise, after a creation that brought bytes."""
    path = created(answer)
    _at(answer, "POST", offset)
    return path


def appended(answer: Answer, offset: int) -> None:
    """:raises Failed: the bytes up to ``offset`` were not taken."""
    _expect(answer, "PATCH", 204)
    _at(answer, "PATCH", offset)


def extensions(answer: Answer) -> set[str]:
    """What an answer to OPTIONS names; drf-tus names it in the body."""
    told = answer.fields.get("tus-extension") or answer.body.decode(errors="replace")
    return set(_WORD.findall(told))


def forgets(answer: Answer) -> bool:
    """Whether an answer to HEAD says that there is no such upload, as some do of finished ones."""
    return 400 <= answer.status < 500


def stands_at(answer: Answer, offset: int) -> None:
    """:raises Failed: it is no answer to a HEAD of an upload that is at ``offset``."""
    _expect(answer, "HEAD", 200, 204)
    _at(answer, "HEAD", offset)


def _expect(answer: Answer, method: str, *statuses: int) -> None:
    if answer.status not in statuses:
        text = f": {answer.body[:120].decode(errors='replace')!r}" if answer.body else ""
        raise Failed(f"answered {method} with {answer.status}, not {statuses[0]}{text}")


def _at(answer: Answer, method: str, offset: int) -> None:
    found = answer.number(_OFFSET)
    if found != offset:
        raise Failed(f"answered {method} with Upload-Offset {found}, not {offset}")
