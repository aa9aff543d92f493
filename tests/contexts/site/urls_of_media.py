"""Uploads alone."""

from django.urls import include, path

urlpatterns = [path("up/", include("tusbridge.urls"))]
