"""Uploads at several places: as ever, behind a language, behind a captured name."""

from django.urls import include, path

urlpatterns = [
    path("files/", include("tusbridge.urls")),
    path("legacy/", include("legacy.urls")),
]
