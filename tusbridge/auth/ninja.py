"""django-ninja's authentication: ``HttpBearer``, ``APIKeyHeader``, ``django_auth`` and the like."""

import inspect
from collections.abc import Callable, Container, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from ninja.errors import HttpError

from tusbridge.auth.credentials import CredentialsPolicy, is_user
from tusbridge.conf import Options
from tusbridge.errors import Forbidden, Unauthenticated
from tusbridge.policy import Actor, user_database_errors
from tusbridge.same_origin import without_form

Callback = Callable[[HttpRequest], Any]


class NinjaAuthPolicy(CredentialsPolicy):
    """Whoever one of ``auth`` knows. Set it in a subclass: one callable or several, tried in
    turn, as ``NinjaAPI(auth=...)`` takes them; a class is called without arguments first.

    Those that look at cookies ask for a CSRF token with every request that changes something, as
    they do in ninja.
    """

    auth: ClassVar[Any] = ()

    def __init__(self, options: Options) -> None:
        """:raises ImproperlyConfigured: ``auth`` is empty, not callable, or asynchronous."""
        super().__init__(options)
        self._callbacks = _callbacks_of(type(self))  # type: ignore[arg-type]  # classes can be hashed

    @property
    def checks_csrf_tokens(self) -> bool:
        """Whether cookies are among the credentials, and Django's CSRF check goes with them."""
        return any(getattr(callback, "csrf", False) for callback in self._callbacks)

    @property
    def takes_sessions(self) -> bool:  # type: ignore[override]
        """Whether one of ``auth`` looks at the session, as ``django_auth`` does."""
        return any(_is_of_session(callback) for callback in self._callbacks)

    def brings_credentials(self, request: HttpRequest) -> bool:
        """Also the keys that ninja's classes look at, in a field, the query or a cookie."""
        keys = (found for found in self._callbacks if not _is_of_session(found))
        return super().brings_credentials(request) or any(_has_key(key, request) for key in keys)

    def authenticate(self, request: HttpRequest) -> Actor:
        """Who one of ``auth`` says it is."""
        for callback in self._callbacks:
            before = getattr(request, "user", None)
            with user_database_errors():
                found = self._ask(callback, request)
                if found:
                    after = getattr(request, "user", None)
                    return self._actor(found, None if after is before else after)
        return self.nobody(request)

    def challenges(self, request: HttpRequest) -> tuple[str, ...]:
        """The scheme of each of ``auth``, by what ninja documents of it."""
        return tuple(dict.fromkeys(map(_challenge_of, self._callbacks)))

    def user_of(self, found: Any) -> Any:
        """The user behind what a callable gave: that itself, or its ``user``. Override it where
        a callable gives something else; None where there is none."""
        for candidate in (found, getattr(found, "user", None)):
            if is_user(candidate):
                return candidate
        return None

    def _actor(self, found: Any, set_by_callback: Any) -> Actor:
        """``request.user`` counts only if the callable has set it: the session's user must not
        act because somebody's key was right."""
        user = self.user_of(found) or set_by_callback
        if not is_user(user):
            raise ImproperlyConfigured(
                f"{type(self).__name__}.auth gave a {type(found).__name__}, which is no user; "
                "override user_of"
            )
        return self.actor_of(user)

    def _ask(self, callback: Callback, request: HttpRequest) -> Any:
        try:
            with without_form(request):
                found = callback(request)
        except HttpError as error:
            if error.status_code == HTTPStatus.UNAUTHORIZED:
                raise Unauthenticated from error
            if error.status_code == HTTPStatus.FORBIDDEN:
                raise Forbidden(error.message) from error
            raise
        if inspect.iscoroutine(found):
            found.close()
            raise ImproperlyConfigured(_asynchronous(callback))
        return found


@lru_cache(maxsize=16)
def _callbacks_of(policy: Any) -> tuple[Callback, ...]:
    auth = policy.auth  # from the class, where a function is not a method yet
    listed = auth if isinstance(auth, Sequence) else (auth,)
    callbacks = tuple(item() if isinstance(item, type) else item for item in listed)
    if not callbacks:
        raise ImproperlyConfigured(f"{policy.__name__}.auth is empty: nobody could upload")
    for callback in callbacks:
        if not callable(callback):
            raise ImproperlyConfigured(f"{policy.__name__}.auth: {callback!r} cannot be called")
        if _is_asynchronous(callback):
            raise ImproperlyConfigured(f"{policy.__name__}.auth: {_asynchronous(callback)}")
    return callbacks


def _is_of_session(callback: Any) -> bool:
    return getattr(callback, "param_name", "") == settings.SESSION_COOKIE_NAME


def _has_key(callback: Any, request: HttpRequest) -> bool:
    """Whether what the callable looks at came, as far as ninja's own classes say what that is."""
    sources: dict[Any, Container[str]] = {
        "header": request.headers,
        "query": request.GET,
        "cookie": request.COOKIES,
    }
    named = getattr(callback, "param_name", None)
    is_there = bool(named) and named in sources.get(getattr(callback, "openapi_in", None), ())
    header = getattr(callback, "header", None)
    return is_there or (isinstance(header, str) and header in request.headers)


def _challenge_of(callback: Callback) -> str:
    scheme = getattr(callback, "openapi_scheme", None)
    if scheme is not None:
        # Basic asks for a realm (RFC 7617, 2)
        return 'Basic realm="uploads"' if scheme == "basic" else str(scheme).capitalize()
    where = getattr(callback, "openapi_in", None)
    if where is not None:
        return "Session" if where == "cookie" else "ApiKey"
    return "Bearer"


def _is_asynchronous(callback: Callback) -> bool:
    parts = (callback, type(callback).__call__, getattr(callback, "authenticate", None))
    return any(inspect.iscoroutinefunction(part) for part in parts)


def _asynchronous(callback: Callback) -> str:
    name = getattr(callback, "__name__", type(callback).__name__)
    return f"{name} is asynchronous, and uploads are served by threads; write it without async"
