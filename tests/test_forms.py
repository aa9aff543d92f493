"""Views that read their bodies in threads of their own, when nobody waits for their answer."""

import asyncio
import threading
import time
from typing import Any

import pytest
from django.http import HttpResponse

from tests.crowd.wire import run
from tusbridge import forms as forms_module
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


class Crowd:
    """Views that compute until they are let go; how many began, and how many at once."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Semaphore(0)
        self.count, self._lock = 0, threading.Lock()

    def get_response(self, request: Any) -> HttpResponse:
        with self._lock:
            self.count += 1
        self.began.release()
        self.go.wait(SECONDS)
        for _ in request.tusbridge_body.batches():
            pass
        return HttpResponse()


def bodies(count: int) -> list[Intake]:
    whole = {"type": "http.request", "body": bytes(100), "more_body": False}
    return [Intake(pieces(whole), 100, timeout=60) for _ in range(count)]


def test_views_begin_a_few_at_a_time() -> None:
    async def check() -> None:
        crowd, forms = Crowd(), FormThreads()
        started = time.monotonic()
        work = [asyncio.ensure_future(forms.run(SCOPE, body, crowd)) for body in bodies(20)]  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        seconds = time.monotonic() - started
        assert crowd.count <= forms_module._BEGINNING * (1 + seconds / forms_module._BEGIN_SECONDS)
        # those that hang keep nobody out for long
        for _ in range(20):
            assert await asyncio.to_thread(crowd.began.acquire, timeout=SECONDS)
        crowd.go.set()
        assert {answer.status_code for answer in await asyncio.gather(*work)} == {200}
        # all places are free again, and none twice
        assert forms._beginning._value == forms_module._BEGINNING

    run(check())


def test_a_view_that_waits_for_its_client_lets_the_next_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forms_module, "_BEGIN_SECONDS", 60.0)

    async def check() -> None:
        forms, readers = FormThreads(), [Reader() for _ in range(8)]
        work = [
            asyncio.ensure_future(forms.run(SCOPE, Intake(pieces(FIRST), 100, timeout=60), reader))  # type: ignore[arg-type]
            for reader in readers
        ]
        for reader in readers:
            assert await asyncio.to_thread(reader.is_reading.wait, SECONDS)
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        assert forms._beginning._value == forms_module._BEGINNING

    run(check())
