"""The check against forged forms, where the form's own field is read as the bytes come.

Django's middleware would parse the whole form, file and all, before the view is asked. A view that
reads its form by itself (:class:`CheckedLater`) is passed by, and checks by the same middleware
once the token is there.
"""

import functools
import inspect
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.datastructures import MultiValueDict

from legacy.exceptions import ChunkedUploadError


class CheckedLater:
    """A view that Django's middleware passes by, and that makes the check itself.

    The mark is the class's, so that a decorator, which takes over what is the view's own, does not
    take it over: of a view that is wrapped in anything the middleware judges as of any other.
    """

    def __init__(self, view: Any) -> None:
        functools.update_wrapper(self, view)
        self._view = view

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._view(request, *args, **kwargs)

    @property
    def csrf_exempt(self) -> bool:
        """True for the middleware, the site's or one that a decorator such as ``csrf_protect``
        brings along, which looks at this before it judges a request. The request then owes the
        check by that very middleware. False for all others: they check at once."""
        frame = inspect.currentframe()
        asking = frame.f_back.f_locals if frame and frame.f_back else {}
        middleware, request = asking.get("self"), asking.get("request")
        if not (isinstance(middleware, CsrfViewMiddleware) and isinstance(request, HttpRequest)):
            return False
        request.tusbridge_csrf = middleware  # type: ignore[attr-defined]
        return True


class CsrfRefused(ChunkedUploadError):
    """The token is missing or wrong; ``response`` is what the site answers to that."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(status=response.status_code)
        self.response = response


def is_open(request: HttpRequest) -> bool:
    """Whether the check was put off, and is to be made by the view."""
    is_done = getattr(request, "csrf_processing_done", False)
    return hasattr(request, "tusbridge_csrf") and not is_done


def check(request: HttpRequest, fields: QueryDict) -> None:
    """Check the request by its header, or by the form's fields so far.

    :raises CsrfRefused: neither has the token.
    """
    middleware: CsrfViewMiddleware = request.tusbridge_csrf  # type: ignore[attr-defined]
    with read_as(request, fields):
        response = middleware.process_view(request, _checked, (), {})
    if response is not None:
        raise CsrfRefused(response)


def has_token(request: HttpRequest, fields: QueryDict) -> bool:
    """Whether the check can be made now."""
    is_in_header = settings.CSRF_HEADER_NAME in request.META
    return is_in_header or "csrfmiddlewaretoken" in fields


class read_as:  # noqa: N801 used as a block
    """In the block the request has these form fields and files."""

    def __init__(
        self, request: Any, fields: QueryDict, files: dict[str, list[Any]] | None = None
    ) -> None:
        self._request = request
        self._fields = fields
        self._files = files or {}

    def __enter__(self) -> None:
        request = self._request
        self._former = {name: request.__dict__.get(name) for name in ("_post", "_files")}
        request._post, request._files = self._fields, MultiValueDict(self._files)

    def __exit__(self, *_: object) -> None:
        for name, value in self._former.items():
            if value is None:
                delattr(self._request, name)
            else:
                setattr(self._request, name, value)


def _checked(request: HttpRequest) -> HttpResponse:
    raise AssertionError("stands for a view that is not exempt")
