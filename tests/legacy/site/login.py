"""Who is logged in: the user that X-Test-User names, for logging in is not what is tested here."""

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseBase

# Below this path a request has no `user`, as in a site without the middleware that sets it.
WITHOUT_USER = "/without-user/"


def login_by_header(
    answer: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(WITHOUT_USER):
            request.user = _user(request.META.get("HTTP_X_TEST_USER", ""))
        return answer(request)

    return middleware


def _user(name: str) -> object:
    if not name:
        return AnonymousUser()
    return get_user_model().objects.get_or_create(username=name)[0]
