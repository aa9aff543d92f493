"""``path("files/", include("tusbridge.urls"))``."""

from typing import Any

from django.urls import URLPattern, path, re_path

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
