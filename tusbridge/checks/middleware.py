"""The site's middleware, as checks look at it."""

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.utils.module_loading import import_string


def classes() -> Iterator[type]:
    """The classes in their order."""
    for _, cls in named_classes():
        yield cls


def named_classes() -> Iterator[tuple[str, type]]:
    """With their dotted paths. What cannot be imported is for Django to complain about."""
    for path in settings.MIDDLEWARE:
        try:
            found = import_string(path)
        except ImportError:
            continue
        if isinstance(found, type):
            yield path, found


def has(wanted: type) -> bool:
    """Whether this class or one derived from it is there."""
    return any(issubclass(cls, wanted) for cls in classes())


def finds_users() -> bool:
    """Whether requests have the user of their session."""
    has_session = False
    for cls in classes():
        has_session = has_session or issubclass(cls, SessionMiddleware)
        if issubclass(cls, AuthenticationMiddleware):
            return has_session
    return False
