"""The site's URLs, and the toolbar's."""

from debug_toolbar.toolbar import debug_toolbar_urls
from django.urls import include, path

urlpatterns = [path("", include("tests.site.urls")), *debug_toolbar_urls()]
