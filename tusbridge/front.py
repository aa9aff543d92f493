"""The front: takes tusbridge's requests before Django's ASGI handler would.

That handler reads a whole body before the view runs, and throws it away when the client breaks
off; it also costs five times the CPU of the synchronous one. Here bodies are taken by the event
loop and written by a few threads, step by step, so that ten thousand slow clients cost buffers
and no threads; views run in Django's synchronous handler. ``asgi.py`` is what sites import.
"""

import asyncio
import io
import logging
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any, TypeVar

from django.core import signals
from django.core.handlers.asgi import ASGIRequest, get_script_prefix
from django.db import close_old_connections
from django.http import HttpResponse, HttpResponseBase
from django.urls import ResolverMatch, set_script_prefix

from tusbridge.aborting import abort
from tusbridge.api.feeding import Feeding, PendingResponse
from tusbridge.api.frame import dress, error_response, name_refused_host
from tusbridge.api.requests import hide_from_start
from tusbridge.background import NoThread
from tusbridge.body import Body, BodyEnd, DeferredBody, WholeBody
from tusbridge.carrying import Carrier
from tusbridge.conf import get_options
from tusbridge.drive import Drive, Drives
from tusbridge.errors import (
    BodyIncomplete,
    DatabaseUnavailable,
    OffsetMismatch,
    Overloaded,
    TransientError,
    UploadBusy,
    UploadError,
)
from tusbridge.forms import FormThreads, is_form_view
from tusbridge.intake import Intake, Message, Receive
from tusbridge.lanes import Lane
from tusbridge.lifespan import live
from tusbridge.pages import LET_GO_SECONDS, Pages, Stalled, bad_request, tame_content_type, within
from tusbridge.protocol.fields import MAX_DIGITS
from tusbridge.recognizing import (
    LONGEST_KNOWN_PATH,
    Foreign,
    Handler,
    find_view,
    speaks_tus,
    upload_id_of,
)
from tusbridge.rows import release_connections
from tusbridge.service import BUSY_PATIENCE_SECONDS, BUSY_POLL_SECONDS, UploadService
from tusbridge.shares import client_of, note_overload

logger = logging.getLogger("tusbridge.asgi")

Scope = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]
T = TypeVar("T")

# Seconds for which a small body is waited for before its view runs.
_SMALL_BODY_SECONDS = 0.25
# How much of an unwanted body is still read, and for how long, so that the answer arrives.
_DRAIN_BYTES = 4 * 1024 * 1024
# The same of a body that will be sent again, and whose client takes a reset for an answer.
_DRAIN_AGAIN_BYTES = 256 * 1024
_DRAIN_SECONDS = 0.5
# Seconds that a view may take. Only a database that fell silent takes so long, or a disk.
_VIEW_SECONDS = 8.0
# Seconds within which a creation has to be begun. It is what can be left out when there is too much
# to do, for nothing was sent for it yet; all else has the time that views have.
_CREATION_SECONDS = 4.0
# Seconds for which a HEAD waits until a running append has committed what it has.
_FLUSH_SECONDS = 0.08
# The path as the client sent it.
_GIVEN_PATH = "tusbridge.path"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Front:
    """An ASGI application around a site's own.

    :param app: the site's ASGI application, for all that is not tusbridge's.
    :param threads: threads for short requests, and as many again that write bodies.
    :param sweep_seconds: pause between two sweeps; None leaves sweeping to somebody else.
    """

    def __init__(self, app: App, *, threads: int = 4, sweep_seconds: float | None = None) -> None:
        self._app = app
        self._pages = Pages(app, self._send)
        self._sweep_seconds = sweep_seconds
        # one more, so that those that only read have one when all others wait for a disk
        self._short = ThreadPoolExecutor(threads + 1, thread_name_prefix="tusbridge-short")
        self._writers = ThreadPoolExecutor(threads, thread_name_prefix="tusbridge-write")
        self._routine = ThreadPoolExecutor(threads, thread_name_prefix="tusbridge-routine")
        self._forms = FormThreads()
        # what changes a row in one lane: SQLite's writers would have to wait for each other
        self._reading = Lane(self._short, threads, unwanted=self._discard)
        self._changing = Lane(self._short, threads, unwanted=self._discard)
        self._drives = Drives(self._in_short)
        self._handler = Handler()
        self._handler.load_middleware()
        self._has_begun = False
        self._sweeping: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            begin, end = self._begin, self._end
            await live(self._app, scope, receive, send, begin=begin, end=end)
        elif scope["type"] == "http":
            await self._serve_http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        tame_content_type(scope)
        try:
            await self._route(scope, receive, within(send, get_options().READ_TIMEOUT))
        except Stalled:
            await self._in_writers(partial(abort, scope))

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = self._match(scope)
        if match is None and not speaks_tus(scope):
            await self._pages.serve(scope, receive, send)
            return
        self._begin()
        # what reads no body needs none of the threads that wait for bodies
        if match is not None and is_form_view(match) and scope["method"] != "OPTIONS":
            await self._serve_form(scope, receive, send)
        else:
            await self._serve(scope, match, receive, send)

    # -- the process's life

    def _end(self) -> None:
        self.stop()
        if self._sweeping is not None:
            self._sweeping.cancel()

    def _begin(self) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        self._watch_signals()
        if self._sweep_seconds is not None:
            self._sweeping = asyncio.create_task(self._sweep_for_ever(self._sweep_seconds))

    def _watch_signals(self) -> None:
        """Servers wait for running requests when they stop; ours must know that it is time.

        The handler is put before the server's own, which runs as ever.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            former = signal.getsignal(number)

            def handle(signum: int, frame: Any, former: Any = former) -> None:
                loop.call_soon_threadsafe(self.stop)
                if callable(former):
                    former(signum, frame)

            signal.signal(number, handle)

    def stop(self) -> None:
        """End all running appends with what they have; from the event loop's thread."""
        self._drives.stop()
        self._forms.stop()

    async def _sweep_for_ever(self, pause: float) -> None:
        while True:
            try:
                result = await self._in_writers(lambda: UploadService().sweep())
                if result.removed or result.completed or result.failed:
                    logger.info("swept", extra={"removed": result.removed, "failed": result.failed})
            except UploadError as error:
                logger.warning("sweep-failed", extra={"code": error.code})
            except Exception:
                logger.exception("sweep-failed")
            await asyncio.sleep(pause)

    # -- one request

    def _match(self, scope: Scope) -> ResolverMatch | None:
        """tusbridge's view for this path, if it is one; the mount point also without its slash."""
        prefix = get_script_prefix(scope) or ""
        path = scope["path"].removeprefix(prefix.rstrip("/"))
        found = find_view(path)
        if found is None:
            return None
        match, candidate = found
        scope[_GIVEN_PATH] = scope["path"]
        scope["path"] += candidate[len(path) :]
        return match

    async def _serve(
        self, scope: Scope, match: ResolverMatch | None, receive: Receive, send: Send
    ) -> None:
        headers = dict(scope["headers"])
        method = scope["method"]
        upload_id = upload_id_of(match, scope["path"])
        intake = self._intake(headers, receive)
        # one that is not small is taken once it is wanted: what nobody takes, TCP holds back
        may_take = intake is not None and b"expect" not in headers
        if intake is None and scope["http_version"] >= "2" and b"content-length" not in headers:
            intake = await _find_body(scope, receive)
        elif intake is not None and may_take and intake.is_small:
            intake.start()
            await intake.wait_for_end(_SMALL_BODY_SECONDS)
        has_append = self._drives.has(upload_id)
        try:
            response = await self._respond(scope, match, method, intake)
            has_append = has_append or self._drives.has(upload_id)
            if method == "HEAD" and has_append and response.status_code == 200:
                # for one that may know, and no one else: what was read is about to change
                await self._drives.flush(upload_id, _FLUSH_SECONDS)
                response = await self._respond(scope, match, method, intake)
            if isinstance(response, Foreign):
                await self._hand_back(scope, response, intake, receive, send)
                return
            if response.status_code == 204 and _is_delete(method, headers):
                self._drives.end_lost(upload_id)
            if intake is not None and (may_take or intake.has_begun):
                await self._let_go(intake, response, is_page=b"origin" in headers)
            is_read = intake is None or intake.end is BodyEnd.WHOLE
            await self._send(response, method, send, receive if is_read else None)
        finally:
            if intake is not None:
                intake.close()

    async def _hand_back(
        self, scope: Scope, foreign: Foreign, intake: Intake | None, receive: Receive, send: Send
    ) -> None:
        """A request that only looked like ours, to the site, with what was taken of its body."""
        scope["path"] = scope.pop(_GIVEN_PATH, scope["path"])
        if intake is not None and intake.has_begun:
            receive = intake.again(foreign.taken, receive)
        await self._pages.serve(scope, receive, send)

    async def _serve_form(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A view that reads its body by itself, in a thread of its own while it does."""
        intake = self._intake(dict(scope["headers"]), receive)
        try:
            response = await self._forms.run(scope, intake, self._handler)
            if intake is not None and intake.end is not BodyEnd.WHOLE:
                await self._let_go(intake, response, is_page=False)
            await self._send(response, scope["method"], send)
        finally:
            if intake is not None:
                intake.close()

    async def _let_go(self, intake: Intake, response: HttpResponseBase, *, is_page: bool) -> None:
        """Take what is left of an unwanted body, within bounds, so that the client gets to see the
        answer: closing under a client that sends resets the connection (RFC 9112, 9.6).

        Little is taken of one that a page's browser has begun at the wrong offset, or too early: it
        sends all of that again. Chromium does so by itself when a connection was reset, and reads
        no answer before it has sent the last byte, or cannot send any more.
        """
        error = getattr(response, "tusbridge_error", None)
        limit = _DRAIN_BYTES
        if is_page and isinstance(error, OffsetMismatch | TransientError):
            limit = _DRAIN_AGAIN_BYTES if (intake.left or 0) <= _DRAIN_AGAIN_BYTES else 0
        if limit:
            intake.start()
            await intake.drain(limit, _DRAIN_SECONDS)
        if intake.end not in {BodyEnd.WHOLE, BodyEnd.GONE}:
            response.tusbridge_close = True  # type: ignore[attr-defined]
            intake.close()
            await asyncio.sleep(LET_GO_SECONDS)

    def _intake(self, headers: dict[bytes, bytes], receive: Receive) -> Intake | None:
        """Where the body comes in; None when there is none.

        A length that is not a number of bytes is left for the view to refuse; nothing is read of
        it.
        """
        # leading zeros change nothing for the server, and Python refuses to read 5,000 digits
        length = headers.get(b"content-length", b"").lstrip(b"0")
        if b"transfer-encoding" in headers:
            return _take_in(receive, None)
        if length.isdigit() and len(length) <= MAX_DIGITS:
            return _take_in(receive, int(length))
        return None

    async def _respond(
        self, scope: Scope, match: ResolverMatch | None, method: str, intake: Intake | None
    ) -> HttpResponseBase:
        upload_id = upload_id_of(match, scope["path"])
        is_writing = intake is not None and method in {"PATCH", "POST", "PUT"}
        lane = self._reading if method in _READING else self._changing
        patience = _CREATION_SECONDS if method == "POST" and not upload_id else _VIEW_SECONDS
        client = client_of(scope, dict(scope["headers"]))
        if lane.waits_for(client) > patience:
            return _refuse(scope, Overloaded())
        loop = asyncio.get_running_loop()
        deadline = loop.time() + BUSY_PATIENCE_SECONDS
        chunks: list[bytes] = []
        # what is around us has its context variables, too
        carrier = Carrier()
        while True:
            if intake is None:
                body: Body = WholeBody()
            elif intake.end is not None:
                chunks += intake.take()
                body = WholeBody(chunks, intake.end)
            else:
                body = DeferredBody()
            view = partial(carrier.run, self._run_view, scope, match, body)
            work = lane.run(partial(_tidily, view), client)
            with self._drives.beginning(upload_id) if is_writing else nullcontext():
                response = await self._within(patience, work, scope, body)
            if isinstance(response, Foreign):
                response.taken = chunks
                return response
            is_busy = isinstance(getattr(response, "tusbridge_error", None), UploadBusy)
            if not is_busy or loop.time() > deadline or self._drives.is_stopping:
                break
            # the wait for another holder costs no thread here
            await asyncio.sleep(BUSY_POLL_SECONDS)
        if isinstance(response, PendingResponse):
            assert intake is not None, "only a body on its way is deferred"
            return await self._drive(response.feeding, intake)
        return response

    def _run_view(self, scope: Scope, match: ResolverMatch | None, body: Body) -> HttpResponseBase:
        """Django's synchronous handler, in a pool's thread."""
        if body.is_abandoned:
            # where there is too much to do, what was given up costs nothing more
            return HttpResponse(status=503)
        body.begun_at = time.monotonic()
        set_script_prefix(get_script_prefix(scope) or "/")
        signals.request_started.send(sender=self.__class__, scope=scope)
        try:
            # bodies come another way than through Django's stream
            request: Any = ASGIRequest(scope, io.BytesIO())
        except UnicodeDecodeError:
            signals.request_finished.send(sender=self.__class__)
            return bad_request()
        hide_from_start(request)
        request.tusbridge_body = body
        request.tusbridge_wait = 0.0
        request.tusbridge_match = request.path_info, match
        response: HttpResponseBase = self._handler.answer(request)
        pending = getattr(request, "tusbridge_pending", None)
        if pending is not None and response is not pending:
            # a middleware answers in its place, and the body will not be taken
            pending.feeding.carrier.run(pending.feeding.fail, BodyIncomplete())
        if response.status_code == 400:
            response = name_refused_host(request, response)
        if not response.streaming:
            response.close()
        return response

    async def _within(
        self, patience: float, future: asyncio.Future[HttpResponseBase], scope: Scope, body: Body
    ) -> HttpResponseBase:
        """The view's answer, or another one when it does not begin for so long, or takes too long:
        its thread cannot be interrupted, but the client need not wait for it."""
        is_late = False
        timer: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()

        def give_up() -> None:
            nonlocal is_late, timer
            # a queue is not the view's fault
            began = body.begun_at
            left = 0.0 if began is None else began + _VIEW_SECONDS - time.monotonic()
            if left > 0:
                timer = loop.call_later(left, give_up)
            else:
                is_late = future.cancel()

        timer = loop.call_later(patience, give_up)
        try:
            return await future
        except NoThread:
            return _too_late(scope)
        except asyncio.CancelledError:
            # a view that has not begun yet is not to change anything
            body.is_abandoned = True
            if not is_late:
                if future.done() and not future.cancelled() and future.exception() is None:
                    self._discard(future.result())
                raise
            return _too_late(scope) if body.begun_at else _refuse(scope, Overloaded())
        finally:
            timer.cancel()

    def _discard(self, response: HttpResponseBase) -> None:
        """What a view gave when its client was answered already, or its task had ended."""
        if response.streaming:
            response.close()
        elif isinstance(response, PendingResponse):
            feeding = response.feeding
            self._behind(partial(feeding.carrier.run, feeding.fail, BodyIncomplete()))

    async def _drive(self, feeding: Feeding, intake: Intake) -> HttpResponseBase:
        intake.start()
        drive = Drive(feeding, intake, self._in_writers, self._in_routine)
        self._drives.add(drive)
        try:
            response = await drive.run()
        except (Exception, asyncio.CancelledError):
            self._drives.give_up(drive, self._behind)
            raise
        self._drives.remove(drive)
        return response

    def _behind(self, work: Callable[[], Any]) -> None:
        """Have a thread do what no request waits for. It may be done twice."""
        try:
            self._writers.submit(_tidily, work)
        except RuntimeError:
            # the pool is shut down, or no thread of it can be had
            with suppress(RuntimeError):
                alone = partial(_alone, work)
                threading.Thread(target=alone, name="tusbridge-behind", daemon=True).start()

    async def _send(
        self,
        response: HttpResponseBase,
        method: str,
        send: Send,
        receive: Receive | None = None,
    ) -> None:
        """``receive`` where nothing but the client's leaving is to be heard from it."""
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in response.items()
        ]
        headers += [
            (b"set-cookie", cookie.output(header="").strip().encode("latin-1"))
            for cookie in response.cookies.values()
        ]
        if getattr(response, "tusbridge_close", False) or self._drives.is_stopping:
            headers.append((b"connection", b"close"))
        await send(
            {"type": "http.response.start", "status": response.status_code, "headers": headers}
        )
        if response.streaming:
            await self._stream(response, send, receive)
        else:
            content = b"" if method == "HEAD" else getattr(response, "content", b"")
            await send({"type": "http.response.body", "body": content})

    async def _stream(
        self, response: HttpResponseBase, send: Send, receive: Receive | None
    ) -> None:
        """Until the client has all, or has left: servers take what is sent to no client, too."""
        pieces = iter(response)
        leaving = asyncio.ensure_future(_wait_until_left(receive))
        # so that nobody has to ask whether another piece follows the last one
        left = int(response.get("Content-Length", "-1"))
        is_more = True
        try:
            while is_more and not (self._drives.is_stopping or leaving.done()):
                piece = await self._in_writers(lambda: next(pieces, None))
                if piece is None:
                    break
                left -= len(piece)
                is_more = left != 0
                body = {"type": "http.response.body", "body": piece, "more_body": is_more}
                await send(body)
            if is_more:
                await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            await self._in_writers(response.close)

    # no coroutines, each of which would cost the loop a task

    def _in_short(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._short, _tidily, work)

    def _in_writers(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._writers, _tidily, work)

    def _in_routine(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._routine, _tidily, work)


async def _find_body(scope: Scope, receive: Receive) -> Intake | None:
    """The body of a request that says nothing of one, as HTTP/2 and 3 allow; None when there is
    none. The view is told by the field that says it in HTTP/1.1."""
    intake = _take_in(receive, None)
    intake.start()
    await intake.wait_for_end(_SMALL_BODY_SECONDS)
    if intake.end is BodyEnd.WHOLE and not intake.size:
        return None
    scope["headers"] = [*scope["headers"], (b"transfer-encoding", b"chunked")]
    return intake


def _take_in(receive: Receive, length: int | None) -> Intake:
    options = get_options()
    return Intake(receive, length, timeout=options.READ_TIMEOUT, rate=options.MIN_BODY_RATE)


async def _wait_until_left(receive: Receive | None) -> None:
    """Return when the client has left; never, where that cannot be heard."""
    if receive is None:
        await asyncio.Event().wait()
        return
    message = await receive()
    while message["type"] == "http.request":
        message = await receive()


def _too_late(scope: Scope) -> HttpResponseBase:
    """The answer where no view can give one: try again."""
    logger.error("view-too-late", extra={"path": scope["path"][:LONGEST_KNOWN_PATH]})
    return _refuse(scope, DatabaseUnavailable())


def _refuse(scope: Scope, error: UploadError) -> HttpResponseBase:
    """The answer to a request for which no view was asked."""
    if isinstance(error, Overloaded):
        note_overload()
    request = ASGIRequest(scope, io.BytesIO())
    return dress(request, error_response(request, error), get_options())


def _tidily(work: Callable[[], T]) -> T:
    """Run in a pool's thread, and leave no connection behind that is not to last."""
    try:
        return work()
    finally:
        close_old_connections()


def _alone(work: Callable[[], Any]) -> None:
    """Run in a thread of its own, whose connections end with it."""
    try:
        work()
    finally:
        release_connections()


def _is_delete(method: str, headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"x-http-method-override", method.encode()).strip().upper() == b"DELETE"
