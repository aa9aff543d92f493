"""Row 10 against a server that takes chunks of forms, and against ones that lie."""

import hashlib
import json
import re

import pytest

from benchmarks.failures import Failed
from benchmarks.figures import CPU_GIB, WALL_GIB
from benchmarks.peers import PEERS
from benchmarks.peers.ours import OURS
from benchmarks.rows.forms import FORMS, chunks
from tests.benchmarks.liars import Honest, Request, said, turn_at

_FIELD = re.compile(rb'name="(\w+)"(?:; filename="a.bin")?\r\n.*?\r\n?\r\n', re.DOTALL)


class Forms(Honest):
    """The contract, for one client that sends in order."""

    def post(self, request: Request) -> bytes:
        fields = dict(_parts(request.body))
        if request.path == "/legacy/complete/":
            digest = hashlib.md5(self.uploads[int(fields["upload_id"])]).hexdigest()
            is_right = digest == fields["md5"].decode()
            return said(200 if is_right else 400, {}, b"{}")
        number = int(fields.get("upload_id", b"-1"))
        if number < 0:
            self.uploads.append(bytearray())
        self.uploads[number] += fields["file"]
        return self.taken(len(self.uploads[number]))

    def taken(self, offset: int) -> bytes:
        answer = {"upload_id": str(len(self.uploads) - 1), "offset": offset}
        return said(200, {}, json.dumps(answer).encode())


def _parts(body: bytes) -> list[tuple[str, bytes]]:
    found = []
    for part in body.split(b"--benchmark-boundary\r\n")[1:]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="(\w+)"', head)
        assert name
        value = value.removesuffix(b"--benchmark-boundary--\r\n").removesuffix(b"\r\n")
        found.append((name[1].decode(), value))
    return found


def test_an_honest_server_has_figures_and_got_every_byte() -> None:
    server = Forms()
    with turn_at(server) as turn:
        values = chunks(turn)
    assert values[WALL_GIB] > 0
    assert values[CPU_GIB] >= 0
    assert len(server.uploads[-1]) == turn.sizes.dear_bytes


def test_a_wrong_offset_is_told() -> None:
    class Liar(Forms):
        def taken(self, offset: int) -> bytes:
            return super().taken(offset + 1)

    with turn_at(Liar()) as turn, pytest.raises(Failed, match=r"offset 8388609, not 8388608"):
        chunks(turn)


def test_a_wrong_md5_that_is_taken_is_told() -> None:
    class Liar(Forms):
        def post(self, request: Request) -> bytes:
            return super().post(request).replace(b" 400 ", b" 200 ")

    with turn_at(Liar()) as turn, pytest.raises(Failed, match="with 200, not 400"):
        chunks(turn)


def test_who_takes_forms() -> None:
    (part,) = FORMS.parts
    suited = {peer.name for peer in [*OURS.values(), *PEERS.values()] if part.suits(peer)}
    assert suited == {"tusbridge", "tusbridge-power", "tusbridge-dropin", "chunked"}
