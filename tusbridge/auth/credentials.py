"""What the adapters share: from what a library found to an actor, or to the right refusal."""

from typing import Any, ClassVar

from django.http import HttpRequest

from tusbridge.afresh import active_user, has_run_out
from tusbridge.errors import Unauthenticated
from tusbridge.policy import Actor, Policy, user_database_errors


class CredentialsPolicy(Policy):
    """A policy whose users are found by another library."""

    takes_sessions = False
    # Header fields that hold credentials, by their names in ``request.META``.
    credential_fields: ClassVar[tuple[str, ...]] = ("HTTP_AUTHORIZATION",)

    def actor_of(self, user: Any) -> Actor:
        """:raises Unauthenticated: the user has been locked out."""
        if not getattr(user, "is_active", True):
            raise Unauthenticated
        return super().actor_of(user)

    def nobody(self, request: HttpRequest) -> Actor:
        """The actor when the library knew nobody. Whoever sent credentials meant to be somebody:
        with a token that ran out, an upload must not become nobody's.

        :raises Unauthenticated: credentials came, or ``ALLOW_ANONYMOUS`` is off.
        """
        if self.brings_credentials(request):
            raise Unauthenticated
        return self.anonymous()

    def recheck(self, request: HttpRequest, actor: Actor) -> Actor:
        """A JSON Web Token that runs out while a request sends was not revoked: the request may end
        as long as its user may log in."""
        try:
            return super().recheck(request, actor)
        except Unauthenticated:
            with user_database_errors():
                if not has_run_out(request) or active_user(actor.user_id) is None:
                    raise
        return actor

    def brings_credentials(self, request: HttpRequest) -> bool:
        """Whether a request whose user the library did not find has credentials."""
        comes = any(field in request.META for field in self.credential_fields)
        return comes or self.has_ended_session(request)


def is_user(found: Any) -> bool:
    """Whether this is a user that is logged in, as Django's and most libraries' are."""
    return getattr(found, "is_authenticated", False) is True and hasattr(found, "pk")
