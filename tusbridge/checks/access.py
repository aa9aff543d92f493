"""Who may upload, and from which pages."""

from collections.abc import Iterator

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured

from tusbridge.checks import catalogue, middleware
from tusbridge.conf import Options
from tusbridge.origins import normalise_origin
from tusbridge.policy import Policy, get_policy
from tusbridge.same_origin import is_in_trusted_origins


def check_policy(options: Options) -> Iterator[CheckMessage]:
    """Whether the policy can be made."""
    try:
        get_policy(options)
    except ImproperlyConfigured as error:
        yield catalogue.NO_POLICY(why=error)
    except Exception as error:  # noqa: BLE001 whatever the site's module raises while it is imported
        why = f"TUSBRIDGE['POLICY'] = {options.POLICY!r} cannot be imported: {error!r}"
        yield catalogue.NO_POLICY(why=why)


def check_users(options: Options) -> Iterator[CheckMessage]:
    """Whether anybody could log in, where somebody has to."""
    if _needs_session(options) and not middleware.finds_users():
        yield catalogue.NO_USERS()


def check_origins(options: Options) -> Iterator[CheckMessage]:
    """Whether pages of the listed origins can upload."""
    needs_session = _needs_session(options)
    checks_tokens = getattr(_policy(options), "checks_csrf_tokens", False)
    for origin in options.CORS_ORIGINS:
        if why := _what_is_wrong_with(origin):
            yield catalogue.WRONG_ORIGIN(value=origin, why=why)
        elif "*" in origin or origin == "null":
            if needs_session:
                yield catalogue.ORIGIN_WITHOUT_COOKIES(value=origin)
        elif checks_tokens and not is_in_trusted_origins(origin):
            yield catalogue.UNTRUSTED_ORIGIN(value=origin)


def check_anonymous(options: Options) -> Iterator[CheckMessage]:
    """Whether the id is the secret, where it need not be (R45)."""
    if options.ALLOW_ANONYMOUS and middleware.finds_users():
        yield catalogue.ANONYMOUS()


def check_location(options: Options) -> Iterator[CheckMessage]:
    """Whether Location is what the site is really called (R31)."""
    if options.ABSOLUTE_LOCATION is not True:
        return
    if "*" in settings.ALLOWED_HOSTS:
        yield catalogue.FORGED_LOCATION()
    if not settings.SECURE_PROXY_SSL_HEADER:
        yield catalogue.PLAIN_LOCATION()


def _policy(options: Options) -> Policy | None:
    return None if list(check_policy(options)) else get_policy(options)


def _needs_session(options: Options) -> bool:
    """Whether nobody can upload but the user of a session."""
    policy = _policy(options)
    takes_sessions_only = policy and type(policy).authenticate is Policy.authenticate
    return bool(takes_sessions_only) and not options.ALLOW_ANONYMOUS


def _what_is_wrong_with(origin: str) -> str:
    try:
        normalise_origin(origin)
    except ValueError as error:
        return str(error)
    return ""
