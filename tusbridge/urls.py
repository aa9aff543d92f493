"""``urlpatterns += mount("files/")``, or ``path("files/", include("tusbridge.urls"))``."""

from typing import Any

from django.urls import URLPattern, URLResolver, include, path, re_path

from tusbridge.api.frame import framed, not_found
from tusbridge.api.tus import api
from tusbridge.protocol.tus import COLLECTION_METHODS, UPLOAD_METHODS

app_name = "tusbridge"

# ninja gives each operation a pattern of its own; those of one path share a view
_views: dict[Any, Any] = {
    pattern.name: pattern.callback for pattern in api.urls[0] if isinstance(pattern, URLPattern)
}

uploads = framed(_views["create"], COLLECTION_METHODS)
upload = framed(_views["head"], UPLOAD_METHODS)

urlpatterns = [
    path("", uploads, name="uploads"),
    path("<upload_id>", upload, name="upload"),
    # a path that is none of ours gets the protocol's 404, with its fields, and not the site's
    re_path(r"^[\s\S]+$", framed(not_found, UPLOAD_METHODS)),
]


def mount(route: str) -> list[URLResolver]:
    """The URLs below ``route``, as in ``urlpatterns += mount("files/")``.

    Beside ``/files/``, ``/files`` creates uploads as well: clients ask for it, and Django's answer
    would be a redirect that loses a POST.
    """
    route = route.rstrip("/")
    bare = include(([path("", uploads)], app_name), namespace=f"{app_name}-bare")
    below = path(f"{route}/" if route else "", include("tusbridge.urls"))
    return [below, path(route, bare)] if route else [below]
