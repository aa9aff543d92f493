"""Slow uploads: who is alive at the end is counted, and what befell the others."""

import time
from typing import Any

from benchmarks import crowd
from benchmarks.crowd import Crowd, Plan
from benchmarks.tus import Requests
from tests.benchmarks.liars import Honest, Request, listening, said

COUNT, PIECES, PIECE = 6, 4, 100


def run(server: Honest) -> dict[str, Any]:
    server.uploads += [bytearray() for _ in range(COUNT)]
    with listening(server.answer) as port:
        requests = Requests(port, "/files/")
        heads = [requests.append(f"/files/{n}", 0, PIECES * PIECE).decode() for n in range(COUNT)]
        plan = Plan(port=port, heads=heads, pieces=PIECES, piece_bytes=PIECE, pause=0.05)
        return Crowd(plan).run()


def test_all_are_alive_and_every_byte_came_slowly() -> None:
    server, started = Honest(), time.monotonic()
    assert run(server) == {"well": COUNT, "troubles": {}}
    assert {len(upload) for upload in server.uploads} == {PIECES * PIECE}
    assert time.monotonic() - started > 0.05 * (PIECES - 1)


def test_an_answer_that_lies_is_no_life() -> None:
    class Liar(Honest):
        def patch(self, request: Request) -> bytes:
            is_first = request.path.endswith("/0")
            return said(204, {"Upload-Offset": "1"}) if is_first else super().patch(request)

    assert run(Liar()) == {
        "well": COUNT - 1,
        "troubles": {"answered PATCH with Upload-Offset 1, not 400": 1},
    }


def test_connections_that_end_are_counted() -> None:
    class Liar(Honest):
        def patch(self, request: Request) -> bytes:
            return b""

    found = run(Liar())
    assert found["well"] == 0
    assert sum(found["troubles"].values()) == COUNT


def test_silence_ends_after_a_while(monkeypatch: Any) -> None:
    monkeypatch.setattr(crowd, "PATIENCE_SECONDS", 0.1)

    class Silent(Honest):
        def patch(self, request: Request) -> bytes:
            time.sleep(1)
            return super().patch(request)

    assert run(Silent()) == {"well": 0, "troubles": {"no answer": COUNT}}


def test_nobody_listens() -> None:
    with listening(Honest().answer) as port:
        pass
    plan = Plan(port=port, heads=["x"], pieces=1, piece_bytes=1, pause=0.01)
    found = Crowd(plan).run()
    assert found["well"] == 0
    assert list(found["troubles"].values()) == [1]
