"""Who is logged in: the user that X-Test-User names, for logging in is not what is tested here."""

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponseBase

# Below this path a request has no `user`, as in a site without the middleware that sets it.
WITHOUT_USER = "/without-user/"


def login_by_header(
    answer: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        name = request.META.get("HTTP_X_TEST_USER", "")
        if request.path.startswith(WITHOUT_USER):
            del request.user
        elif name:
            request.user = get_user_model().objects.get_or_create(username=name)[0]
        return answer(request)

    return middleware
