"""The tests' site: uploads below /files/, as the README says."""

from django.urls import include, path

urlpatterns = [path("files/", include("tusbridge.urls"))]
