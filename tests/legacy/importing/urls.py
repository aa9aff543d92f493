"""Both protocols over the site's upload model."""

from django.urls import include, path

urlpatterns = [
    path("files/", include("tusbridge.urls")),
    path("legacy/", include("legacy.urls")),
]
