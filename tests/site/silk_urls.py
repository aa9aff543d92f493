"""The site's URLs, and silk's pages."""

from django.urls import include, path

urlpatterns = [
    path("", include("tests.site.urls")),
    path("silk/", include("silk.urls", namespace="silk")),
]
