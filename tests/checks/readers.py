"""Middleware of many kinds: some read bodies before the view, some behind it, some not at all."""

import logging
from typing import Any

from django.utils.deprecation import MiddlewareMixin

logger = logging.getLogger("audit")


def plainly(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        logger.info("%s %s", request.path, request.body)
        return get_response(request)

    return middleware


def _note(request: Any) -> None:
    logger.info("%s", request.read(100))


def by_function(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        _note(request)
        return get_response(request)

    return middleware


class ByMethod:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        self.note(request)
        return self.get_response(request)

    def note(self, request: Any) -> None:
        self.size = len(getattr(request, "body", b""))


class Inherited(ByMethod):
    pass


class OldStyle(MiddlewareMixin):
    def process_request(self, request: Any) -> None:
        self.started = request.META["wsgi.input"].read()


class InProcessView(MiddlewareMixin):
    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> None:
        self.lines = request.readlines()


READERS = {
    "plainly": "body",
    "by_function": "read()",
    "ByMethod": "body",
    "Inherited": "body",
    "OldStyle": "wsgi.input",
    "InProcessView": "readlines()",
}


class Behind:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        response = self.get_response(request)
        logger.info("%s", request.body)
        return response


class InProcessResponse(MiddlewareMixin):
    def process_response(self, request: Any, response: Any) -> Any:
        logger.info("%s", request.body)
        return response


class OfTheResponse(MiddlewareMixin):
    def process_request(self, request: Any) -> None:
        self.body = b""
        self.fields = request.POST, request.GET, request.headers

    def process_response(self, request: Any, response: Any) -> Any:
        logger.info("%s", response.body)
        return response


def never(get_response: Any) -> Any:
    return get_response


OTHERS = ("Behind", "InProcessResponse", "OfTheResponse", "never")
