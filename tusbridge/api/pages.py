"""The OpenAPI page and schema of an API, at any mount point, and fields for pages.

django-ninja's own views ask ``reverse`` where the API is, which fails below another namespace, and
load Swagger UI from another host where ninja is not an app of the site.
"""

import json
from functools import partial

from django.apps import apps
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.responses import Response

# Nothing comes from anywhere but here, and nothing runs or styles inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FIELDS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
_NO_PAGE = (
    "This page needs 'ninja' in INSTALLED_APPS, for the files of Swagger UI. The schema is at "
    "openapi.json.\n"
)


def protect(response: HttpResponseBase) -> None:
    """Add the fields that keep a page out of frames and foreign scripts out of it; those that a
    view has set stay."""
    for name, value in _FIELDS.items():
        response.headers.setdefault(name, value)


def documentation(api: NinjaAPI, prefix: str = "") -> list[URLPattern]:
    """URL patterns for ``docs`` and ``openapi.json`` of an API that is mounted at ``prefix`` below
    the same place."""
    return [
        path("docs", partial(_page, api), name="openapi-view"),
        path("openapi.json", partial(_schema, api, prefix), name="openapi-json"),
    ]


def _page(api: NinjaAPI, request: HttpRequest) -> HttpResponse:
    return require_safe(_render_page)(request, api)


def _schema(api: NinjaAPI, prefix: str, request: HttpRequest) -> HttpResponse:
    return require_safe(_render_schema)(request, api, prefix)


def _render_page(request: HttpRequest, api: NinjaAPI) -> HttpResponse:
    if apps.is_installed("ninja"):
        # relative to the page, for a proxy may change what is in front of it
        settings = {"layout": "BaseLayout", "deepLinking": True, "url": "openapi.json"}
        context = {"swagger_settings": json.dumps(settings), "api": api, "add_csrf": False}
        response = render(request, "ninja/swagger.html", context)
    else:
        response = HttpResponse(_NO_PAGE, status=404, content_type="text/plain; charset=utf-8")
    protect(response)
    return response


def _render_schema(request: HttpRequest, api: NinjaAPI, prefix: str) -> HttpResponse:
    mount = request.path.removesuffix("openapi.json").removeprefix("/")
    response: HttpResponse = Response(api.get_openapi_schema(path_prefix=f"{mount}{prefix}"))
    protect(response)
    return response
