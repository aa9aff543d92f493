"""The site's own pages behind the front: what a client may cost there, too.

Django reads a body whole before it asks any view, also one that no view will look at, and waits
for it without end. Here a body has its time (READ_TIMEOUT, MIN_BODY_RATE) and, where PAGE_MAX_BODY
is set, its length; and an answer that its client does not take ends the connection.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from django.http import HttpResponse, HttpResponseBase

from tusbridge.conf import Options, get_options
from tusbridge.errors import BodyTimeout, TooLarge, TransientError, UploadError
from tusbridge.intake import Message, Receive
from tusbridge.pace import Pace
from tusbridge.protocol.tus import STATUS
from tusbridge.shares import Shares, client_of
from tusbridge.texts import is_encoding

logger = logging.getLogger("tusbridge.asgi")

Scope = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]
Respond = Callable[[HttpResponseBase, str, Send], Awaitable[None]]

# Seconds between letting go of a body that has not ended, and the answer: granian closes such a
# connection only if the answer comes last.
LET_GO_SECONDS = 0.02
# How much of a refused body is still read, and for how long, so that the answer arrives.
_DRAIN_BYTES = 256 * 1024
_DRAIN_SECONDS = 0.5
_CHARSET = re.compile(rb';\s*charset\s*=\s*"?([^\s;"]*)"?', re.IGNORECASE)
# A parameter that names its encoding itself (RFC 8187).
_EXTENDED = re.compile(rb';[^;="]*\*\s*=[^;]*')


class Stalled(OSError):
    """The client does not take its answer, or sends on and on behind it."""


class Pages:
    """Passes requests on to the site's application.

    :param respond: sends an answer of ours.
    """

    def __init__(self, app: App, respond: Respond) -> None:
        self._app, self._respond = app, respond
        options = get_options()
        self._shares = Shares(options.MAX_FORMS, options.CLIENT_MAX_FORMS)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request that is the site's.

        One whose body ends here or there, as one likes, is refused all the same, for what comes
        behind it may be a request to us (RFC 9112, 6.1). And Django says nothing at all to one
        whose body breaks off, of which servers make a 500.
        """
        headers = dict(scope["headers"])
        if b"content-length" in headers and b"transfer-encoding" in headers:
            # uvicorn answers by itself to a body that is broken besides, and closes right after
            await asyncio.sleep(LET_GO_SECONDS)
            await self._respond(bad_request(), scope["method"], send)
            return
        options = get_options()
        body = None
        if _has_body(headers):
            body = _PageBody(receive, options)
            receive = body.receive
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        refusal = _too_large(headers, options)
        if refusal is None:
            try:
                await self._ask(scope, headers, body, receive, watched)
            except UploadError as error:
                refusal = error
        if body is not None:
            refusal = refusal or body.refusal
        if not has_begun:
            await self._refuse(refusal, scope["method"], body, send)
        elif refusal is not None:
            raise Stalled

    async def _ask(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        body: "_PageBody | None",
        receive: Receive,
        send: Send,
    ) -> None:
        """:raises TooManyRequests: the client has as many bodies under way as it may.
        :raises Overloaded: too many are under way."""
        if body is None or get_options().PAGE_MAX_BODY is None:
            await self._app(scope, receive, send)
            return
        place = await self._shares.wait(client_of(scope, headers))
        body.on_end = place.leave
        try:
            await self._app(scope, receive, send)
        finally:
            body.end()

    async def _refuse(
        self, refusal: UploadError | None, method: str, body: "_PageBody | None", send: Send
    ) -> None:
        if body is not None:
            await body.drain()
        await asyncio.sleep(LET_GO_SECONDS)
        await self._respond(bad_request() if refusal is None else _tell(refusal), method, send)


class _PageBody:
    """What the application gets of a body."""

    def __init__(self, receive: Receive, options: Options) -> None:
        self._receive = receive
        self._limit = options.PAGE_MAX_BODY
        self._size = 0
        self._loop = asyncio.get_running_loop()
        self._asked_at = self._loop.time()
        self._pace = Pace(options.READ_TIMEOUT, options.MIN_BODY_RATE, self._asked_at)
        self._is_over = False
        self.refusal: UploadError | None = None
        self.on_end: Callable[[], None] = _do_nothing

    def end(self) -> None:
        """The body is over, or not wanted any more. Idempotent."""
        self._is_over = True
        self.on_end()

    async def receive(self) -> Message:
        """As ASGI's, with a disconnect where the body is not taken any further."""
        if self.refusal is not None:
            return {"type": "http.disconnect"}
        if self._is_over:
            return await self._receive()
        self._pace.pause(self._loop.time() - self._asked_at)
        try:
            async with asyncio.timeout_at(self._pace.until):
                message = await self._receive()
        except TimeoutError:
            return self._give_up(BodyTimeout())
        self._asked_at = self._loop.time()
        size = len(message.get("body", b""))
        self._pace.came(size, self._asked_at)
        self._size += size
        if self._limit is not None and self._size > self._limit:
            return self._give_up(TooLarge(self._limit, "a page"))
        if not message.get("more_body", False):
            self.end()
        return message

    def _give_up(self, refusal: UploadError) -> Message:
        self.refusal = refusal
        self.end()
        return {"type": "http.disconnect"}

    async def drain(self) -> None:
        """Read a little more, so that the client gets to see the answer."""
        if self._is_over and not isinstance(self.refusal, TooLarge):
            return
        left = _DRAIN_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return


def within(send: Send, timeout: float) -> Send:
    """Sends to a client that takes it, and raises :class:`Stalled` of one that takes nothing for
    so many seconds."""

    async def send_within(message: Message) -> None:
        try:
            async with asyncio.timeout(timeout):
                await send(message)
        except TimeoutError:
            logger.info("download-timeout")
            raise Stalled from None

    return send_within


def _do_nothing() -> None:
    """No place was taken."""


def tame_content_type(scope: Scope) -> None:
    """Take encodings that there are not out of Content-Type, as Django ignores them: Python keeps
    the name of each that it was asked for, for good."""
    for number, (name, value) in enumerate(scope["headers"]):
        if name == b"content-type" and b"=" in value:
            tamed = _CHARSET.sub(_known, _EXTENDED.sub(b"", value))
            if tamed != value:
                scope["headers"] = [*scope["headers"]]
                scope["headers"][number] = (name, tamed)


def _known(match: re.Match[bytes]) -> bytes:
    return match[0] if is_encoding(match[1].decode("latin-1")) else b""


def _has_body(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def _too_large(headers: dict[bytes, bytes], options: Options) -> UploadError | None:
    """The refusal of a body that is too long by its own word."""
    length = headers.get(b"content-length", b"").lstrip(b"0")
    limit = options.PAGE_MAX_BODY
    if limit is None or not length.isdigit():
        return None
    # first by its digits: of thousands of them Python makes no number
    is_more = len(length) > len(str(limit)) or int(length) > limit
    return TooLarge(limit, "a page") if is_more else None


def _tell(error: UploadError) -> HttpResponseBase:
    status = 408 if isinstance(error, BodyTimeout) else STATUS[type(error)]
    response: Any = HttpResponse(f"{error.code}: {error}\n", status=status)
    response["Content-Type"] = "text/plain; charset=utf-8"
    response["Content-Length"] = str(len(response.content))
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    if isinstance(error, TransientError):
        response["Retry-After"] = str(error.retry_after_seconds)
    response.tusbridge_close = True
    return response  # type: ignore[no-any-return]


def bad_request() -> HttpResponseBase:
    """The answer to a request that cannot even be taken apart; nothing is read behind it."""
    response: Any = HttpResponse(
        "invalid-request: not understood\n", status=400, content_type="text/plain"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response.tusbridge_close = True
    return response  # type: ignore[no-any-return]
