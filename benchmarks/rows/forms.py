"""Row 10: chunks of forms, as django-chunked-upload takes them, and the md5 at the end."""

import functools
import hashlib
import json
from collections.abc import Iterable

from benchmarks.content import BLOCK, MIB
from benchmarks.failures import Failed
from benchmarks.figures import Measure
from benchmarks.peers.base import Peer
from benchmarks.peers.ours import HAVE_FORMS
from benchmarks.rows.base import GIB, Row, Turn, Values, costs_of_bytes, part
from benchmarks.tus import blocks
from benchmarks.wire import Client, Piece

CHUNK_BYTES = 8 * MIB
_PATH = "/legacy/upload/"
_BOUNDARY = "benchmark-boundary"
_FILE = (
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
).encode()
_END = f"\r\n--{_BOUNDARY}--\r\n".encode()

MD5_CPU = Measure(name="of it for the md5", unit="s/GiB")


def chunks(turn: Turn) -> Values:
    """Row 10: all chunks by one connection, then the md5; a wrong one is tried before."""
    length = turn.sizes.dear_bytes
    md5 = _md5_of(length)
    with turn.client() as client:
        first = upload(turn, client, CHUNK_BYTES)
        complete(turn, client, first, "0" * 32, 400)
        complete(turn, client, first, _md5_of(CHUNK_BYTES))
        turn.prepare(length)
        with turn.measured() as cost:
            upload_id = upload(turn, client, length)
            sent = cost.cpu_so_far()
            complete(turn, client, upload_id, md5)
    return {**costs_of_bytes(cost, length), MD5_CPU: (cost.cpu - sent) * GIB / length}


def upload(turn: Turn, client: Client, length: int) -> str:
    """Send all chunks; the upload's id."""
    upload_id = ""
    for start in range(0, length, CHUNK_BYTES):
        until = start + CHUNK_BYTES
        fields = f"Content-Range: bytes {start}-{until - 1}/{length}\r\n"
        form = (_field("upload_id", upload_id) if upload_id else b"") + _FILE
        pieces: list[Piece] = [form, *blocks(CHUNK_BYTES), _END]
        answer = _post(turn, client, _PATH, fields, pieces)
        if answer.get("offset") != until:
            raise Failed(f"answered a chunk with offset {answer.get('offset')!r}, not {until}")
        upload_id = str(answer["upload_id"])
    return upload_id


def complete(turn: Turn, client: Client, upload_id: str, md5: str, status: int = 200) -> None:
    """Send the md5; a wrong one has to be refused."""
    form = _field("upload_id", upload_id) + _field("md5", md5)
    _post(turn, client, _PATH.replace("upload", "complete"), "", [form, _END[2:]], status)


def _post(
    turn: Turn,
    client: Client,
    path: str,
    fields: str,
    pieces: Iterable[Piece],
    status: int = 200,
) -> dict[str, object]:
    body = list(pieces)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{turn.server.port}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {sum(map(len, body))}\r\n{fields}\r\n"
    )
    answer = client.ask(head.encode(), body)
    if answer.status != status:
        raise Failed(f"answered {path} with {answer.status}, not {status}: {answer.body[:120]!r}")
    return dict(json.loads(answer.body)) if status == 200 else {}


def _field(name: str, value: str) -> bytes:
    return (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
    ).encode()


@functools.cache
def _md5_of(length: int) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for _ in range(length // MIB):
        digest.update(BLOCK)
    return digest.hexdigest()


def _takes_forms(peer: Peer) -> bool:
    return peer.protocol == "legacy" or peer.name in HAVE_FORMS


FORMS = Row(
    number=10,
    title="512 MiB in chunks of forms of 8 MiB, and the md5",
    parts=(
        part("chunks", "512 MiB in chunks of forms of 8 MiB, and the md5", chunks, _takes_forms),
    ),
    rounds=2,
)
