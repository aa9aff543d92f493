"""Views that read their bodies in threads of their own, when nobody waits for their answer."""

import asyncio
import threading
from typing import Any

import pytest
from django.http import HttpResponse

from tests.crowd.wire import run
from tusbridge.body import BodyEnd
from tusbridge.forms import FormThreads, IntakeBody
from tusbridge.intake import Intake

SECONDS = 20.0
SCOPE: dict[str, Any] = {
    "type": "http",
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "path": "/",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"testserver"), (b"content-length", b"100")],
}


class Reader:
    """A view that reads all of its body."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.end: BodyEnd | None = None
        self.is_reading, self.is_over = threading.Event(), threading.Event()

    def get_response(self, request: Any) -> HttpResponse:
        try:
            for chunks in request.tusbridge_body.batches():
                self.came += chunks
                self.is_reading.set()
        finally:
            self.end = request.tusbridge_body.end
            self.is_over.set()
        return HttpResponse()


def pieces(*messages: dict[str, Any]) -> Any:
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if left:
            return left.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("the client falls silent")

    return receive


FIRST = {"type": "http.request", "body": b"first", "more_body": True}


def test_r54_a_view_whose_request_is_cancelled_holds_no_thread() -> None:
    """Its client is gone, so there is no read time-out to wait for."""
    reader: Any = Reader()

    async def cancelled() -> None:
        intake = Intake(pieces(FIRST), 100, timeout=60)
        work = asyncio.ensure_future(FormThreads().run(SCOPE, intake, reader))
        await asyncio.to_thread(reader.is_reading.wait, SECONDS)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert await asyncio.to_thread(reader.is_over.wait, 5)

    run(cancelled())
    assert (reader.came, reader.end) == ([b"first"], BodyEnd.GONE)


def test_a_loop_that_ends_ends_the_body() -> None:
    reader = Reader()
    threads: list[threading.Thread] = []

    async def leave() -> None:
        body = IntakeBody(Intake(pieces(FIRST), 100, timeout=60), asyncio.get_running_loop())
        request: Any = type("Request", (), {"tusbridge_body": body})
        threads.append(threading.Thread(target=reader.get_response, args=(request,)))
        threads[0].start()
        await asyncio.to_thread(reader.is_reading.wait, SECONDS)

    run(leave())
    threads[0].join(5)
    assert not threads[0].is_alive()
    assert (reader.came, reader.end) == ([b"first"], BodyEnd.GONE)
