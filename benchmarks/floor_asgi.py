"""The least an ASGI server in Python can do with uploads: bodies are written to files.

FLOOR_PLACE names their folder. Just enough of tus for the benchmark's rows, for clients that do
nothing wrong: no database, no lease, no checks; offsets are in a dictionary.
"""

import os
from collections.abc import Iterator
from typing import Any

_PLACE = os.environ.get("FLOOR_PLACE", ".")
_PIECE_BYTES = 2**18
_TUS = (b"tus-resumable", b"1.0.0")
_EXTENSIONS = (b"tus-extension", b"creation,creation-with-upload")
_EMPTY = (b"content-length", b"0")
# by an upload's id, which is its number: length, offset
_uploads: list[list[int]] = []


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer OPTIONS, POST, PATCH, HEAD and GET."""
    if scope["type"] != "http":
        return
    fields = dict(scope["headers"])
    method = scope["method"]
    if method == "OPTIONS":
        await _answer(send, 204, [_TUS, _EXTENSIONS])
        return
    if method == "POST":
        _uploads.append([int(fields[b"upload-length"]), 0])
        number = len(_uploads) - 1
        await _take(number, receive, os.O_CREAT)
        location = (b"location", b"/files/%d" % number)
        await _answer(send, 201, [_TUS, _EMPTY, location, _offset(number)])
        return
    number = int(scope["path"].rpartition("/")[2])
    if method == "PATCH":
        await _take(number, receive, 0)
        await _answer(send, 204, [_TUS, _offset(number)])
    elif method == "HEAD":
        length = (b"upload-length", b"%d" % _uploads[number][0])
        await _answer(send, 200, [_TUS, _EMPTY, length, _offset(number)])
    else:
        await _give(number, fields.get(b"range"), send)


def _offset(number: int) -> tuple[bytes, bytes]:
    return b"upload-offset", b"%d" % _uploads[number][1]


async def _take(number: int, receive: Any, flags: int) -> None:
    fd = os.open(os.path.join(_PLACE, str(number)), os.O_WRONLY | flags, 0o600)
    upload = _uploads[number]
    try:
        more = True
        while more:
            message = await receive()
            body = message.get("body", b"")
            if body:
                upload[1] += os.pwrite(fd, body, upload[1])
            more = message.get("more_body", False)
    finally:
        os.close(fd)


async def _give(number: int, wanted: bytes | None, send: Any) -> None:
    whole = _uploads[number][0]
    first, last, status = 0, whole - 1, 200
    fields = []
    if wanted:
        first, last = map(int, wanted.removeprefix(b"bytes=").split(b"-"))
        status = 206
        fields.append((b"content-range", b"bytes %d-%d/%d" % (first, last, whole)))
    fields.append((b"content-length", b"%d" % (last + 1 - first)))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    for piece in _pieces(number, first, last + 1):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _pieces(number: int, first: int, stop: int) -> Iterator[bytes]:
    fd = os.open(os.path.join(_PLACE, str(number)), os.O_RDONLY)
    try:
        while first < stop:
            piece = os.pread(fd, min(_PIECE_BYTES, stop - first), first)
            first += len(piece)
            yield piece
    finally:
        os.close(fd)


async def _answer(send: Any, status: int, fields: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": b""})
