"""Views that read their request's body by themselves, behind the front.

Such a view is marked with ``tusbridge_reads_body``. It runs in Django's synchronous handler, in a
thread that waits for the client's bytes. There are MAX_FORMS places for bodies, of which each
address and each user gets a share; a request waits a little for one, its body held back. The front
takes no thread for anything else while a client is slow.
"""

import asyncio
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import partial
from typing import Any

from django.core import signals
from django.core.handlers.asgi import ASGIRequest, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import close_old_connections
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.urls import ResolverMatch, set_script_prefix

from tusbridge.api.cors import add_cors_fields
from tusbridge.api.forms import FormStream
from tusbridge.api.requests import LongBody
from tusbridge.body import Body, BodyEnd
from tusbridge.carrying import Carrier
from tusbridge.conf import get_options
from tusbridge.errors import Overloaded, TooManyRequests
from tusbridge.intake import BATCH_BYTES, Intake
from tusbridge.protocol.tus import STATUS
from tusbridge.shares import Place, Shares, client_of, note_overload

# Threads besides those that wait for bodies, one a place: for what views do before and behind that.
_SPARE_THREADS = 32
# Views that begin at once, up to where they wait for their client, and seconds after which the next
# one begins all the same. Hundreds of threads that all compute leave the others next to nothing.
_BEGINNING, _BEGIN_SECONDS = 2, 0.03
# Seconds for which a thread waits for more, once a few bytes have come.
_LULL_SECONDS = 0.5
# Seconds beyond the read time-out after which the event loop itself is taken for dead.
_SPARE_SECONDS = 30.0


class IntakeBody(Body):
    """A body that the event loop takes from the client, for a thread that waits for it."""

    def __init__(
        self, intake: Intake, loop: asyncio.AbstractEventLoop, place: Place | None = None
    ) -> None:
        super().__init__()
        self._intake = intake
        self._loop = loop
        self._place = place
        # called in the loop whenever the view waits for its client
        self.on_wait: Callable[[], object] = _do_nothing

    def claim(self, user: str) -> None:
        if self._place is not None:
            self._place.claim(("user", user))

    def batches(self) -> Iterator[Sequence[bytes]]:
        while self.end is None:
            chunks, end = self._next()
            if chunks:
                yield chunks
            self.end = end

    def _next(self) -> tuple[list[bytes], BodyEnd | None]:
        """What has come; the end of it, where the loop ends before its server does."""
        coming = self._take()
        try:
            taken = asyncio.run_coroutine_threadsafe(coming, self._loop)
        except RuntimeError:
            coming.close()
            return [], BodyEnd.GONE
        try:
            return taken.result(self._intake.pace.timeout + _SPARE_SECONDS)
        except (CancelledError, TimeoutError):
            return [], BodyEnd.GONE

    async def _take(self) -> tuple[list[bytes], BodyEnd | None]:
        self.on_wait()
        intake = self._intake
        intake.start()
        intake.widen(BATCH_BYTES)
        # a batch, or what has come when nothing more does for a while
        while intake.end is None and not intake.is_batch:
            await intake.wait_for_work(min(intake.pace.until, self._loop.time() + _LULL_SECONDS))
            if intake.size or self._loop.time() >= intake.pace.until:
                break
        if intake.end is None and not intake.size:
            intake.finish(BodyEnd.TIMED_OUT)
        return intake.take(), intake.end


def _do_nothing() -> None:
    """The view has nobody to let in behind it."""


class _Raw(io.RawIOBase):
    """The body for a view, or a middleware, that reads it as Django's own handlers give it."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        # read by middleware, where scopes cannot be entered anew
        self._form = FormStream(body, holds=bool(get_options().REQUEST_SCOPES))
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._rest or self._form.read()
        count = min(len(piece), len(buffer))
        buffer[:count], self._rest = piece[:count], piece[count:]
        return count


class _FormRequest(LongBody, ASGIRequest):
    """A form's request, whose body no middleware holds that is too long for it."""

    tusbridge_is_form = True


class FormThreads:
    """Runs such views; lives in one event loop."""

    def __init__(self) -> None:
        options = get_options()
        self._shares = Shares(options.MAX_FORMS, options.CLIENT_MAX_FORMS)
        self._pool = ThreadPoolExecutor(
            options.MAX_FORMS + _SPARE_THREADS, thread_name_prefix="tusbridge-form"
        )
        self._running: set[Intake] = set()
        self._is_stopping = False
        self._beginning = asyncio.Semaphore(_BEGINNING)

    def stop(self) -> None:
        """End the bodies that are still on their way, also of requests that come yet."""
        self._is_stopping = True
        for intake in list(self._running):
            intake.finish(BodyEnd.STOPPING)

    async def run(
        self, scope: dict[str, Any], intake: Intake | None, handler: BaseHandler
    ) -> HttpResponseBase:
        """The view's answer; 429 or 503 where there is no place for the body."""
        if intake is None:
            return await self._in_thread(scope, None, handler)
        try:
            place = await self._shares.wait(client_of(scope, dict(scope["headers"])))
        except (TooManyRequests, Overloaded) as error:
            return _refuse(scope, error)
        intake.on_end = place.leave
        body = IntakeBody(intake, asyncio.get_running_loop(), place)
        self._running.add(intake)
        if self._is_stopping and intake.end is None:
            intake.finish(BodyEnd.STOPPING)
        try:
            return await self._in_thread(scope, body, handler)
        except BaseException:
            # a view that waits for bytes still, or begins only now, has no client any more
            intake.finish(BodyEnd.GONE)
            raise
        finally:
            self._running.discard(intake)
            place.leave()

    async def _in_thread(
        self, scope: dict[str, Any], body: IntakeBody | None, handler: BaseHandler
    ) -> HttpResponseBase:
        loop = asyncio.get_running_loop()
        run = partial(Carrier().run, _run, scope, body, handler)
        await self._beginning.acquire()
        # once, by whichever comes first
        has_begun = loop.create_future()
        has_begun.add_done_callback(lambda _: self._beginning.release())
        timer = loop.call_later(_BEGIN_SECONDS, has_begun.cancel)
        if body is not None:
            body.on_wait = has_begun.cancel
        try:
            return await loop.run_in_executor(self._pool, run)
        finally:
            timer.cancel()
            has_begun.cancel()


def _refuse(scope: dict[str, Any], error: TooManyRequests | Overloaded) -> HttpResponseBase:
    """In the words of those who send forms, and readable from other sites' pages, too."""
    if isinstance(error, Overloaded):
        note_overload()
    response: Any = JsonResponse({"detail": str(error)}, status=STATUS[type(error)])
    response["Retry-After"] = str(error.retry_after_seconds)
    request = ASGIRequest(scope, io.BytesIO())
    add_cors_fields(request, response, get_options())
    return response  # type: ignore[no-any-return]


def _run(scope: dict[str, Any], body: IntakeBody | None, handler: BaseHandler) -> HttpResponseBase:
    set_script_prefix(get_script_prefix(scope) or "/")
    signals.request_started.send(sender=FormThreads, scope=scope)
    try:
        stream: Any = io.BytesIO() if body is None else io.BufferedReader(_Raw(body))
        request: Any = _FormRequest(scope, stream)
    except UnicodeDecodeError:
        signals.request_finished.send(sender=FormThreads)
        return HttpResponse(status=400)
    if body is not None:
        request.tusbridge_body = body
    try:
        response: HttpResponseBase = handler.get_response(request)
        if not response.streaming:
            response.close()
        return response
    finally:
        close_old_connections()


def is_form_view(match: ResolverMatch) -> bool:
    """Whether the view is one that reads its body by itself."""
    return getattr(match.func, "tusbridge_reads_body", False)
