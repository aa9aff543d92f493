"""The site of the attach example: uploads, and a page whose form takes one."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from tests.gallery.forms import add_video


def videos(request: HttpRequest) -> HttpResponse:
    return HttpResponse("videos")


urlpatterns = [
    path("files/", include("tusbridge.urls")),
    path("videos/add", add_video),
    path("videos", videos, name="videos"),
]
