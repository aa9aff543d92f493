"""From a request's body to an append, and from its end to the answer.

A body that is at hand, or behind a blocking read, is fed right here. One that an asynchronous
front takes from the client is fed by the front, after the view is done: the view gives a
:class:`PendingResponse`, which the front settles once the bytes have come.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from tusbridge.api.frame import Fields, dress, error_response, internal_error
from tusbridge.api.requests import body_in, hide_body
from tusbridge.appending import Appending
from tusbridge.body import Body, BodyEnd, WholeBody
from tusbridge.carrying import Carrier
from tusbridge.conf import get_options
from tusbridge.errors import DatabaseUnavailable, UploadError
from tusbridge.protocol import tus
from tusbridge.rows import database_of, release_connections

logger = logging.getLogger("tusbridge")


class Feeding:
    """An append under way, and what to answer when it ends.

    ``on_end`` ends it and renders; ``on_error`` clears up after an error, the answer is the
    protocol's. Whatever is raised, the append is over afterwards, and holds nothing.
    """

    def __init__(
        self,
        request: HttpRequest,
        appending: Appending,
        on_end: Callable[[BodyEnd], HttpResponse],
        on_error: Callable[[Exception], None],
    ) -> None:
        self.appending = appending
        # each step that another thread makes is a part of this request
        self.carrier = Carrier()
        # the alias of the database, which the site's router may find by the request
        self.using = database_of(type(appending.upload))
        self._request = request
        self._on_end = on_end
        self._on_error = on_error

    def feed(self, chunks: Sequence[bytes], *, commit: bool = False) -> HttpResponseBase | None:
        """Write what came; the answer, where that ended the append."""
        try:
            self.appending.feed(chunks, commit=commit)
        except Exception as error:  # noqa: BLE001 the answer tells it
            return self.fail(error)
        return None

    def end(self, how: BodyEnd) -> HttpResponseBase:
        """The body is over: commit, and answer."""
        try:
            response: HttpResponseBase = self._on_end(how)
        except Exception as error:  # noqa: BLE001 the answer tells it
            return self.fail(error)
        return dress(self._request, response, get_options())

    def fail(self, error: Exception) -> HttpResponseBase:
        """The append failed in mid-body; whatever is still on its way is not read."""
        self._clear_up(error)
        if isinstance(error, UploadError):
            answer = error_response(self._request, error)
        else:
            answer = internal_error(self._request, error)
        response = dress(self._request, answer, get_options())
        response.tusbridge_close = True  # type: ignore[attr-defined]
        return response

    def _clear_up(self, error: Exception) -> None:
        try:
            self._on_error(error)
            # first, for what is dropped need not be kept
            self.appending.give_up(error)
        except Exception as second:  # noqa: BLE001 the first one is the answer
            # the sweep finds what could not be cleared up now
            code = getattr(second, "code", type(second).__name__)
            logger.warning("not-cleared-up", extra={"code": code})
        finally:
            self.appending.close()


class PendingResponse(HttpResponse):
    """Stands for an answer that depends on bytes still to come; only a front ever sees it."""

    def __init__(self, feeding: Feeding) -> None:
        super().__init__(status=204)
        self.feeding = feeding


def feed(request: HttpRequest, feeding: Feeding) -> HttpResponseBase:
    """Feed the request's body to the append, and answer."""
    try:
        body = body_of(request)
        if body.is_deferred:
            return _defer(request, feeding)
        failed = _feed_batches(body, feeding)
    except Exception as error:  # noqa: BLE001 the answer tells it
        return feeding.fail(error)
    except BaseException:
        feeding.appending.close()
        raise
    if failed is not None:
        return failed
    feeding.appending.trailer = body.trailers.get("upload-checksum")
    return feeding.end(body.end or BodyEnd.GONE)


def _defer(request: Any, feeding: Feeding) -> PendingResponse:
    response = PendingResponse(feeding)
    request.tusbridge_pending = response
    return response


def _feed_batches(body: Body, feeding: Feeding) -> HttpResponseBase | None:
    may_wait = not isinstance(body, WholeBody)
    if may_wait:
        release_connections()
    for chunks in body.batches():
        # nothing came for a while: what is there shall be known
        failed = feeding.feed(chunks, commit=not chunks)
        if failed is not None:
            return failed
        if may_wait:
            release_connections()
    return None


def check_wanted(request: HttpRequest) -> None:
    """Called before anything is changed: a view that waited too long for the database finds that
    its client has been told to try again, and must not act on top of that.

    :raises DatabaseUnavailable: nobody waits for this view any more.
    """
    body = getattr(request, "tusbridge_body", None)
    if body is not None and body.is_abandoned:
        raise DatabaseUnavailable


def is_at_hand(request: HttpRequest) -> bool:
    """Whether the whole body has come before the view was called."""
    body = getattr(request, "tusbridge_body", None)
    return body is not None and body.is_at_hand


def body_of(request: HttpRequest, *, is_form: bool = False) -> Body:
    """The request's body, from any of its sources. Django's request has none from now on.

    :raises LengthRequired: the body has no length, and the server does not say where it ends.
    :raises BodyAlreadyRead: something read of it, and nothing holds what was read.
    """
    body: Body | None = getattr(request, "tusbridge_body", None)
    if body is None:
        body = body_in(request, tus.parse_content_length(Fields(request.META)))
        hide_body(request, is_form=is_form)
    elif is_form and (held := request.__dict__.get("_body")):
        return WholeBody([held], body.end or BodyEnd.WHOLE)
    return body
