"""Uploads, and allauth's headless API."""

from django.urls import include, path

urlpatterns = [
    path("files/", include("tusbridge.urls")),
    path("_allauth/", include("allauth.headless.urls")),
]
