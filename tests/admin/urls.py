"""A site with the admin, and uploads."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("files/", include("tusbridge.urls")), path("admin/", admin.site.urls)]
