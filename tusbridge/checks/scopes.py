"""What an upload's work in other threads finds of its request."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from tusbridge.checks import catalogue, middleware
from tusbridge.conf import Options

_TENANTS = "tusbridge.scopes.django_tenants"
_TENANTS_ENGINE = "django_tenants.postgresql_backend"
# Middleware that keeps a request's state in its thread, or on the thread's connection. What keeps
# it in context variables or asgiref's locals, as django-simple-history does, is carried as it is.
_THREAD_BOUND = {
    "crum.CurrentRequestUserMiddleware": "django-crum",
    "cuser.middleware.CuserMiddleware": "django-cuser",
    "django_currentuser.middleware.ThreadLocalUserMiddleware": "django-currentuser",
    "threadlocals.middleware.ThreadLocalMiddleware": "django-threadlocals",
    "pghistory.middleware.HistoryMiddleware": "django-pghistory",
    "auditlog.middleware.AuditlogMiddleware": "django-auditlog",
    "django_middleware_global_request.middleware.GlobalRequestMiddleware": (
        "django-middleware-global-request"
    ),
    "django_multitenant.middlewares.MultitenantMiddleware": "django-multitenant",
}


def check_scopes(options: Options) -> Iterator[CheckMessage]:
    """Whether the scopes can be entered."""
    for path in options.REQUEST_SCOPES:
        if why := _what_is_wrong_with(path):
            yield catalogue.NO_SCOPE(value=path, why=why)


def check_thread_bound(options: Options) -> Iterator[CheckMessage]:
    """Whether a package that keeps the request in its thread has a scope."""
    for path, package in _thread_bound():
        if path not in options.REQUEST_SCOPES:
            yield catalogue.THREAD_BOUND(package=package, scope=path)
    engines = {alias["ENGINE"] for alias in settings.DATABASES.values()}
    tenants = [path for path in options.REQUEST_SCOPES if "tenant" in path.lower()]
    if _TENANTS_ENGINE in engines and not tenants:
        yield catalogue.THREAD_BOUND(package="django-tenants", scope=_TENANTS)


def _thread_bound() -> Iterator[tuple[str, str]]:
    """Entries of MIDDLEWARE that are such a package's, or derived from it."""
    for path, cls in middleware.named_classes():
        names = {f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__} | {path}
        for name in sorted(names & _THREAD_BOUND.keys()):
            yield path, _THREAD_BOUND[name]


def _what_is_wrong_with(path: str) -> str:
    try:
        found: Any = import_string(path)
    except Exception as error:  # noqa: BLE001 a site's module may raise anything while it is imported
        return f"cannot be imported: {error!r}"
    if not callable(found):
        return "is not callable"
    if path in settings.MIDDLEWARE and not getattr(found, "sync_capable", True):
        return "is asynchronous, and the work of uploads is not"
    return ""
