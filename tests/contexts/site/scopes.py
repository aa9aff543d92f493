"""A scope of the site's own: what `middleware.rows_of` does, without its middleware."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.http import HttpRequest


@contextmanager
def rows(request: HttpRequest) -> Iterator[None]:
    _set(request.headers.get("X-Owner", ""))
    try:
        yield
    finally:
        _set("")


def _set(owner: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('site.owner', %s, false)", [owner])
