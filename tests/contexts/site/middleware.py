"""Middleware and a router of a site that goes by the request's fields."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

View = Callable[[HttpRequest], HttpResponseBase]

database: ContextVar[str] = ContextVar("database", default="default")


class Router:
    """Uploads, users and notes are in the database of the request."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return database.get()

    db_for_write = db_for_read

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True


def here(get_response: View) -> View:
    """Database, user, language and time zone of the request."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        token = database.set(request.headers.get("X-Database", "default"))
        name = request.headers.get("X-Test-User", "nobody")
        language = request.headers.get("X-Language", "en")
        zone = request.headers.get("X-Time-Zone", "UTC")
        try:
            request.user, _ = get_user_model().objects.get_or_create(username=name)  # type: ignore
            with translation.override(language), timezone.override(zone):
                return get_response(request)
        finally:
            database.reset(token)

    return middleware


def rows_of(get_response: View) -> View:
    """Row-level security: the connection sees the rows of X-Owner."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        owner = request.headers.get("X-Owner", "")
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('site.owner', %s, false)", [owner])
        try:
            return get_response(request)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('site.owner', '', false)")

    return middleware
