"""A request's user as the database has it now, for requests that run for long.

What middleware found when the request came in is kept on the request: the session, its user. By
the time that an upload of hours has sent its last byte, the user may have logged out.
"""

import base64
import json
import time
from copy import copy
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user, get_user_model
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject


def afresh(request: HttpRequest) -> Any:
    """A copy of the request whose session and user are looked up again."""
    again: Any = copy(request)
    for kept in ("_cached_user", "_acached_user"):
        again.__dict__.pop(kept, None)
    session = getattr(request, "session", None)
    if session is not None:
        again.session = type(session)(session.session_key)
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return again
    if session is not None and SESSION_KEY in session:
        again.user = SimpleLazyObject(lambda: get_user(again))
    else:
        from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415 needs Django's app

        again.user = active_user(user.pk) or AnonymousUser()
    return again


def active_user(key: Any) -> Any:
    """The user of that primary key; None if there is none any more, or they are locked out."""
    user = get_user_model()._base_manager.filter(pk=key).first()
    return user if user is not None and getattr(user, "is_active", True) else None


def has_run_out(request: HttpRequest) -> bool:
    """Whether the request's bearer token is a JSON Web Token (RFC 7519) whose time is over. Its
    signature is not looked at: the token was accepted when the request came."""
    parts = request.META.get("HTTP_AUTHORIZATION", "").split(" ")[-1].split(".")
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
        return len(parts) == 3 and float(claims["exp"]) <= time.time()
    except (ValueError, TypeError, KeyError, IndexError):
        return False
