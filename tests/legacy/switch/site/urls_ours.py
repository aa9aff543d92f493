"""The same pages, and tus for the same uploads."""

from django.urls import include, path
from urls import urlpatterns as pages

urlpatterns = [*pages, path("files/", include("tusbridge.urls"))]
