"""Middleware that reads bodies, in the manner that a request names, before or behind its view."""

import contextlib
import io
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase, RawPostDataException


def _swap(request: Any) -> None:
    """As recipes have it: what is read is put back."""
    request._stream = io.BytesIO(request.read())


def _caught(request: HttpRequest) -> None:
    with contextlib.suppress(Exception):
        request.body  # noqa: B018


def _all(request: Any) -> None:
    """Everything that one might ask for, as debugging pages do."""
    for ask in (lambda: request.POST, lambda: request.FILES, lambda: request.body):
        with contextlib.suppress(RawPostDataException):
            ask()


MANNERS: dict[str, Callable[[Any], Any]] = {
    "": lambda request: None,
    "body": lambda request: request.body,
    "caught": _caught,
    "post": lambda request: request.POST,
    "files": lambda request: request.FILES,
    "all": _all,
    "nothing": lambda request: request.read(0),
    "swap": _swap,
    # read, and thrown away
    "read": lambda request: request.read(),
    "peek": lambda request: request.read(10),
    "line": lambda request: request.readline(),
    "lines": lambda request: request.readlines(),
    "iterate": lambda request: next(iter(request)),
    "input": lambda request: request.environ["wsgi.input"].read(10),
    "input-line": lambda request: request.environ["wsgi.input"].readline(),
}
HARMLESS = ("body", "caught", "post", "files", "all", "nothing", "swap")
LOSING = ("read", "peek", "line", "lines", "iterate", "input", "input-line")


def reads_as_told(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """``X-Read`` before the view, ``X-Read-After`` behind it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        MANNERS[request.META.get("HTTP_X_READ", "")](request)
        response = get_response(request)
        MANNERS[request.META.get("HTTP_X_READ_AFTER", "")](request)
        return response

    return middleware
