"""The server's URLs."""

from django.contrib import admin
from django.urls import URLPattern, include, path

from tusbridge.api.tus import api
from tusbridge.server import views
from tusbridge.server.config import ADMIN_PATH
from tusbridge.urls import mount

admin.site.site_header = admin.site.site_title = "tusbridge"
admin.site.index_title = "Uploads and access"
admin.site.site_url = "/"

# ninja's own page and schema, below their usual names at the root
_patterns = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern)]
_documentation = [p for p in _patterns if p.name in ("openapi-json", "openapi-view")]
# the schema asks where the API is mounted
_root = [p for p in _patterns if p.name == "api-root"]

urlpatterns = [
    path("", views.index, name="index"),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("legacy/", views.legacy, name="legacy"),
    *mount("files/"),
    path("legacy/", include("legacy.urls")),
    path(ADMIN_PATH.removeprefix("/"), admin.site.urls),
    path(
        "",
        include(([*_documentation, path("files/", include(_root))], "ninja"), api.urls_namespace),
    ),
]
