"""What every request passes, and Django's middleware for the admin and for nothing else.

Uploads have no use for sessions, and must not pay for them: on any other path each of these is one
comparison. So cookies mean nothing there either, and a page elsewhere cannot borrow an
administrator's.
"""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.deprecation import MiddlewareMixin

from tusbridge.api.frame import dress, error_response
from tusbridge.api.hosts import check_host
from tusbridge.api.pages import protect
from tusbridge.conf import get_options
from tusbridge.errors import HostNotAllowed
from tusbridge.server.config import ADMIN_PATH
from tusbridge.server.views import PROBES

# Nothing comes from anywhere but here, and nothing runs or styles inline.
_FIELDS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    # over TLS, Django compares where a form comes from
    "Referrer-Policy": "same-origin",
}


def is_admin(request: HttpRequest) -> bool:
    """Whether the request is for the admin."""
    return request.path_info.startswith(ADMIN_PATH)


class Hosts(MiddlewareMixin):
    """Before all others: the probes answer under any host name, for what asks them knows an address
    only; any other request under a name that is not allowed is refused."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        probe = PROBES.get(request.path_info)
        if probe is not None:
            return probe(request)
        try:
            check_host(request)
        except HostNotAllowed as error:
            response = dress(request, error_response(request, error), get_options())
            protect(response)
            return response
        return None


class PageFields(MiddlewareMixin):
    """Fields of every answer that has none of its own: pages, errors and static files alike."""

    # answers to uploads have their own
    passes_uploads_by = True

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if "X-Content-Type-Options" not in response.headers:
            protect(response)
        return response


class _AdminOnly(MiddlewareMixin):
    """Other paths pass the middleware by, under both kinds of handlers."""

    # what looks for middleware that uploads go through need not look at this
    passes_uploads_by = True

    def __call__(self, request: HttpRequest) -> Any:
        # under the asynchronous handler both give what is awaited
        return super().__call__(request) if is_admin(request) else self.get_response(request)


class AdminFields(_AdminOnly):
    """Fields of every answer of the admin, and cookies that stay on TLS where they came by it."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        for name, value in _FIELDS.items():
            response.headers.setdefault(name, value)
        # the proxy's word: a client that makes it up has stricter cookies of its own
        proxied = request.META.get("HTTP_X_FORWARDED_PROTO", "")
        if request.is_secure() or proxied.lower() == "https":
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response


class AdminSession(_AdminOnly, SessionMiddleware):
    """Sessions."""


class AdminAuthentication(_AdminOnly, AuthenticationMiddleware):
    """Who is logged in."""


class AdminMessages(_AdminOnly, MessageMiddleware):
    """What an action has to say."""


class AdminCsrf(_AdminOnly, CsrfViewMiddleware):
    """Tokens against forms of other sites."""

    def process_view(self, request: HttpRequest, *args: Any) -> Any:
        return super().process_view(request, *args) if is_admin(request) else None
