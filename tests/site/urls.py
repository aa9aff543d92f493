"""The site's uploads, and pages that answer before they look at a body."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_protect


def answer(request: HttpRequest, status: int) -> HttpResponse:
    """As a login's redirect does, or a page that has no such method."""
    return HttpResponse("no\n", status=status)


@csrf_protect
def protected(request: HttpRequest) -> HttpResponse:
    return HttpResponse("yes\n")


urlpatterns = [
    path("", include("tests.urls")),
    path("answer/<int:status>/", answer),
    path("protected/", protected),
]
