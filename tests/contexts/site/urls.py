"""Uploads as ever, behind a language, and behind a captured name."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path

urlpatterns = [
    path("files/", include("tusbridge.urls")),
    path("legacy/", include("legacy.urls")),
    path("<slug:team>/files/", include("tusbridge.urls")),
    *i18n_patterns(path("up/", include("tusbridge.urls"))),
]
