"""A site with several URLconfs, of which middleware chooses one, as django-hosts does."""

import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import clear_url_caches
from django.views.decorators.csrf import csrf_exempt

from tusbridge import recognizing
from tusbridge.api import frame


@csrf_exempt
def page(request: HttpRequest, **captured: str) -> HttpResponse:
    """The site's own: answers with what came."""
    return HttpResponse(request.body, headers={"X-Page": request.path})


def by_host(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Middleware: X-Urls names the URLconf, X-Closed is refused."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if host := request.headers.get("X-Urls"):
            request.urlconf = host  # type: ignore[attr-defined]
        if request.headers.get("X-Closed"):
            return HttpResponse("closed", status=403)
        return get_response(request)

    return middleware


def set_urlconfs(
    monkeypatch: pytest.MonkeyPatch, settings: Any, confs: Mapping[str, Sequence[Any]]
) -> None:
    """Patterns by URLconf; ``root_urls`` is the site's. None of them has been seen yet."""
    site = ModuleType("site_middleware")
    site.by_host = by_host  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "site_middleware", site)
    for name, patterns in confs.items():
        module = ModuleType(name)
        module.urlpatterns = patterns  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    settings.ROOT_URLCONF = "root_urls"
    settings.MIDDLEWARE = [
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.common.CommonMiddleware",
        "site_middleware.by_host",
    ]
    monkeypatch.setattr(frame, "known_urlconfs", {})
    monkeypatch.setattr(recognizing, "known_urlconfs", frame.known_urlconfs)
    clear_url_caches()
