"""Who a request to the site comes from: whoever it says, for two users are all the tests need."""

from django.contrib.auth import get_user_model
from django.http import HttpRequest

from tusbridge.policy import Actor, Policy


class TestUserPolicy(Policy):
    """The user that X-Test-User names; without the field, as ever."""

    __test__ = False

    def authenticate(self, request: HttpRequest) -> Actor:
        name = request.META.get("HTTP_X_TEST_USER", "")
        if not name:
            return super().authenticate(request)
        user, _ = get_user_model().objects.get_or_create(username=name)
        return Actor(user_id=user.pk)
