"""Who a request to the runnable server comes from: a bearer token, or nobody in particular."""

from django.http import HttpRequest

from tusbridge.errors import Unauthenticated
from tusbridge.policy import Actor, Policy
from tusbridge.rows import database_errors
from tusbridge.server.models import AccessToken, digest_of
from tusbridge.server.settings import CONFIG


class TokenPolicy(Policy):
    """A token's user sees the own uploads only. Without a token: as ``Policy.anonymous`` says."""

    def authenticate(self, request: HttpRequest) -> Actor:
        kind, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not kind:
            return self._nobody(request)
        if kind.lower() != "bearer" or not token.strip().isascii():
            raise Unauthenticated
        with database_errors("default"):
            user_id = (
                AccessToken.objects.filter(digest=digest_of(token.strip()), user__is_active=True)
                .values_list("user_id", flat=True)
                .first()
            )
        if user_id is None:
            raise Unauthenticated
        return Actor(user_id=user_id)

    def _nobody(self, request: HttpRequest) -> Actor:
        """Loopback stands for "this machine" only while no proxy brings others in."""
        is_forwarded = "HTTP_X_FORWARDED_FOR" in request.META
        if is_forwarded and not CONFIG.allow_anonymous:
            raise Unauthenticated
        return self.anonymous()
