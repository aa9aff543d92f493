"""The tests' site: uploads below /files/, as the README says, and chunks of forms."""

from django.urls import include, path

urlpatterns = [
    path("files/", include("tusbridge.urls")),
    path("legacy/", include("legacy.urls")),
]
