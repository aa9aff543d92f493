"""``path("legacy/", include("legacy.urls"))``: the router over the site's upload model."""

from django.urls import URLPattern, include, path

from legacy.api import api, complete, upload

app_name = "tusbridge_legacy"

# ninja's own page and schema; the operations are mounted as they are, without what ninja adds
_documentation = [
    pattern
    for pattern in api.urls[0]
    if isinstance(pattern, URLPattern) and pattern.name in {"openapi-json", "openapi-view"}
]
_root = [p for p in api.urls[0] if isinstance(p, URLPattern) and p.name == "api-root"]

urlpatterns = [
    path("upload/", upload, name="upload"),
    path("complete/", complete, name="complete"),
    # Django would answer these with a redirect that loses a POST
    path("upload", upload),
    path("complete", complete),
    path("", include(([*_documentation, *_root], "ninja"), api.urls_namespace)),
]
