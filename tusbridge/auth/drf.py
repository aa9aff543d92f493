"""Django REST framework's authentication classes."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.request import Request
from rest_framework.settings import api_settings

from tusbridge.auth.credentials import CredentialsPolicy, is_user
from tusbridge.errors import Forbidden, Unauthenticated
from tusbridge.policy import Actor, user_database_errors
from tusbridge.same_origin import without_form


class DRFPolicy(CredentialsPolicy):
    """Whoever one of the authentication classes knows: those of ``REST_FRAMEWORK`` in the site's
    settings, or of a subclass' ``authentication_classes``.

    ``SessionAuthentication`` asks for a CSRF token with every request that changes something, as
    it does in a view of REST framework.
    """

    authentication_classes: ClassVar[Sequence[type] | None] = None

    @property
    def classes(self) -> Sequence[type]:
        """The authentication classes, tried in turn."""
        if self.authentication_classes is not None:
            return self.authentication_classes
        return list(api_settings.DEFAULT_AUTHENTICATION_CLASSES)

    @property
    def checks_csrf_tokens(self) -> bool:
        """Whether sessions are among the credentials, and Django's CSRF check goes with them."""
        return any(issubclass(cls, SessionAuthentication) for cls in self.classes)

    @property
    def takes_sessions(self) -> bool:  # type: ignore[override]
        """Whether sessions are among the credentials."""
        return self.checks_csrf_tokens

    def authenticate(self, request: HttpRequest) -> Actor:
        """Who one of the classes says it is."""
        user = self._user_of(request)
        return self.actor_of(user) if is_user(user) else self.nobody(request)

    def challenges(self, request: HttpRequest) -> tuple[str, ...]:
        """What the classes say themselves; sessions say nothing."""
        wrapped = _BodilessRequest(request)
        said = (cls().authenticate_header(wrapped) for cls in self.classes)
        return tuple(dict.fromkeys(filter(None, said))) or super().challenges(request)

    def _user_of(self, request: HttpRequest) -> Any:
        try:
            with without_form(request), user_database_errors():
                authenticators = [cls() for cls in self.classes]
                return _BodilessRequest(request, authenticators=authenticators).user
        except (AuthenticationFailed, NotAuthenticated) as error:
            raise Unauthenticated from error
        except PermissionDenied as error:
            raise Forbidden(str(error.detail)) from error


class _BodilessRequest(Request):  # type: ignore[misc]  # REST framework has no types
    """For classes that look at ``data`` or ``POST``: the body is the upload's, and left to it."""

    @property
    def stream(self) -> None:
        """Nothing to parse."""
        return None
