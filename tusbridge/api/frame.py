"""What every answer of tus needs: method override, version, 405, OPTIONS, CORS, one error table."""

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from tusbridge.api.cors import add_cors_fields
from tusbridge.api.hosts import check_host
from tusbridge.api.requests import end_body
from tusbridge.api.wsgi_input import has_trailers
from tusbridge.carrying import serving
from tusbridge.conf import Options, get_options
from tusbridge.errors import (
    AmbiguousBody,
    HostNotAllowed,
    MethodNotAllowed,
    Unauthenticated,
    UploadError,
    UploadNotFound,
)
from tusbridge.policy import get_policy
from tusbridge.protocol import tus
from tusbridge.protocol.fields import render_date
from tusbridge.protocol.rules import Limits
from tusbridge.protocol.tus import Answer
from tusbridge.stores import get_store

logger = logging.getLogger("tusbridge")

View = Callable[..., HttpResponseBase]

# URLconfs that middleware gave to requests of ours (``request.urlconf``), in their order.
known_urlconfs: dict[str, None] = {}
_MOST_URLCONFS = 16
_has_said_so = False

# Statuses that HTTP itself does not name, where a server lets us say the words.
_REASONS = {460: "Checksum Mismatch"}


class Fields(Mapping[str, str]):
    """A request's header fields by lower-case name, read where Django keeps them."""

    def __init__(self, meta: Mapping[str, Any], unknown: frozenset[str] = frozenset()) -> None:
        """:param unknown: names that are to be taken as not sent."""
        self._meta = meta
        self._unknown = unknown

    def __getitem__(self, name: str) -> str:
        if name in self._unknown:
            raise KeyError(name)
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        value: str = self._meta[key]
        return value

    def __iter__(self) -> Iterator[str]:
        for key in self._meta:
            if key.startswith("HTTP_"):
                yield key[5:].lower().replace("_", "-")

    def __len__(self) -> int:
        return sum(1 for _ in self)


def framed(view: View, methods: tuple[str, ...]) -> View:
    """The view behind the protocol's frame; ``methods`` are those the resource has.

    The effective method is settled before anything looks at it. Marked so that a transaction
    is never held for the time of an upload (ATOMIC_REQUESTS), that no form's CSRF token is looked
    for in the body (the policy judges where a session's request comes from), and that nobody is
    sent to a login page (LoginRequiredMiddleware): 401 is the protocol's answer.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        note_way(request)
        options = get_options()
        fields = Fields(request.META)
        request.method = tus.effective_method(request.method or "", fields)
        try:
            with serving(request):
                response = _dispatch(view, methods, request, fields, options, args, kwargs)
        except UploadError as error:
            response = error_response(request, error)
        except Exception as error:  # noqa: BLE001 clients in browsers must be able to read it
            response = internal_error(request, error)
        end_body(request)
        return dress(request, response, options)

    wrapped.tusbridge_is_framed = True  # type: ignore[attr-defined]
    return behind_frame(wrapped)


def behind_frame(view: View) -> View:
    """The view, left alone by all that Django does before views."""
    return never_atomic(csrf_exempt(login_not_required(view)))


def note_way(request: HttpRequest) -> None:
    """Learn from a request how others find us, and say so, once, where its body was read before any
    view ran: an ASGI server without ``TusbridgeASGI``, or one that did not know the request."""
    global _has_said_so  # noqa: PLW0603 once in a process
    urlconf = getattr(request, "urlconf", None)
    if isinstance(urlconf, str) and len(known_urlconfs) < _MOST_URLCONFS:
        known_urlconfs[urlconf] = None
    is_behind_front = hasattr(request, "tusbridge_body") or not isinstance(request, ASGIRequest)
    if not is_behind_front and not _has_said_so and request.method in {"PATCH", "POST"}:
        _has_said_so = True
        logger.warning("body-read-before-view", extra={"path": request.path})


def _dispatch(
    view: View,
    methods: tuple[str, ...],
    request: HttpRequest,
    fields: Fields,
    options: Options,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> HttpResponseBase:
    tus.check_framing(fields)
    check_host(request)
    if request.method == "OPTIONS":
        can_concat = get_store(options.STORAGE, options).supports_concat
        limits = Limits(max_length=options.MAX_LENGTH)
        trailers = has_trailers(getattr(request, "environ", None))
        offer = tus.render_options(
            limits, can_concat=can_concat, has_trailers=trailers, announced=options.EXTENSIONS
        )
        return respond(offer)
    # a browser's download names no version; every other request does
    if request.method != "GET" or "tus-resumable" in fields:
        tus.check_version(fields)
    methods = tus.known_methods(methods, options.EXTENSIONS)
    if request.method not in methods:
        raise MethodNotAllowed(methods)
    return view(request, *args, **kwargs)


class _AnyAlias(set[str]):
    """Every database: Django asks whether an alias is in here."""

    def __contains__(self, alias: object) -> bool:
        return True


def never_atomic(view: View) -> View:
    """The view, in no transaction, whatever ATOMIC_REQUESTS says: it would be held while a client
    sends."""
    view._non_atomic_requests = _AnyAlias()  # type: ignore[attr-defined]
    return view


def respond(answer: Answer) -> HttpResponse:
    """An answer as Django's response; without a body there is no Content-Type either."""
    response = HttpResponse(
        answer.body, status=answer.status, content_type="text/plain; charset=utf-8"
    )
    if answer.status in _REASONS:
        response.reason_phrase = _REASONS[answer.status]
    if not answer.body:
        del response["Content-Type"]
    if answer.status != 204:
        response["Content-Length"] = str(len(response.content))
    for name, value in answer.fields.items():
        response[name] = value
    return response


def error_response(request: HttpRequest, error: UploadError) -> HttpResponse:
    """The protocol's answer to an error; the only place where errors become responses."""
    options = get_options()
    answer = tus.render_error(
        error,
        request.method or "",
        gone_status=options.EXPIRED_STATUS,
        challenges=_challenges(request, error, options),
    )
    response = respond(answer)
    expires_at = getattr(request, "tusbridge_expires_at", None)
    if expires_at is not None:
        response["Upload-Expires"] = render_date(expires_at)
    response.tusbridge_error = error  # type: ignore[attr-defined]
    # Connection is the server's field, which plain WSGI forbids to set: the front does
    response.tusbridge_close = isinstance(error, AmbiguousBody)  # type: ignore[attr-defined]
    return response


def name_refused_host(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The protocol's answer in place of the bare 400 that a middleware's question for the host
    ends in; any other answer as it is."""
    if hasattr(response, "tusbridge_error"):
        return response
    try:
        check_host(request)
    except HostNotAllowed as error:
        response.close()
        return dress(request, error_response(request, error), get_options())
    return response


def _challenges(request: HttpRequest, error: UploadError, options: Options) -> tuple[str, ...]:
    if not isinstance(error, Unauthenticated):
        return ()
    return get_policy(options).challenges(request)


def internal_error(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer to what should not have been raised: a mistake of ours, or of the site's."""
    logger.error("internal-error", exc_info=error)
    return HttpResponse(
        "internal-error: the server made a mistake\n",
        status=423 if request.method == "HEAD" else 500,
        content_type="text/plain; charset=utf-8",
    )


def dress(request: HttpRequest, response: HttpResponseBase, options: Options) -> HttpResponseBase:
    """The fields that every answer carries."""
    response["Tus-Resumable"] = tus.VERSION
    response["X-Content-Type-Options"] = "nosniff"
    if request.method == "HEAD" and isinstance(response, HttpResponse):
        # private too, for the cache middleware of early Django 5.2 keeps whatever is not
        response["Cache-Control"] = "no-store, private"
        # what GET would be answered with, of which middleware would make a 0
        response.headers.setdefault("Content-Length", str(len(response.content)))
        if request.META.get("REQUEST_METHOD") != "HEAD":
            # an override: the answer to a POST has a body, an empty one
            response["Content-Length"] = "0"
        response.content = b""
    add_cors_fields(request, response, options)
    return response


def not_found(request: HttpRequest) -> HttpResponseBase:
    """Whatever lies below the mount point and is no upload's URL."""
    raise UploadNotFound
