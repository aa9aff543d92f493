"""django-allauth's headless API: the session token that apps send, or a browser's session."""

from typing import Any, ClassVar

from allauth.headless.contrib.ninja.security import x_session_token_auth
from django.http import HttpRequest

from tusbridge.auth.ninja import NinjaAuthPolicy
from tusbridge.policy import Actor, Policy


class AllauthHeadlessPolicy(NinjaAuthPolicy):
    """The user of ``X-Session-Token`` (allauth's client "app"); without that field the one of the
    session (its client "browser"), under the same rules as in any Django site."""

    auth: ClassVar[Any] = x_session_token_auth
    takes_sessions = True
    credential_fields: ClassVar[tuple[str, ...]] = ("HTTP_AUTHORIZATION", "HTTP_X_SESSION_TOKEN")

    def challenges(self, request: HttpRequest) -> tuple[str, ...]:
        """A session, by its token or its cookie."""
        return Policy.challenges(self, request)

    def nobody(self, request: HttpRequest) -> Actor:
        """The session's user, where no credentials came."""
        if any(field in request.META for field in self.credential_fields):
            return super().nobody(request)
        return Policy.authenticate(self, request)
