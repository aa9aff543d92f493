"""The server's URLs."""

from django.contrib import admin
from django.urls import include, path

from tusbridge.api.pages import documentation
from tusbridge.api.tus import api
from tusbridge.server import views
from tusbridge.server.config import ADMIN_PATH
from tusbridge.urls import mount

admin.site.site_header = admin.site.site_title = "tusbridge"
admin.site.index_title = "Uploads and access"
admin.site.site_url = "/"

urlpatterns = [
    path("", views.index, name="index"),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("legacy/", views.legacy, name="legacy"),
    *mount("files/"),
    path("legacy/", include("legacy.urls")),
    path(ADMIN_PATH.removeprefix("/"), admin.site.urls),
    *documentation(api, prefix="files/"),
]
